"""Conversations as rows of a file and as text, and how they are packed. Knows no PyTorch and no tokenizer.

Each message stands after a mark of who speaks, as Tulu's (Wang et al. 2023); every answer ends with end-of-text.

    <|user|>           <|assistant|>
    What is two?       A number.<end of text>
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from typing import Any

from curate.errors import ConfigError

ROLES = ("system", "user", "assistant")
_ANSWERING = "assistant"
_PAIR = ("prompt", "response")


def write_out(messages: Sequence[Mapping[str, str]]) -> list[tuple[str, bool]]:
    """A conversation's text in stretches, and whether each is an answer, after which end-of-text follows.

    >>> write_out([{"role": "user", "content": "Two?"}, {"role": "assistant", "content": "2"}])
    [('<|user|>\\nTwo?\\n<|assistant|>\\n', False), ('2', True)]
    """
    stretches: list[tuple[str, bool]] = []
    asked = ""
    for message in messages:
        asked += f"<|{message['role']}|>\n"
        if message["role"] == _ANSWERING:
            stretches += [(asked, False), (message["content"], True)]
            asked = ""
        else:
            asked += f"{message['content']}\n"
    return stretches


def messages_of(row: Mapping[str, Any], number: int) -> Sequence[Mapping[str, str]]:
    """A row's messages. Raises ConfigError for one without them, or without an answer."""
    if all(isinstance(row.get(key), str) for key in _PAIR):
        return [{"role": role, "content": row[key]} for role, key in zip(ROLES[1:], _PAIR, strict=True)]
    messages = row.get("messages")
    if not isinstance(messages, list) or not all(isinstance(each, Mapping) for each in messages):
        raise ConfigError(f"row {number}: needs messages, or prompt and response; it has {', '.join(row)}")
    for message in messages:
        if message.get("role") not in ROLES or not isinstance(message.get("content"), str):
            raise ConfigError(f"row {number}: a message needs a role of {', '.join(ROLES)}, and a text as its content")
    if not any(each["role"] == _ANSWERING for each in messages):
        raise ConfigError(f"row {number}: nobody answers: one message must be the assistant's")
    return messages


def pack(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Numbers of conversations that share a sequence of `room` tokens: the longest first, each where it fits best.

    >>> pack([5, 3, 4, 2], 7)
    [[0, 3], [2, 1]]
    """
    rows: list[list[int]] = []
    rooms: list[tuple[int, int]] = []
    for number in sorted(range(len(lengths)), key=lambda number: (-lengths[number], number)):
        place = bisect.bisect_left(rooms, (lengths[number], -1))
        if place == len(rooms):
            rows.append([number])
            left, row = room - lengths[number], len(rows) - 1
        else:
            left, row = rooms.pop(place)
            rows[row].append(number)
            left -= lengths[number]
        bisect.insort(rooms, (left, row))
    return rows
