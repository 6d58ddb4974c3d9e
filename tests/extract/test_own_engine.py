"""The project's own engine in batches: limits that are exact, neighbours that are not lost, pages that kill found."""

from pathlib import Path

import pyarrow as pa
import pytest

import curate
from curate.extract import EXTRACTED, Extractor, Limits, OwnExtractor, extractor
from curate.extract.forms import Form
from curate.extract.limits import MEMORY

RUSSIAN = "<html lang=ru><p>Чайник закипел на плите"


def pages(*bodies: bytes | None, content_type: str | None = "text/html; charset=utf-8") -> pa.RecordBatch:
    kinds = pa.array([content_type] * len(bodies), pa.string())
    return pa.record_batch({"body": pa.array(bodies, pa.large_binary()), "content_type": kinds})


def outcome(batch: pa.RecordBatch) -> list[str | None]:
    """Per row `!reason`, or the text."""
    return [f"!{row['reason']}" if row["reason"] else row["text"] for row in batch.to_pylist()]


def test_a_batch_keeps_its_order_its_nulls_and_says_charsets() -> None:
    done = extractor("curate").extract(pages(RUSSIAN.encode("cp1251"), None, b"<p>b", content_type="text/html"))
    assert done.schema == EXTRACTED
    assert done.to_pylist() == [
        {"text": "Чайник закипел на плите", "charset": "windows-1251", "reason": None},
        {"text": None, "charset": None, "reason": None},
        {"text": "b", "charset": "utf-8", "reason": None},
    ]


def test_each_format_has_an_extractor_of_its_own() -> None:
    page = pages(b"<h2>Tea</h2><p>Boil water.")
    assert outcome(extractor("curate", form=Form("markdown")).extract(page)) == ["## Tea\n\nBoil water."]
    assert outcome(extractor("curate").extract(page)) == ["Tea\nBoil water."]


def test_hostile_markup_is_refused_by_exact_rules_or_read_and_neighbours_survive() -> None:
    own = OwnExtractor()
    nodes = own.limits.nodes
    bodies = {
        b"<" * (own.limits.body_bytes + 1): "!too-large",
        b"<div>" * (nodes + 1): "!too-many-nodes",
        b"<div>" * 100_000 + b"deep": "deep",
        b"<p " + b" ".join(b"a%d=1" % i for i in range(1_000_000)) + b">attributes": "attributes",
        b"\0" * 1_000_000: "!no-text",
        b"": "!no-text",
        b"<script>only()</script>": "!no-text",
        "<p>16".encode("utf-16-le"): "16",
    }
    for body, expected in bodies.items():
        assert outcome(own.extract(pages(b"<p>before", body, b"<p>after"))) == ["before", expected, "after"]


def test_as_many_tags_as_are_allowed_are_read() -> None:
    own = OwnExtractor(limits=Limits(nodes=1000))
    assert outcome(own.extract(pages(b"<i>" * 1000 + b"x", b"<i>" * 1001 + b"x"))) == ["x", "!too-many-nodes"]


def test_a_page_that_kills_its_process_is_found_and_left_out_and_its_neighbours_are_read() -> None:
    small = b"<p>a"
    large = b"<p>" + b"word " * 3_200_000
    OwnExtractor().extract(pages(b"<p>" + b"word " * 200))  # what the child would else compile within its limits
    guarded = OwnExtractor(limits=Limits(memory_bytes=320 << 20), guarded=True)
    assert outcome(guarded.extract(pages(small, large, small))) == ["a", f"!{MEMORY}", "a"]


def test_guarded_or_not_a_page_has_the_same_text(shared_data: Path) -> None:
    from tests.extract.test_html_lexbor import sources

    batch = pages(*(source.encode() for source in sources(shared_data, 30)))
    assert OwnExtractor(guarded=True).extract(batch).equals(OwnExtractor().extract(batch))
    with Extractor("curate") as child:
        assert child.extract(batch).equals(OwnExtractor().extract(batch))


def test_the_public_function_reads_strings_and_bytes_in_either_format() -> None:
    page = "<h1>Tea</h1><ol><li>Boil <b>water</b>.<li>Steep.</ol>"
    assert curate.extract.text(page) == "Tea\nBoil water.\nSteep."
    assert curate.extract.text(page.encode("utf-16"), format="markdown") == "# Tea\n\n1. Boil water.\n2. Steep."
    assert curate.extract.text("<p>Б".encode("cp1251"), content_type="text/html; charset=windows-1251") == "Б"
    with pytest.raises(ValueError, match="no format 'rtf'"):
        curate.extract.text(page, format="rtf")
