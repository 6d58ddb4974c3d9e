"""A copy of a crawl laid out as Common Crawl lays it: real files under its keys, its lists, its list of crawls."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CRAWL = "CC-MAIN-2026-12"
NEWS = "CC-NEWS-2026-03"


def key_of(number: int, kind: str = "warc") -> str:
    """The key of a file of the crawl."""
    folder = {"warc": "warc", "wet": "wet", "non200responses": "crawldiagnostics"}[kind]
    suffix = "warc.wet.gz" if kind == "wet" else "warc.gz"
    return (
        f"crawl-data/{CRAWL}/segments/17728{number % 2:08d}.{number % 2}/{folder}/"
        f"CC-MAIN-20260306000000-20260306030000-{number:05d}.{suffix}"
    )


def crawl_copy(folder: Path, warcs: Sequence[Path], wets: Sequence[Path] = ()) -> list[str]:
    """Lay the files out below a folder; returns the keys of the WARC files."""
    keys: dict[str, list[str]] = {"warc": [], "wet": [], "non200responses": []}
    for kind, files in (("warc", warcs), ("wet", wets), ("non200responses", warcs[:1])):
        for number, file in enumerate(files):
            keys[kind].append(key_of(number, kind))
            target = folder / keys[kind][-1]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        _write_list(folder / f"crawl-data/{CRAWL}/{kind}.paths.gz", keys[kind])
    news = "crawl-data/CC-NEWS/2026/03/CC-NEWS-20260301000000-00001.warc.gz"
    (folder / news).parent.mkdir(parents=True)
    shutil.copy(warcs[0], folder / news)
    _write_list(folder / "crawl-data/CC-NEWS/2026/03/warc.paths.gz", [news])
    crawls = [
        {"id": "CC-MAIN-2026-08", "name": "February 2026 Index", "to": "2026-02-20T00:00:00"},
        {"id": CRAWL, "name": "March 2026 Index", "to": "2026-03-20T00:00:00"},
    ]
    (folder / "collinfo.json").write_text(json.dumps(crawls))
    return keys["warc"]


def index_copy(folder: Path, ledger: pa.Table) -> None:
    """Lay a columnar index of the copy's WARC files beside them, two files of it, made of the ledger of a run on them."""
    hosts = pc.extract_regex(ledger["url"], r"^https?://(?P<host>[^/:]+)").combine_chunks().field("host")
    index = pa.table(
        {
            "url": ledger["url"].cast(pa.string()),
            "url_host_name": hosts.cast(pa.string()),
            "fetch_time": ledger["date"].cast(pa.timestamp("ms")),
            "fetch_status": pa.array(
                [404 if at == "read" else 200 for at in ledger["dropped_at"].to_pylist()], pa.int16()
            ),
            "content_languages": pa.array([None, "eng"] * (len(ledger) // 2) + [None] * (len(ledger) % 2), pa.string()),
            "warc_filename": ledger["file"].cast(pa.string()),
            "warc_record_offset": ledger["offset"].cast(pa.int32()),
            "warc_record_length": ledger["length"].cast(pa.int32()),
        }
    ).sort_by("url")
    keys = []
    for number in range(2):
        keys.append(f"cc-index/table/cc-main/warc/crawl={CRAWL}/subset=warc/part-{number:05d}.parquet")
        (folder / keys[-1]).parent.mkdir(parents=True, exist_ok=True)
        half = -(-len(index) // 2)
        pq.write_table(index.slice(number * half, half), folder / keys[-1], row_group_size=50)
    _write_list(folder / f"crawl-data/{CRAWL}/cc-index-table.paths.gz", [*keys, keys[0].replace("=warc", "=robotstxt")])


def _write_list(path: Path, keys: Sequence[str]) -> None:
    path.write_bytes(gzip.compress("".join(f"{key}\n" for key in keys).encode(), mtime=0))
