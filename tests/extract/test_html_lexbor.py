"""The parse beside lexbor's on real pages: the same text in the same order, but for differences that are listed."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.parse.html import HTMLTree

from curate.extract.charset import decode
from curate.extract.html import parse_page
from curate.extract.html.blocks import IN_TITLE

SAMPLE = 120
"""Pages; the order of the file is by hash of the address."""
LEAST_EQUAL = 0.9
"""Share of pages with text equal to the letter. The others have one of the differences below."""
LEAST_ALIKE = 0.995
"""Share of lexbor's characters that are found on every page but for the listed reasons, all pages together."""
WITHOUT = ("script", "style", "iframe", "noembed", "noframes", "textarea", "title", "template", "video", "audio",
           "canvas", "datalist", "meter", "progress", "math",
           "desc")  # fmt: skip
"""Elements that the parse leaves out on purpose (formulas it writes as TeX); they are taken out of lexbor's tree.

Other differences: text that stands wrongly in a table (lexbor moves it before the table), parts of a table outside one,
line numbers beside code and the mark of a heading's own link (left out by class), MathJax's visible doubles.
"""


def sources(shared_data: Path, count: int) -> list[str]:
    with gzip.open(shared_data / "realweb-dev.gold.jsonl.gz") as lines:
        truncated = {row["record_id"] for row in map(json.loads, lines) if row["truncated"]}
    found = []
    with open(shared_data / "realweb-dev.warc.gz", "rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
            if record.headers["WARC-Record-ID"] not in truncated:
                found.append(decode(record.reader.read(), record.http_headers.get("Content-Type"))[0])
            if len(found) == count:
                break
    return found


def of_lexbor(html: str) -> str:
    tree = HTMLTree.parse(html)
    for name in WITHOUT:
        while found := [node for node in tree.document.get_elements_by_tag_name(name) if node.parent is not None]:
            for node in found:
                if node.parent is not None:
                    node.parent.remove_child(node)
    return "".join((tree.body.text if tree.body else "").split())


def of_parse(html: str) -> str:
    page = parse_page(html.encode())
    shown = np.flatnonzero(page.blocks["flags"] & IN_TITLE == 0)
    return "".join("".join(page.block_text(number) for number in shown).split())


@pytest.mark.slow
def test_text_in_order_is_lexbors_on_real_pages(shared_data: Path) -> None:
    same = common = total = 0
    for html in sources(shared_data, SAMPLE):
        theirs, ours = of_lexbor(html), of_parse(html)
        same += theirs == ours
        total += len(theirs)
        common += len(theirs) if theirs == ours else alike(theirs, ours)
    assert total > 1000 * SAMPLE
    assert same >= LEAST_EQUAL * SAMPLE
    assert common >= LEAST_ALIKE * total


def alike(one: str, other: str, step: int = 20) -> int:
    """Characters of one text whose pieces of 20 are found in the other, in order."""
    found, at = 0, 0
    for start in range(0, len(one), step):
        piece = one[start : start + step]
        place = other.find(piece, at)
        if place >= 0:
            found, at = found + len(piece), place + len(piece)
    return found
