"""Makes `sample/`, the part of the example that the package carries: a few pages of each of the small web's kinds, and a
little of the reference, the evaluation set and the sources beside it, in the same folders and under the same names.

    python examples/make_sample.py

Records are taken as they are, members of gzip and all, so everything said of the small web holds of them.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

from fastwarc.warc import ArchiveIterator
from generator.warc import gzip_member

HERE = Path(__file__).resolve().parent
SHARE = 34
"""Of each kind of page one of so many is taken, and at least one."""
REFERENCE_DOCUMENTS = 32
CODE_FILES = 8
SOURCE_DOCUMENTS = 2
"""Documents of each of the files that stand for the sources of recipes."""
FILES = ("web-00000.warc.gz", "web-00001.warc.gz", "web-00002.warc.gz")
"""Web files of the sample: recipes name them."""


def sample_web() -> None:
    """The warcinfo, and of each kind of page the first of so many; of copies their originals too."""
    wanted = _wanted()
    taken: list[bytes] = []
    for name in ("web-00000.warc.gz", "web-00001.warc.gz"):
        data = (HERE / "web" / name).read_bytes()
        with open(HERE / "web" / name, "rb") as stream:
            records = [
                (record.stream_pos, record.headers.get("WARC-Target-URI") or "", record.headers.get("WARC-Type"))
                for record in ArchiveIterator(stream, parse_http=False)
            ]
        ends = [*(position for position, _, _ in records[1:]), len(data)]
        for (start, url, kind), end in zip(records, ends, strict=True):
            if kind not in ("request", "metadata", "warcinfo") and url in wanted:
                taken.append(data[start:end])
    third = len(taken) // len(FILES)
    for number, name in enumerate(FILES):
        members = taken[number * third : (number + 1) * third if number < len(FILES) - 1 else None]
        damaged = members[0][: len(members[0]) // 2] if number == len(FILES) - 1 else b""  # cut off, as crawls have it
        (HERE / "sample" / "web" / name).write_bytes(b"".join(members) + damaged)


def _wanted() -> set[str]:
    """Addresses of the pages taken."""
    facts = json.loads((HERE / "planted.json").read_text("utf-8"))
    planted = facts["planted"]
    wanted: set[str] = set()
    for entries in planted.values():
        for entry in entries[: max(1, round(len(entries) / SHARE))]:
            urls = entry if isinstance(entry, list) else entry.get("urls") if isinstance(entry, dict) else [entry]
            wanted.update(urls or [entry["url"]])
    by_kind: dict[str, list[str]] = defaultdict(list)
    for name in ("web-00000.warc.gz", "web-00001.warc.gz"):
        with open(HERE / "web" / name, "rb") as stream:
            for record in ArchiveIterator(stream, parse_http=False):
                url = record.headers.get("WARC-Target-URI") or ""
                by_kind[urlsplit(url).path.split("/")[1] if url.startswith("http") else ""].append(url)
    articles = list(dict.fromkeys(by_kind["article"]))
    return wanted | set(articles[: len(articles) // SHARE])


def sample_documents() -> None:
    """The first documents of the reference, of the code and of each source, the evaluation set whole."""
    _first("reference/encyclopaedia.jsonl.gz", REFERENCE_DOCUMENTS)
    _first("code/files.jsonl.gz", CODE_FILES)
    for number in range(22):
        _first(f"sources/part-{number:02d}.jsonl.gz", SOURCE_DOCUMENTS)
    (HERE / "sample" / "eval" / "invented.jsonl.gz").write_bytes((HERE / "eval" / "invented.jsonl.gz").read_bytes())
    links = (HERE / "sources" / "outlinks.txt").read_text("utf-8").splitlines(keepends=True)
    wanted = _wanted()
    kept = [line for line in links if line.split("\t")[0] in wanted]
    (HERE / "sample" / "sources" / "outlinks.txt").write_text("".join(kept), "utf-8")


def _first(name: str, documents: int) -> None:
    with gzip.open(HERE / name, "rb") as lines:
        data = b"".join(line for _, line in zip(range(documents), lines, strict=False))
    (HERE / "sample" / name).write_bytes(gzip_member(data))


if __name__ == "__main__":
    for folder in ("web", "reference", "eval", "sources", "code"):
        (HERE / "sample" / folder).mkdir(parents=True, exist_ok=True)
    sample_web()
    sample_documents()
