"""The bundled example: made the same each time, readable by any WARC reader, and holding what planted.json says it holds."""

import gzip
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from warcio.archiveiterator import ArchiveIterator

EXAMPLES = Path(__file__).parents[2] / "examples"
HEALTHY = ("web-00000.warc.gz", "web-00001.warc.gz")
SIZE_LIMIT = 4_000_000  # bytes of all WARC files, which lie in git
EVALUATION_NGRAM = 13  # words; GPT-3, appendix C


@dataclass(frozen=True)
class Record:
    kind: str
    url: str
    status: str
    content_type: str
    body: bytes


@pytest.fixture(scope="module")
def planted() -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((EXAMPLES / "planted.json").read_text("utf-8"))
    return facts


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """All records of the two healthy files, as warcio reads them with digests checked."""
    return [record for name in HEALTHY for record in _read(EXAMPLES / "web" / name)]


@pytest.fixture(scope="module")
def pages(records: list[Record]) -> dict[str, str]:
    """Paragraph text of each UTF-8 HTML page with status 200, by address; the last capture of an address counts."""
    html = [r for r in records if r.kind == "response" and r.status == "200" and r.content_type.endswith("utf-8")]
    return {record.url: _paragraphs(record.body) for record in html if b"html" in record.body[:200]}


def _read(path: Path) -> Iterator[Record]:
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, check_digests="raise"):
            http = record.http_headers
            yield Record(
                record.rec_type,
                record.rec_headers.get_header("WARC-Target-URI") or "",
                http.get_statuscode() if http and record.rec_type == "response" else "",
                (http.get_header("Content-Type") if http else "") or "",
                record.raw_stream.read(),
            )


def _paragraphs(body: bytes) -> str:
    found = re.findall(r"<p>(.*?)</p>", body.decode("utf-8", "replace"), re.DOTALL)
    return "\n".join(found).replace("&amp;", "&").replace("&#x27;", "'")


def _ngrams(text: str, n: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def _similarity(left: str, right: str) -> float:
    a, b = _ngrams(left, 5), _ngrams(right, 5)
    return len(a & b) / len(a | b)


def test_making_it_again_gives_the_same_records(tmp_path: Path) -> None:
    """The script run in another folder writes the files that are in the tree, up to the compression."""
    subprocess.run([sys.executable, str(EXAMPLES / "make_web.py"), "--out", str(tmp_path)], check=True)
    for path in [
        *EXAMPLES.glob("reference/*.gz"),
        *EXAMPLES.glob("eval/*.gz"),
        *(EXAMPLES / "web" / n for n in HEALTHY),
    ]:
        again = tmp_path / path.relative_to(EXAMPLES)
        assert gzip.decompress(again.read_bytes()) == gzip.decompress(path.read_bytes()), path.name
    assert (tmp_path / "planted.json").read_text("utf-8") == (EXAMPLES / "planted.json").read_text("utf-8")
    damaged = (
        (EXAMPLES / "web" / "web-00002.warc.gz").read_bytes(),
        (tmp_path / "web" / "web-00002.warc.gz").read_bytes(),
    )
    starts = [data.count(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff") for data in damaged]
    assert starts[0] == starts[1] > 100


def test_it_is_small_enough_for_the_tree() -> None:
    assert sum(path.stat().st_size for path in EXAMPLES.glob("web/*")) < SIZE_LIMIT


def test_every_record_is_counted(records: list[Record], planted: dict[str, Any]) -> None:
    """Records of each type in the healthy files are those that planted.json counts, and captures add up by category."""
    expected: Counter[str] = Counter()
    for name in HEALTHY:
        expected.update(planted["files"][name])
    assert Counter(record.kind for record in records) == expected
    captures = [record for record in records if record.kind in ("response", "revisit", "resource")]
    assert len(captures) == sum(planted["pages"].values())
    for category, entries in planted["planted"].items():
        size = sum(len(_addresses(entry)) for entry in entries)
        assert size == planted["pages"][category], category


def _addresses(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    if isinstance(entry, list):
        return entry
    return entry["urls"] if "urls" in entry else [entry["url"]]


def test_every_planted_address_is_in_the_files(records: list[Record], planted: dict[str, Any]) -> None:
    captured = {record.url for record in records}
    for category, entries in planted["planted"].items():
        missing = [url for entry in entries for url in _addresses(entry) if url not in captured]
        assert not missing, category


def test_only_reserved_names_are_used(records: list[Record]) -> None:
    for record in records:
        if record.url.startswith("http"):
            assert (urlsplit(record.url).hostname or "").endswith(".example"), record.url


def test_damage_stops_a_strict_reader_only_in_the_damaged_file(planted: dict[str, Any]) -> None:
    """The third file has two bad gzip members; every other member of it can be read alone."""
    data = (EXAMPLES / "web" / "web-00002.warc.gz").read_bytes()
    with pytest.raises(Exception):  # noqa: B017  zlib.error or EOFError or gzip.BadGzipFile
        gzip.decompress(data)
    starts = [match.start() for match in re.finditer(rb"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff", data)]
    kinds: Counter[str] = Counter()
    bad = 0
    for start, end in pairwise([*starts, len(data)]):
        try:
            record = gzip.decompress(data[start:end])
        except Exception:
            bad += 1
            continue
        kinds[re.findall(rb"WARC-Type: (\w+)", record)[0].decode()] += 1
    assert bad == len(planted["damaged_records"]) == 2
    assert kinds == planted["files"]["web-00002.warc.gz"]


def test_unrelated_articles_are_not_near_duplicates(pages: dict[str, str]) -> None:
    """No two of 150 ordinary articles share as much as .3 of their word 5-grams."""
    articles = [text for url, text in sorted(pages.items()) if urlsplit(url).path.startswith("/article/")][::5][:150]
    assert len(articles) == 150
    grams = [_ngrams(text, 5) for text in articles]
    assert max(len(a & b) / len(a | b) for a, b in combinations(grams, 2)) < 0.3


def test_planted_duplicates_have_the_similarity_stated(pages: dict[str, str], planted: dict[str, Any]) -> None:
    for urls in planted["planted"]["exact_duplicates"]:
        assert len({pages[url] for url in urls}) == 1
    for group in planted["planted"]["near_duplicates"]:
        first, *others = (pages[url] for url in group["urls"])
        measured = [_similarity(first, other) for other in others]
        assert measured == pytest.approx(group["jaccard_to_first"], abs=1e-4)
    levels = {
        round(g["jaccard_to_first"][0], 1) for g in planted["planted"]["near_duplicates"] if g["kind"] == "edited"
    }
    assert levels >= {0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}


def test_evaluation_passages_are_found_only_where_planted(pages: dict[str, str], planted: dict[str, Any]) -> None:
    """Each planted page shares a 13-gram with its item, and no other page or reference document with any item."""
    with gzip.open(EXAMPLES / "eval" / "invented.jsonl.gz", "rt", encoding="utf-8") as stream:
        items = {item["id"]: _ngrams(item["text"], EVALUATION_NGRAM) for item in map(json.loads, stream)}
    everything = set().union(*items.values())
    entries = {entry["url"]: entry["item"] for entry in planted["planted"]["evaluation_passages"]}
    for url, text in pages.items():
        grams = _ngrams(text, EVALUATION_NGRAM)
        if url in entries:
            assert grams & items[entries[url]], url
        else:
            assert not grams & everything, url
    with gzip.open(EXAMPLES / "reference" / "encyclopaedia.jsonl.gz", "rt", encoding="utf-8") as stream:
        assert not any(_ngrams(json.loads(line)["text"], EVALUATION_NGRAM) & everything for line in stream)


def test_personal_data_and_boilerplate_stand_on_the_pages_named(
    records: list[Record], pages: dict[str, str], planted: dict[str, Any]
) -> None:
    for entry in planted["planted"]["personal_data"]:
        assert entry["value"] in pages[entry["url"]], entry
    bodies = [record.body for record in records if record.kind == "response"]
    for entry in planted["boilerplate"][::10]:
        assert sum(entry["line"].encode() in body for body in bodies) == entry["pages"] >= 10


def test_legacy_pages_are_in_the_charset_stated(records: list[Record], planted: dict[str, Any]) -> None:
    bodies = {record.url: record for record in records if record.kind == "response"}
    for entry in planted["planted"]["legacy_charsets"]:
        page = bodies[entry["url"]]
        assert entry["begins"] in page.body.decode(entry["charset"])
        assert (entry["charset"] in page.content_type) == (entry["declared"] in ("header", "both"))
        assert (f'charset="{entry["charset"]}"'.encode() in page.body) == (entry["declared"] in ("meta", "both"))
