"""Writes code/files.jsonl.gz: this folder's programs as a dataset of source code has them, a line a file.

Licence, language and path stand beside the text, as in The Stack. Run it again and the bytes are the same.
"""

import gzip
import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Write the file."""
    files = sorted(path for path in FOLDER.rglob("*.py") if "__pycache__" not in path.parts)
    with (FOLDER / "code" / "files.jsonl.gz").open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        for path in files:
            name = path.relative_to(FOLDER).as_posix()
            row = {"id": name, "path": name, "language": "Python", "license": "apache-2.0", "text": path.read_text()}
            file.write(json.dumps(row).encode() + b"\n")


if __name__ == "__main__":
    main()
