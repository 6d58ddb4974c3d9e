"""Common Crawl's layout: a crawl's name becomes the keys of its files, the same whatever stands before them.

Knows names of crawls and of their lists (https://commoncrawl.org, announcements of the crawls); reads no record.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from curate.config.models import BASE
from curate.errors import ConfigError, nearest
from curate.storage import join, open_binary, read_list

_CRAWLS = "collinfo.json"
"""The list of crawls; it lies on a server of its own, and in a copy beside the files."""
_CRAWLS_AT = "https://index.commoncrawl.org/"
_MOST_BYTES = 16 << 20
_LISTS = {"warc": "warc", "crawldiagnostics": "non200responses", "robotstxt": "robotstxt"}
"""By subset, what the list of its files is called."""


def crawl_keys(
    crawl: str, format: str, subset: str = "warc", segments: Sequence[str] = (), base: str | None = None
) -> list[str]:
    """The keys of a crawl's files of a format, warc or wet, in the order of its list.

    Raises ConfigError for a crawl, a segment or a kind of files that there is not; StorageError.
    """
    news = crawl.startswith("CC-NEWS-")
    if news and (format != "warc" or subset != "warc" or segments):
        raise ConfigError(f"{crawl} has WARC files of pages only, and no segments")
    if format == "wet" and subset != "warc":
        raise ConfigError(f"{crawl} has no text of its {subset} files: set `format: warc`")
    folder = "CC-NEWS/" + "/".join(crawl.split("-")[2:]) if news else crawl
    name = "wet" if format == "wet" else _LISTS[subset]
    keys = _listed(crawl, f"crawl-data/{folder}/{name}.paths.gz", base)
    if not segments:
        return keys
    by_segment: dict[str, list[str]] = {}
    for key in keys:
        by_segment.setdefault(key.partition("/segments/")[2].partition("/")[0], []).append(key)
    for segment in segments:
        if segment not in by_segment:
            raise ConfigError(f"{crawl} has no segment {segment!r}{nearest(segment, by_segment)}")
    return [key for segment in dict.fromkeys(segments) for key in by_segment[segment]]


def index_keys(crawl: str, subset: str = "warc", base: str | None = None) -> list[str]:
    """The keys of the columnar index of a crawl's files of a subset. Raises ConfigError, StorageError as `crawl_keys`."""
    if crawl.startswith("CC-NEWS-"):
        raise ConfigError(f"{crawl} has no index: read its files, and choose by rules")
    keys = _listed(crawl, f"crawl-data/{crawl}/cc-index-table.paths.gz", base)
    of_subset = [key for key in keys if f"/subset={subset}/" in key]
    if not of_subset:
        raise ConfigError(f"the index of {crawl} has no files of {subset}")
    return of_subset


def _listed(crawl: str, list_key: str, base: str | None) -> list[str]:
    """The keys that a list of a crawl holds."""
    try:
        return read_list(join(base or BASE, list_key))
    except FileNotFoundError:
        raise ConfigError(f"no crawl {crawl!r} at {base or BASE}{_known(crawl, base)}") from None


def _known(crawl: str, base: str | None) -> str:
    """What the list of crawls has to say of a name that is none of them: the nearest, and the newest."""
    try:
        with open_binary(join(base or _CRAWLS_AT, _CRAWLS)) as file:
            listed = json.loads(file.read(_MOST_BYTES))
        newest = max(listed, key=lambda each: str(each.get("to", "")))
        names = [str(each["id"]) for each in listed]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f"{nearest(crawl, names)}; the newest is {newest['id']}"
