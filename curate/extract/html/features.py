"""What is known of each block when it is judged: a row of small numbers, all of them integers of eight bits.

Counts are stored as `scaled`, shares as 255ths, weights about 128. One pass over the page's text and a few over its
blocks and elements. Knows blocks and what stands around them; knows no judgement.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.html import blocks as b
from curate.extract.html import surroundings as s
from curate.extract.html import wording as w
from curate.extract.html.blocks import Page, Records
from curate.text.characters import Offsets
from curate.text.compiled import Scalar, kernel

Rows = NDArray[np.uint8]

FLAG_BITS = (
    *(b.NAV, b.FOOTER, b.ASIDE, b.HEADER, b.FORM, b.MAIN, b.ARTICLE, b.HIDDEN, b.ARIA_HIDDEN, b.IN_NOSCRIPT),
    *(b.IN_TITLE, b.IN_CODE, b.IN_HEADER_CELL, b.IN_CELL, b.IN_CAPTION, b.IN_TERM, b.IN_SELECT, b.IN_DIALOG),
    *(b.IN_BUTTON, b.IN_PRE, b.SEARCHING),
)
_FLAG_BITS = np.array(FLAG_BITS, np.int64)
LEVELS = 5
"""Elements around a block that are looked at, each with more blocks than the last."""
REACH = 3
"""Neighbours on each side that are looked at."""
WINDOWS = (2, 6)
"""Blocks on each side that are summed."""

OWN, N_OWN = 0, 24
FLAGS = OWN + N_OWN
NAMES, N_NAMES = FLAGS + len(FLAG_BITS), 6
PLACE, N_PLACE = NAMES + N_NAMES, 13
NEIGHBOURS, N_NEIGHBOUR = PLACE + N_PLACE, 6
WINDOW, N_WINDOW = NEIGHBOURS + 2 * REACH * N_NEIGHBOUR, 3
AROUND, N_AROUND = WINDOW + len(WINDOWS) * N_WINDOW, 7
GROUP, N_GROUP = AROUND + LEVELS * N_AROUND, 11
PAGE, N_PAGE = GROUP + N_GROUP, 14
FEATURES = PAGE + N_PAGE
"""Columns of a row, and where each part of it begins."""


@kernel
def scaled(count: Scalar) -> Scalar:
    """A count in eight bits: itself below 16, then eight steps an octave."""
    steps = 0
    while count >= 16:
        count >>= 1
        steps += 8
    return min(steps + max(count, 0), 255)


@kernel
def share(part: Scalar, whole: Scalar) -> Scalar:
    """A share in 255ths."""
    if whole <= 0 or part <= 0:
        return 0
    return np.int64(min(np.uint64(255), np.uint64(255 * part) // np.uint64(whole)))


@kernel
def centred(weight: Scalar, step: Scalar) -> Scalar:
    """A weight in steps, 128 for none."""
    return min(255, max(0, 128 + weight // step))


@kernel
def _own(row: Rows, block: Scalar, words: NDArray[np.int32], repeats: Scalar) -> Scalar:
    characters, count = np.int64(block.characters), np.int64(block.words)
    row[0] = scaled(count)
    row[1] = scaled(characters)
    row[2] = share(characters, 16 * count)
    row[3] = scaled(block.link_words)
    row[4] = share(block.link_characters, characters)
    row[5] = scaled(block.punctuation)
    row[6] = share(4 * block.punctuation, count)
    row[7] = share(words[w.DIGITS], characters)
    row[8] = share(words[w.CAPITALS], words[w.TOKENS])
    row[9] = share(4 * words[w.SIGNS], characters)
    row[10] = scaled(words[w.LONGEST])
    row[11] = scaled(words[w.STOPS])
    row[12] = share(words[w.TITLED], words[w.TOKENS])
    row[13] = centred(words[w.WEIGHT], 8)
    row[14] = centred(words[w.WEIGHT], max(words[w.TOKENS], 1))
    row[15] = words[w.LAST]
    row[16] = scaled(words[w.LINES])
    row[17] = share(words[w.WIDE], words[w.TOKENS])
    row[18] = scaled(repeats)
    row[19] = block.level
    row[20] = scaled(block.depth)
    row[21] = min(block.quotes, 255)
    row[22] = centred(words[w.FIRST], 2)
    row[23] = scaled(words[w.TITLED])
    for bit in range(len(_FLAG_BITS)):
        row[FLAGS + bit] = block.flags & _FLAG_BITS[bit] != 0


@kernel
def _names(row: Rows, table: s.Table, container: Scalar, node: Scalar, parent: Scalar) -> Scalar:
    row[0] = centred(table[node, s.OWN], 2)
    row[1] = centred(table[container, s.OWN], 2)
    row[2] = centred(table[parent, s.OWN], 2)
    row[3] = centred(table[node, s.CHAIN], 4)
    row[4] = centred(table[node, s.LOWEST], 2)
    row[5] = centred(table[node, s.HIGHEST], 2)


@kernel
def _neighbour(row: Rows, other: Rows, same: Scalar) -> Scalar:
    """What of a neighbour's own row is told beside a block: words, links, marks, names around it, weight of its words."""
    row[0], row[1], row[2], row[3], row[4] = other[0], other[4], other[5], other[NAMES + 3], other[13]
    row[5] = same


@kernel
def _sums(row: Rows, sums: Offsets, page: Offsets) -> Scalar:
    row[0] = scaled(sums[s.WORDS])
    row[1] = share(sums[s.LINKED], sums[s.WORDS])
    row[2] = share(4 * sums[s.MARKS], sums[s.WORDS])
    row[3] = share(sums[s.PROSE], sums[s.WORDS])
    row[4] = share(sums[s.WORDS], page[s.WORDS])
    row[5] = scaled(sums[s.BLOCKS])


@kernel
def _around(row: Rows, table: s.Table, node: Scalar, told: Rows, is_told: NDArray[np.bool_]) -> Scalar:
    """The elements around a block, each looked at once: `told` has what was said of one before."""
    for level in range(LEVELS):
        part = told[node]
        if not is_told[node]:
            is_told[node] = True
            _sums(part, table[node], table[0])
            part[6] = centred(table[node, s.OWN], 2)
        row[level * N_AROUND : (level + 1) * N_AROUND] = part
        if table[node, s.UP] >= 0:
            node = table[node, s.UP]


@kernel
def _group(row: Rows, siblings: s.Table, table: s.Table, nodes: Scalar, node: Scalar) -> Scalar:
    """The largest group of siblings that an element or one around it is of."""
    most: Scalar = node
    above: Scalar = node
    for _ in range(6):
        if above <= 0:
            break
        if table[above, s.ALIKE] > table[most, s.ALIKE]:
            most = above
        above = nodes[above].parent
    group = siblings[table[most, s.SIBLINGS]]
    row[7] = scaled(table[most, s.ALIKE])
    row[8] = scaled(group[s.WORDS] // max(1, table[most, s.ALIKE]))
    row[9] = share(group[s.LINKED], group[s.WORDS])
    row[10] = share(group[s.WORDS], table[0, s.WORDS])


@kernel
def _page(row: Rows, blocks: Records, nodes: Records, table: s.Table, keys: s.Table, sums: s.Table) -> Scalar:
    page = table[0]
    largest = repeated = 0
    for place in range(len(keys)):
        if keys[place]:
            largest = max(largest, sums[place, s.WORDS])
            if sums[place, s.BLOCKS] >= 5:
                repeated += sums[place, s.WORDS]
    counts = np.zeros(6, np.int64)
    for number in range(len(blocks)):
        block = blocks[number]
        counts[0] += block.level > 0
        counts[1] += block.flags & b.IN_CELL != 0
        counts[2] += block.frame >= 0
        counts[3] += block.words if block.flags & b.MAIN else 0
        counts[4] += block.words if block.flags & b.ARTICLE else 0
        counts[5] = max(counts[5], block.words)
    row[0] = scaled(page[s.WORDS])
    row[1] = share(page[s.LINKED], page[s.WORDS])
    row[2] = share(page[s.PROSE], page[s.WORDS])
    row[3] = scaled(page[s.BLOCKS])
    row[4] = share(4 * page[s.MARKS], page[s.WORDS])
    row[5] = share(largest, page[s.WORDS])
    row[6] = share(repeated, page[s.WORDS])
    row[7] = share(counts[0], page[s.BLOCKS])
    row[8] = share(counts[1], page[s.BLOCKS])
    row[9] = share(counts[2], page[s.BLOCKS])
    row[10] = share(counts[3], page[s.WORDS])
    row[11] = share(counts[4], page[s.WORDS])
    row[12] = scaled(counts[5])
    row[13] = scaled(page[s.PROSE])


@kernel
def _fill(
    out: Rows, blocks: Records, nodes: Records, words: NDArray[np.int32], table: s.Table, siblings: s.Table,
    groups: Offsets, keys: s.Table, sums: s.Table, codes: Offsets, code_keys: s.Table, code_counts: Offsets,
) -> Scalar:  # fmt: skip
    count = len(blocks)
    for number in range(count):
        codes[number] = slot_of_text = s.slot(code_keys, np.int64(words[number, w.CODE]) + 1)
        code_counts[slot_of_text] += 1
    before = np.zeros((count + 1, 3), np.int64)
    for number in range(count):
        before[number + 1, 0] = before[number, 0] + blocks[number].words
        before[number + 1, 1] = before[number, 1] + blocks[number].link_words
        before[number + 1, 2] = before[number, 2] + (
            blocks[number].words if s.is_prose(blocks[number].words, blocks[number].link_words) else 0
        )
    page = np.zeros(N_PAGE, np.uint8)
    _page(page, blocks, nodes, table, keys, sums)
    told, is_told = np.empty((len(nodes), N_AROUND), np.uint8), np.zeros(len(nodes), np.bool_)
    first_of = np.full(len(sums), -1, np.int64)
    top: Scalar = -1
    heading: Scalar = -1
    level: Scalar = 0
    titled: Scalar = 0
    for number in range(count):
        row, block = out[number], blocks[number]
        container, node = np.int64(block.container), np.int64(block.node)
        parent = max(0, np.int64(nodes[container].parent))
        _own(row, block, words[number], code_counts[codes[number]])
        _names(row[NAMES:], table, container, node, parent)
        if block.level > 0:
            heading, level = number, np.int64(block.level)
            titled = share(words[number, w.TITLED], words[number, w.TOKENS])
            if block.level == 1 and top < 0:
                top = number
        place = row[PLACE:]
        place[0] = scaled(number)
        place[1] = scaled(count - 1 - number)
        place[2] = share(number, count)
        place[3] = share(before[number, 0], before[count, 0])
        place[4] = scaled(before[number, 0])
        place[5] = scaled(before[count, 0] - before[number + 1, 0])
        place[6] = scaled(number - heading) if heading >= 0 else 255
        place[7] = level
        place[8] = titled
        place[9] = scaled(number - top) if top >= 0 else 255
        place[10] = share(before[number, 2], before[count, 2])
        place[11] = scaled(block.column + 1)
        place[12] = scaled(block.row + 1)
        for k in range(len(WINDOWS)):
            reach = WINDOWS[0] if k == 0 else WINDOWS[1]
            first, last = max(0, number - reach), min(count, number + reach + 1)
            part = row[WINDOW + k * N_WINDOW :]
            total = before[last, 0] - before[first, 0]
            part[0] = scaled(total)
            part[1] = share(before[last, 1] - before[first, 1], total)
            part[2] = share(before[last, 2] - before[first, 2], total)
        group = groups[number]
        if first_of[group] < 0:
            first_of[group] = number
            _sums(row[GROUP:], sums[group], table[0])
            row[GROUP + 6] = share(sums[group, s.WORDS], 64 * sums[group, s.BLOCKS])
        else:
            row[GROUP : GROUP + 7] = out[first_of[group], GROUP : GROUP + 7]
        if number and blocks[number - 1].container == container:
            row[AROUND:GROUP] = out[number - 1, AROUND:GROUP]
            row[GROUP + 7 : PAGE] = out[number - 1, GROUP + 7 : PAGE]
        else:
            _around(row[AROUND:], table, container, told, is_told)
            _group(row[GROUP:], siblings, table, nodes, container)
        row[PAGE:FEATURES] = page
    for number in range(count):
        for k in range(2 * REACH):
            other = number + k - REACH + (k >= REACH)
            part = out[number, NEIGHBOURS + k * N_NEIGHBOUR : NEIGHBOURS + (k + 1) * N_NEIGHBOUR]
            if 0 <= other < count:
                alike = 1 * (groups[other] == groups[number])
                _neighbour(part, out[other], 2 if blocks[other].container == blocks[number].container else alike)
            else:
                part[:] = 0


class Described:
    """A page's rows of features, and what a second look needs: elements with their sums, groups of blocks."""

    def __init__(self, page: Page, word_weights: NDArray[np.int8], name_weights: NDArray[np.int8]) -> None:
        count = len(page.blocks)
        places = 1 << max(4, int(2 * max(count, len(page.nodes)) + 2).bit_length())
        words = np.empty((count, w.WORDING), np.int32)
        w.word_counts(page.text, page.blocks, word_weights, words)
        self.table = np.empty((len(page.nodes), s.NODE_COLUMNS), np.int64)
        s.node_sums(page.blocks, page.nodes, page.names, name_weights, self.table)
        siblings = np.zeros((places, s.SUMS + 1), np.int64)
        s.group_siblings(page.nodes, self.table, np.zeros(places, np.int64), siblings)
        self.groups, self.sums = np.empty(count, np.int64), np.zeros((places, s.SUMS), np.int64)
        keys = np.zeros(places, np.int64)
        s.group_blocks(page.blocks, page.nodes, self.table, keys, self.groups, self.sums)
        self.rows = np.empty((count, FEATURES), np.uint8)
        _fill(
            self.rows, page.blocks, page.nodes, words, self.table, siblings, self.groups, keys, self.sums,
            np.empty(count, np.int64), np.zeros(places, np.int64), np.zeros(places, np.int64),
        )  # fmt: skip
