"""What lines of Markdown begin with for the lists and quotes that they lie in: marks of items, blanks below them, `>`.

Knows the frames around blocks; knows no text.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import ITEM, QUOTE
from curate.text.characters import Bytes, Offsets
from curate.text.compiled import Scalar
from curate.text.compiled import lean_entry as entry
from curate.text.compiled import lean_kernel as kernel

MOST_NESTED = 16
"""Lists and quotes within each other that are marked; deeper ones stand at this depth."""
MOST_MARKS = 24 * MOST_NESTED
"""Bytes that a line begins with: a number has 19 digits at most, and two more of mark."""
FIRST, OTHER = range(2)
"""Which beginning: of the first line of a block, of its others."""
_NAME = 40
_BULLETS, _AFTER_NUMBER = np.frombuffer(b" -*", np.uint8), np.frombuffer(b" .)", np.uint8)
_BLANK, _ZERO, _GREATER = b" 0>"

Frames: TypeAlias = Any
"""The FRAME records of a page."""


class Lists(NamedTuple):
    """What is known of lists and quotes while blocks are written. Frames and lists that are none, -1, come last."""

    width: NDArray[np.int32]
    """By frame, how wide the mark of an item is; 0 where it has not begun."""
    deep: NDArray[np.int32]
    """By frame, how many are around it, it included; MOST_NESTED at most."""
    inner: NDArray[np.int32]
    """By frame, the innermost that is marked: itself, or the one around it at the greatest depth."""
    bullet: NDArray[np.uint8]
    """By list, 1 or 2 for its mark; 0 where no item has begun."""
    last: NDArray[np.int32]
    """By frame, the list in it of which an item was last begun, and 2; 0 for none."""
    prefix: NDArray[np.uint8]
    """[2, MOST_MARKS], what the lines of the present block begin with."""
    size: Offsets
    """Bytes of each of the two."""
    name: Bytes
    """Room for the name of a language, or for the text of a reference."""


def lists_of(frames: Frames) -> Lists:
    """Of a page, before its first block."""
    count = len(frames)
    made = Lists(
        width=np.zeros(count, np.int32),
        deep=np.zeros(count + 1, np.int32),
        inner=np.zeros(count + 1, np.int32),
        bullet=np.zeros(int(frames["list"].max(initial=-1)) + 2, np.uint8),
        last=np.zeros(count + 1, np.int32),
        prefix=np.empty((2, MOST_MARKS), np.uint8),
        size=np.zeros(2, np.int64),
        name=np.zeros(_NAME, np.uint8),
    )
    _nest(made, frames)
    return made


@entry
def _nest(lists: Lists, frames: Frames) -> Scalar:
    """What nests in what; a frame stands behind the one around it."""
    lists.inner[-1] = -1
    for number in range(len(frames)):
        parent = np.int64(frames[number].parent)
        if lists.deep[parent] >= MOST_NESTED:
            lists.deep[number], lists.inner[number] = lists.deep[parent], lists.inner[parent]
        else:
            lists.deep[number], lists.inner[number] = lists.deep[parent] + 1, number


@kernel
def at_depth(lists: Lists, frames: Frames, frame: Scalar, depth: Scalar) -> Scalar:
    """The frame at this depth: a marked one, or one around it."""
    while lists.deep[frame] > depth:
        frame = np.int64(frames[frame].parent)
    return frame


@kernel
def shared_depth(lists: Lists, frames: Frames, one: Scalar, other: Scalar) -> Scalar:
    """How many frames two marked ones share."""
    depth = min(lists.deep[one], lists.deep[other])
    one, other = at_depth(lists, frames, one, depth), at_depth(lists, frames, other, depth)
    while one != other:
        one, other = np.int64(frames[one].parent), np.int64(frames[other].parent)
        depth -= 1
    return depth


@kernel
def begins_item(lists: Lists, frames: Frames, frame: Scalar) -> Scalar:
    """Whether an item begins with a block in this marked frame."""
    while frame >= 0:
        if frames[frame].kind == ITEM and lists.width[frame] == 0:
            return True
        frame = np.int64(frames[frame].parent)
    return False


@kernel
def goes_on(lists: Lists, frames: Frames, before: Scalar, frame: Scalar, depth: Scalar) -> Scalar:
    """Whether an item in `frame` follows a block in `before`, of which so many are shared, without a blank line: the next
    of a list, or the first of one in an item. A list that begins with another number than 1 needs one before it."""
    if depth == lists.deep[before]:
        number = frames[at_depth(lists, frames, frame, depth + 1)].number
        return depth > 0 and (number < 0 or number == 1)
    one, other = at_depth(lists, frames, before, depth + 1), at_depth(lists, frames, frame, depth + 1)
    both = frames[one].kind == ITEM and frames[other].kind == ITEM
    return both and lists.deep[frame] > depth and frames[one].list == frames[other].list


@kernel
def _put(lists: Lists, which: Scalar, byte: Scalar, count: Scalar) -> Scalar:
    for _ in range(count):
        lists.prefix[which, lists.size[which]] = byte
        lists.size[which] += 1


@kernel
def _begin_item(lists: Lists, frames: Frames, number: Scalar) -> Scalar:
    """Write the mark of an item; lists after one another in one place have different ones."""
    of_list, parent, count = (
        np.int64(frames[number].list), np.int64(frames[number].parent), np.int64(frames[number].number)
    )  # fmt: skip
    if lists.bullet[of_list] == 0:
        before = np.int64(lists.last[parent]) - 2
        other = lists.bullet[before] if before >= -1 else np.uint8(0)
        lists.bullet[of_list] = 3 - other if other else 1
    lists.last[parent] = of_list + 2
    bullet, begin = lists.bullet[of_list], lists.size[FIRST]
    if count < 0:
        _put(lists, FIRST, _BULLETS[bullet], 1)
    else:
        power: Scalar = 1
        while count // power >= 10:
            power *= 10
        while power:
            _put(lists, FIRST, _ZERO + count // power % 10, 1)
            power //= 10
        _put(lists, FIRST, _AFTER_NUMBER[bullet], 1)
    _put(lists, FIRST, _BLANK, 1)
    lists.width[number] = lists.size[FIRST] - begin


@kernel
def prefixes(lists: Lists, frames: Frames, frame: Scalar, depth: Scalar) -> Scalar:
    """What the lines of a block begin with that lies in a marked frame and no deeper than `depth`; its items begin."""
    lists.size[FIRST] = lists.size[OTHER] = 0
    for level in range(1, depth + 1):
        number = at_depth(lists, frames, frame, level)
        if frames[number].kind == QUOTE:
            for which in range(2):
                _put(lists, which, _GREATER, 1)
                _put(lists, which, _BLANK, 1)
            continue
        if lists.width[number]:
            _put(lists, FIRST, _BLANK, lists.width[number])
        else:
            _begin_item(lists, frames, number)
        _put(lists, OTHER, _BLANK, lists.width[number])
