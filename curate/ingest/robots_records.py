"""robots.txt files that a crawl kept, from the response records of WARC files. Knows records and HTTP; judges
nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from curate.ingest import codings
from curate.ingest.frames import Frames
from curate.ingest.http import text_of, whole_answer
from curate.ingest.warc import Damage, makes_sense, records, seconds

_PATH = "/robots.txt"


class RobotsRecord(NamedTuple):
    """A robots.txt as it was served: its address, seconds since 1970 UTC, and the body; None where it was none to
    read."""

    url: str
    date: int | None
    body: bytes | None


def robots_records(file: IO[bytes], name: str, counts: Counter[str]) -> Iterator[RobotsRecord]:
    """Those of a WARC file in its order. `counts` gets `records`, `damaged`, and `unreadable`: answers other than 200,
    and bodies that cannot be decoded."""
    for found in records(Frames(file, name, makes_sense), Counter()):
        if isinstance(found, Damage):
            counts["damaged"] += 1
            continue
        counts["records"] += 1
        headers = found.headers
        url = text_of(headers.get_bytes(b"WARC-Target-URI")) or ""
        kind = (headers.get_bytes(b"WARC-Type") or b"").strip().lower()
        if kind != b"response" or not _is_robots(url.strip(" <>")):
            continue
        body = None
        if not found.oversize:
            try:
                status, content = whole_answer(found.block)
                body = content if status == 200 else None
            except (codings.TooMuch, codings.NotDecodable):
                body = None
        counts["unreadable" if body is None else "robots"] += 1
        yield RobotsRecord(url.strip(" <>"), seconds(headers.get_bytes(b"WARC-Date")), body)


def _is_robots(url: str) -> bool:
    try:
        return urlsplit(url).path == _PATH
    except ValueError:
        return False
