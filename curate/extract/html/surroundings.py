"""What stands around blocks: sums over elements, siblings of one shape, what the names of classes and ids weigh.

Knows blocks and elements; knows no words and decides nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import Records
from curate.text.characters import Offsets
from curate.text.compiled import Scalar, kernel

Table = NDArray[np.int64]

(WORDS, LINKED, MARKS, BLOCKS, PROSE, CHARACTERS) = range(6)
SUMS = 6
"""Sums over the blocks in an element or a group: words, linked words, sentence marks, blocks, words of prose, characters."""
(UP, OWN, CHAIN, LOWEST, HIGHEST, ALIKE, SHAPE, SIBLINGS) = range(6, 14)
NODE_COLUMNS = 14
"""Of an element, after the sums: the nearest element around it with more blocks; the weight of its own names, summed over
those around it, the lowest and the highest of them; siblings of its shape; a code of its shape; its group of siblings."""

NAME_BUCKETS = 1 << 14
"""Names have their weights by the low bits of their code; weights of elements follow."""
NAME_WEIGHTS = NAME_BUCKETS + 256

LEAST_PROSE = 10
"""Words of a block from which on it is prose, if less than a third of them are links."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


@kernel
def slot(keys: Table, key: Scalar) -> Scalar:
    """The place of a key that is not 0 in a table of 2^n places, more than there are keys; it is entered if it is new."""
    most = len(keys) - 1
    place = np.int64((np.uint64(key) * _GOLDEN) >> _HALF) & most
    while keys[place] != key and keys[place] != 0:
        place = (place + 1) & most
    keys[place] = key
    return place


@kernel
def is_prose(words: Scalar, linked: Scalar) -> Scalar:
    """Whether a block of so many words, of which so many are links, reads as prose."""
    return words >= LEAST_PROSE and 3 * linked < words


@kernel
def add_block(sums: Offsets, block: Scalar) -> Scalar:
    """Add a block to a row of sums."""
    sums[WORDS] += block.words
    sums[LINKED] += block.link_words
    sums[MARKS] += block.punctuation
    sums[BLOCKS] += 1
    sums[CHARACTERS] += block.characters
    if is_prose(block.words, block.link_words):
        sums[PROSE] += block.words


@kernel
def node_sums(
    blocks: Records, nodes: Records, names: NDArray[np.uint32], weights: NDArray[np.int8], out: Table
) -> Scalar:
    """Fill the columns of all elements but ALIKE and SIBLINGS; an element stands behind the one around it."""
    out[:] = 0
    for number in range(len(blocks)):
        add_block(out[blocks[number].container], blocks[number])
    for number in range(len(nodes) - 1, 0, -1):
        parent = nodes[number].parent
        for column in range(SUMS):
            out[parent, column] += out[number, column]
    for number in range(len(nodes)):
        node = nodes[number]
        element = np.int64(node.element)
        own = np.int64(weights[NAME_BUCKETS + element])
        shape = np.uint64(element + 1)
        for place in range(node.first_name, node.end_name):
            own += weights[names[place] & np.uint32(NAME_BUCKETS - 1)]
            shape += np.uint64(names[place]) * _GOLDEN  # whatever the order
        out[number, OWN] = own
        out[number, SHAPE] = np.int64(shape >> np.uint64(16))
        parent = np.int64(node.parent)
        if parent < 0:
            out[number, CHAIN] = out[number, LOWEST] = out[number, HIGHEST] = own
            out[number, UP] = -1
            continue
        out[number, CHAIN] = out[parent, CHAIN] + own
        out[number, LOWEST] = min(out[parent, LOWEST], own)
        out[number, HIGHEST] = max(out[parent, HIGHEST], own)
        out[number, UP] = parent if out[parent, BLOCKS] > out[number, BLOCKS] else out[parent, UP]


@kernel
def group_siblings(nodes: Records, table: Table, keys: Table, sums: Table) -> Scalar:
    """Fill ALIKE and SIBLINGS, and the sums of each group of siblings; `keys` are zeros."""
    for number in range(1, len(nodes)):
        if table[number, BLOCKS] == 0:
            continue
        parent = np.int64(nodes[number].parent)
        place = slot(keys, ((parent + 1) << 40) ^ table[number, SHAPE] | 1)
        table[number, SIBLINGS] = place
        sums[place, SUMS] += 1
        for column in range(SUMS):
            sums[place, column] += table[number, column]
    for number in range(1, len(nodes)):
        table[number, ALIKE] = sums[table[number, SIBLINGS], SUMS] if table[number, BLOCKS] else 0


@kernel
def group_blocks(blocks: Records, nodes: Records, table: Table, keys: Table, groups: Offsets, sums: Table) -> Scalar:
    """The group of each block, those of one shape in parents of one shape wherever on the page, and the groups' sums."""
    for number in range(len(blocks)):
        container = blocks[number].container
        parent = nodes[container].parent
        key = table[container, SHAPE] * 31 + (table[parent, SHAPE] if parent >= 0 else 0) * 7 + blocks[number].level
        place = slot(keys, key | 1)
        groups[number] = place
        add_block(sums[place], blocks[number])
