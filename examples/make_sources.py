"""Makes `sources/`: the encyclopaedia's documents dealt out to 22 files, and addresses of the small web with karma.

Stand-ins, so that recipes with many sources run here: what they hold is the encyclopaedia's, whatever they stand for.

    python make_sources.py
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType

HERE = Path(__file__).resolve().parent
SOURCES = 22  # as many as the Pile has
MOST_KARMA = 6


def deal_out() -> None:
    """`part-NN.jsonl.gz`: document i of the encyclopaedia goes to file i modulo 22."""
    with gzip.open(HERE / "reference" / "encyclopaedia.jsonl.gz", "rt", encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    for number in range(SOURCES):
        packed = io.BytesIO()
        with gzip.GzipFile("", "wb", 9, packed, mtime=0) as file:
            for document in documents[number::SOURCES]:
                file.write((json.dumps(document, ensure_ascii=False) + "\n").encode())
        (HERE / "sources" / f"part-{number:02d}.jsonl.gz").write_bytes(packed.getvalue())


def addresses() -> None:
    """`outlinks.txt`: an address and its karma a line, for one address in three."""
    lines = set()
    for path in sorted((HERE / "web").glob("*.warc.gz")):
        records = ArchiveIterator(path.open("rb"), record_types=WarcRecordType.response, parse_http=False)
        with contextlib.suppress(OSError):  # one file is damaged on purpose: what lies before will do
            for record in records:
                address = record.headers.get("WARC-Target-URI", "")
                draw = hashlib.sha256(address.encode()).digest()
                if draw[0] % 3 == 0 and address.startswith("http") and not set(address) & set(" \t\n"):
                    lines.add(f"{address}\t{draw[1] % (MOST_KARMA + 1)}\n")
    (HERE / "sources" / "outlinks.txt").write_text("".join(sorted(lines)), encoding="utf-8")


if __name__ == "__main__":
    (HERE / "sources").mkdir(exist_ok=True)
    deal_out()
    addresses()
