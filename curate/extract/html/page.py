"""From a page's bytes to its blocks: limits, capacities, and the call of the compiled parse.

Every capacity is a function of the page's bytes and of its `<`, so the kernels never write past an array, and memory is
bounded before any is taken.
"""

from __future__ import annotations

import numpy as np

from curate.extract.html.blocks import BLOCK, COMPLETE, FRAME, MARK, NODE, TABLE, TOO_LONG, Page
from curate.extract.html.building import (
    ENDED,
    LIST_WIDTH,
    N_BLOCKS,
    N_DATA,
    N_FRAMES,
    N_MARKS,
    N_NAMES,
    N_NODES,
    N_TABLES,
    N_TEXT,
    STATE,
    STEPS,
    WANTED,
    Work,
)
from curate.extract.html.elements import ATTRIBUTES
from curate.extract.html.naming import NAMES_AN_ELEMENT
from curate.extract.html.opened import COUNTS, MOST_DEEP, STACK_WIDTH
from curate.extract.html.parsing import count_tags, parse
from curate.extract.html.references import GROWTH
from curate.extract.html.tables import MOST_COLUMNS

MOST_BYTES = 16 << 20
"""Bytes of a page that are read; sixteen times what Common Crawl keeps of one (1 MiB until 2025, 5 MiB since)."""
MOST_BLOCKS = 1 << 18
"""Blocks of a page; the most on real pages of up to 1 MiB is some 20,000."""
_MARKS_A_TAG = 4
"""A start can begin a mark and end one by what it implies, TeX in an attribute has two, and a link ends where another
begins."""
MOST_DATA = 64
"""Pieces of data for scripts that are looked at; real pages have up to some twenty."""
_SPARE = 64
"""Bytes of text beyond what the page's own can become: the last reference's, and line feeds at ends of blocks."""


def parse_page(source: bytes, most_bytes: int = MOST_BYTES, most_blocks: int = MOST_BLOCKS, wanted: int = 0) -> Page:
    """The blocks of a page in UTF-8; what lies behind a limit is not read, and `ended` says so.

    `wanted` asks for marks of links and images: WITH_LINKS, WITH_IMAGES.

    >>> page = parse_page(b"<h1>Tea</h1><p>Boil <b>water</b>.")
    >>> [page.block_text(i) for i in range(len(page.blocks))]
    ['Tea', 'Boil water.']
    """
    data = np.frombuffer(source[:most_bytes], np.uint8)
    tags = count_tags(data, len(data))
    work = Work(
        state=np.zeros(STATE, np.int64),
        text=np.empty(GROWTH * len(data) + tags + _SPARE, np.uint8),
        blocks=np.empty(min(tags + 2, most_blocks + 1), BLOCK),
        marks=np.empty(_MARKS_A_TAG * tags + _SPARE, MARK),
        nodes=np.empty(tags + 2, NODE),
        names=np.empty(min(len(data) // 2, NAMES_AN_ELEMENT * tags) + 1, np.uint32),
        frames=np.empty(tags + 1, FRAME),
        tables=np.empty(tags + 1, TABLE),
        lists=np.empty((tags + 1, LIST_WIDTH), np.int64),
        data=np.empty((MOST_DATA, 3), np.int64),
        covered=np.full(MOST_COLUMNS + 1, -1, np.int64),
        stack=np.empty((MOST_DEEP, STACK_WIDTH), np.int64),
        open=np.empty(COUNTS, np.int64),
        found=np.empty(2 * len(ATTRIBUTES), np.int64),
        held=np.empty(8, np.uint8),
    )
    state = work.state
    state[WANTED] = wanted
    parse(work, data, len(data))
    ended = int(state[ENDED])
    return Page(
        source=data,
        text=work.text[: state[N_TEXT]],
        blocks=work.blocks[: state[N_BLOCKS]],
        marks=work.marks[: state[N_MARKS]],
        nodes=work.nodes[: state[N_NODES]],
        names=work.names[: state[N_NAMES]],
        frames=work.frames[: state[N_FRAMES]],
        tables=work.tables[: state[N_TABLES]],
        data=work.data[: state[N_DATA]],
        ended=TOO_LONG if ended == COMPLETE and len(source) > most_bytes else ended,
        steps=int(state[STEPS]),
    )
