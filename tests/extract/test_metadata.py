"""What a page says of itself: each field from each place, and work that a hostile page does not multiply."""

import gzip
import json
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st

from curate.extract.charset import decode
from curate.extract.html.metadata import FIELDS, metadata


@pytest.mark.parametrize(
    ("page", "field", "value"),
    [
        ("<title>Tea &amp; <b>milk</title>", "title", "Tea & <b>milk"),
        ("<title>Shop | Tea</title><meta property='og:title' content='Tea'>", "title", "Tea"),
        ("<!-- <title>old</title> --><title>new</title>", "title", "new"),
        ("<script>var a = '<title>no</title>'</script><title>yes</title>", "title", "yes"),
        ("<META NAME=author CONTENT='A. Lee'>", "author", "A. Lee"),
        ('<script type="application/ld+json">{"@graph": [{"author": [{"name": "B"}], "headline": "T",}]}</script>',
         "author", "B"),
        ("<meta property='article:published_time' content='2024-05-01'>", "date", "2024-05-01"),
        ('<script type="application/ld+json">{"datePublished": "2024"}</script>', "date", "2024"),
        ("<meta name=description content='a\nb'>", "description", "a b"),
        ("<link href=https://a.example/x rel='canonical nofollow'>", "canonical", "https://a.example/x"),
        ("<html class=x lang=de-AT>", "language", "de-AT"),
        ("<a href=/terms rel='license noopener'>", "licence", "/terms"),
        ("<a href='https://creativecommons.org/licenses/by-sa/4.0/deed.de'>", "licence",
         "https://creativecommons.org/licenses/by-sa/4.0"),
        ("<a href=https://creativecommons.org/licenses/by/4.0/><a href=https://creativecommons.org/licenses/by/3.0/>",
         "licence", None),
        ("<meta name=robots content='noindex, noai'><meta name=googlebot content=nosnippet>", "robots",
         "noindex, noai, googlebot: nosnippet"),
        ("<meta name=tdm-reservation content=1>", "robots", "tdm-reservation: 1"),
        ("<p>nothing", "title", None),
    ],
)  # fmt: skip
def test_a_field_is_found_where_pages_say_it(page: str, field: str, value: str | None) -> None:
    assert metadata(page)[field] == value


@given(st.text(alphabet="<>/ =\"'!-abtilemhrf{}[],:&;", max_size=200))
def test_any_text_gives_strings_or_nothing(page: str) -> None:
    found = metadata(f"<title>{page}</title><meta name={page}><script type=application/ld+json>{page}")
    assert tuple(found) == FIELDS and all(value is None or value for value in found.values())


def test_titles_and_languages_of_real_pages_are_those_that_were_noted(shared_data: Path) -> None:
    with gzip.open(shared_data / "realweb-dev.gold.jsonl.gz") as lines:
        gold = {row["record_id"]: row for row in map(json.loads, lines)}
    titles, languages = [], []
    with open(shared_data / "realweb-dev.warc.gz", "rb") as file:
        records = ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True)
        for record, _ in zip(records, range(300), strict=False):
            row = gold[record.headers["WARC-Record-ID"]]
            found = metadata(decode(record.reader.read(), record.http_headers.get("Content-Type"))[0])
            languages.append((found["language"] or None) == (row["html_lang"] or None))
            if row["title"]:
                titles.append(found["title"] is not None and row["title"].lower()[:20] in found["title"].lower())
    assert sum(languages) >= 0.95 * len(languages) > 100
    assert sum(titles) >= 0.7 * len(titles) > 50
