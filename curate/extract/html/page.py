"""From a page's bytes to its blocks: limits, capacities, and the call of the compiled parse.

Every capacity is a function of the page's bytes and of its `<`, so the kernels never write past an array, and memory is
bounded before any is taken.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html.blocks import COMPLETE, TOO_LONG, Page
from curate.extract.html.naming import NAMES_AN_ELEMENT
from curate.extract.html.parsing import count_tags, parse
from curate.extract.html.references import GROWTH
from curate.extract.html.work import (
    ENDED,
    N_BLOCKS,
    N_DATA,
    N_FRAMES,
    N_MARKS,
    N_NAMES,
    N_NODES,
    N_TABLES,
    N_TEXT,
    STEPS,
    WANTED,
    work_for,
)

MOST_BYTES = 16 << 20
"""Bytes of a page that are read; sixteen times what Common Crawl keeps of one (1 MiB until 2025, 5 MiB since)."""
MOST_BLOCKS = 1 << 18
"""Blocks of a page; the most on real pages of up to 1 MiB is some 20,000."""
_MARKS_A_TAG = 4
"""A start can begin a mark and end one by what it implies, TeX in an attribute has two, and a link ends where another
begins."""
_SPARE = 64
"""Bytes of text beyond what the page's own can become: the last reference's, line feeds at ends of blocks, and the 32 that
are read at once where words are counted."""


def parse_page(source: bytes, most_bytes: int = MOST_BYTES, most_blocks: int = MOST_BLOCKS, wanted: int = 0) -> Page:
    """The blocks of a page in UTF-8; what lies behind a limit is not read, and `ended` says so.

    `wanted` asks for marks of links and images: WITH_LINKS, WITH_IMAGES.

    >>> page = parse_page(b"<h1>Tea</h1><p>Boil <b>water</b>.")
    >>> [page.block_text(i) for i in range(len(page.blocks))]
    ['Tea', 'Boil water.']
    """
    end = most_bytes
    while 0 < end < len(source) and source[end] & 0xC0 == 0x80:  # never within a character
        end -= 1
    data = np.frombuffer(source[:end], np.uint8)
    tags = count_tags(data, len(data))
    work, arrays = work_for(
        {
            "text": GROWTH * len(data) + tags + _SPARE,
            "blocks": min(tags + 2, most_blocks + 1),
            "marks": _MARKS_A_TAG * tags + _SPARE,
            "nodes": tags + 2,
            "names": min(len(data) // 2, NAMES_AN_ELEMENT * tags) + 1,
            "frames": tags + 1,
            "tables": tags + 1,
            "lists": tags + 1,
        }
    )
    state = work["state"][0]
    state[WANTED] = wanted
    parse(work, data, len(data))
    ended = int(state[ENDED])
    return Page(
        source=data,
        text=arrays["text"][: state[N_TEXT]],
        blocks=arrays["blocks"][: state[N_BLOCKS]],
        marks=arrays["marks"][: state[N_MARKS]],
        nodes=arrays["nodes"][: state[N_NODES]],
        names=arrays["names"][: state[N_NAMES]],
        frames=arrays["frames"][: state[N_FRAMES]],
        tables=arrays["tables"][: state[N_TABLES]],
        data=work["data"][0, : state[N_DATA]],
        ended=TOO_LONG if ended == COMPLETE and len(source) > most_bytes else ended,
        steps=int(state[STEPS]),
    )
