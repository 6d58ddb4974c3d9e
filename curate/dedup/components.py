"""Connected components of documents that share a key: compiled union-find, the smallest number as root.

A forest is two arrays, document numbers ascending and the root of each; documents linked to no other are in none, and
every root is in its forest. Forests of parts of the links merge into the forest of all. Knows numbers only.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from curate.dedup.sorting import Numbers
from curate.text.compiled import Scalar, kernel


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
    for node in range(len(parents)):
        parents[node] = parents[parents[node]]


def forest_of_links(left: Numbers, right: Numbers) -> Forest:
    """The forest of links between documents left[i] and right[i]."""
    numbers = np.unique(np.concatenate([left, right]))
    parents = np.arange(len(numbers), dtype=np.int64)
    _unite(np.searchsorted(numbers, left), np.searchsorted(numbers, right), parents)
    return Forest(numbers, numbers[parents])


def forest_of_keys(keys: Numbers, numbers: Numbers) -> Forest:
    """The forest of documents that share a key: keys ascending, a document's number beside each of its keys."""
    links = int(_count_links(keys))
    firsts, others = np.empty(links, np.uint64), np.empty(links, np.uint64)
    _find_links(keys, numbers, firsts, others)
    return forest_of_links(firsts, others)


def merge_forests(forests: Sequence[Forest]) -> Forest:
    """The forest of all links of several forests."""
    return forest_of_links(
        np.concatenate([np.empty(0, np.uint64), *(forest.numbers for forest in forests)]),
        np.concatenate([np.empty(0, np.uint64), *(forest.roots for forest in forests)]),
    )
