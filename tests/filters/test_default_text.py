"""Packs on what the default extractor gives of real pages: none is emptied or made useless by the form of its lines."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from curate import filters, ingest
from curate.extract import extractor
from curate.language import identify
from curate.storage import SourceFile

PLAUSIBLE = {
    "c4": (0.85, 0.99), "c4-datatrove": (0.8, 0.99), "c4-fineweb": (0.85, 0.99), "fineweb": (0.5, 0.8),
    "fineweb-paper": (0.65, 0.9),
    "gopher-quality": (0.9, 0.99), "gopher-quality-datatrove": (0.9, 0.99), "gopher-repetition": (0.7, 0.95),
    "gopher-repetition-datatrove": (0.75, 0.97), "gopher-repetition-dolma": (0.7, 0.95), "redpajama-v2": (0.45, 0.8),
    "refinedweb-lines": (0.8, 0.99),
}  # fmt: skip
"""Shares of English pages with text that a pack may keep. The pages are articles in the main, better than a crawl's mean."""


@pytest.fixture(scope="module")
def pages(shared_data: Path) -> pa.Array:
    """The first English pages, as a run extracts them."""
    path = shared_data / "realweb-dev.warc.gz"
    source = SourceFile(str(path), path.name, path.stat().st_size, "x")
    texts: list[str] = []
    for batch in ingest.read(source, "web", "warc", ingest.Columns(), Counter()):
        found = extractor().extract(batch.select(["body", "content_type"])).to_pylist()
        texts += [page["text"] for page in found if page.get("text")]
        if len(texts) > 500:
            break
    codes, _ = identify(texts)
    return pa.array(
        [text for text, code in zip(texts, list(codes), strict=True) if str(code) == "en"], pa.large_string()
    )


def kept(name: str, texts: pa.Array) -> list[bool]:
    return [not failed for failed in filters.load(name).evaluate(texts)["failed"].to_pylist()]


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_every_pack_keeps_a_plausible_share_of_real_pages(name: str, pages: pa.Array) -> None:
    least, most = PLAUSIBLE[name]
    assert len(pages) > 200
    assert least <= sum(kept(name, pages)) / len(pages) <= most


@pytest.mark.parametrize("name", sorted(set(PLAUSIBLE) - {"gopher-repetition"}))
def test_blank_lines_between_blocks_decide_nothing(name: str, pages: pa.Array) -> None:
    """But where paragraphs are counted, which blank lines part."""
    single = ["\n".join(line for line in text.split("\n") if line.strip()) for text in pages.to_pylist()]
    spaced = [text.replace("\n", "\n \n\n") for text in single]
    if name == "gopher-repetition-datatrove":
        rules = {"duplicate_paragraphs", "duplicate_paragraph_characters"}
        decided = [
            [set(failed) - rules for failed in filters.load(name).evaluate(texts)["failed"].to_pylist()]
            for texts in (single, spaced)
        ]
        assert decided[0] == decided[1]
        return
    assert kept(name, pa.array(single)) == kept(name, pa.array(spaced)) == kept(name, pages)
