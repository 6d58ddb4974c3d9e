"""Connected components of documents that share a key: compiled union-find, the smallest number as root.

A forest is two arrays, document numbers ascending and the root of each; documents linked to no other are in none, and
every root is in its forest. Forests of parts of the links merge into the forest of all. Knows numbers only.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from curate.dedup.buckets import Numbers
from curate.text.compiled import Scalar, kernel

_LINKS_AT_ONCE = 1 << 20


class Forest(NamedTuple):
    """`numbers` ascending, uint64; `roots` the least number of each one's component."""

    numbers: Numbers
    roots: Numbers


@kernel
def _count_links(keys: Any) -> Scalar:
    links = np.int64(0)
    for index in range(1, len(keys)):
        links += keys[index] == keys[index - 1]
    return links


@kernel
def _find_links(keys: Any, numbers: Any, firsts: Any, others: Any) -> None:
    count = first = 0
    for index in range(1, len(keys)):
        if keys[index] != keys[index - 1]:
            first = index
            continue
        firsts[count] = numbers[first]
        others[count] = numbers[index]
        count += 1


@kernel
def _root(parents: Any, node: Scalar) -> Scalar:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@kernel
def _unite(left: Any, right: Any, parents: Any) -> None:
    for index in range(len(left)):
        first = _root(parents, left[index])
        second = _root(parents, right[index])
        if first < second:
            parents[second] = first
        else:
            parents[first] = second


@kernel
def _flatten(parents: Any) -> None:
    """Make every node's parent its root; a parent's index is never larger than its node's."""
    for node in range(len(parents)):
        parents[node] = parents[parents[node]]


@kernel
def _merged(left: Any, right: Any, out: Any) -> Scalar:
    """Write the union of two ascending arrays of distinct numbers, ascending; returns its length."""
    i = j = count = 0
    while i < len(left) or j < len(right):
        if j == len(right) or (i < len(left) and left[i] <= right[j]):
            if j < len(right) and left[i] == right[j]:
                j += 1
            out[count] = left[i]
            i += 1
        else:
            out[count] = right[j]
            j += 1
        count += 1
    return count


def forest_of_links(left: Numbers, right: Numbers) -> Forest:
    """The forest of links between documents left[i] and right[i]."""
    numbers = np.unique(np.concatenate([left, right]))
    parents = np.arange(len(numbers), dtype=np.int64)
    _unite(np.searchsorted(numbers, left), np.searchsorted(numbers, right), parents)
    _flatten(parents)
    return Forest(numbers, numbers[parents])


def forest_of_keys(keys: Numbers, numbers: Numbers) -> Forest:
    """The forest of documents that share a key: keys ascending, a document's number beside each of its keys."""
    links = int(_count_links(keys))
    firsts, others = np.empty(links, np.uint64), np.empty(links, np.uint64)
    _find_links(keys, numbers, firsts, others)
    return forest_of_links(firsts, others)


def merge_forests(forests: Sequence[Forest]) -> Forest:
    """The forest of all links of several forests. Needs about 32 bytes a document that is in any of them."""
    numbers = np.empty(0, np.uint64)
    for forest in forests:
        out = np.empty(len(numbers) + len(forest.numbers), np.uint64)
        numbers = out[: _merged(numbers, forest.numbers, out)].copy()
        del out
    parents = np.arange(len(numbers), dtype=np.int64)
    for forest in forests:
        for start in range(0, len(forest.numbers), _LINKS_AT_ONCE):
            some = slice(start, start + _LINKS_AT_ONCE)
            _unite(
                np.searchsorted(numbers, forest.numbers[some]), np.searchsorted(numbers, forest.roots[some]), parents
            )
    _flatten(parents)
    return Forest(numbers, numbers[parents])
