"""Counts as people write them: 64M tokens, 300B, 1_000. Knows nothing of what is counted."""

import re
from typing import Any

_SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9, "t": 10**12}
_COUNT = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*([kmbgt]?)", re.IGNORECASE)


def parse_count(value: Any) -> Any:
    """An int from `64M`, `1.5B`, `10_000` or a whole number; anything else is returned for the type check to refuse."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    match = _COUNT.fullmatch(value.strip())
    if not match:
        raise ValueError(f"{value!r} is not a count: write a whole number, or one with k, M, B or T, as in 64M")
    return round(float(match[1].replace("_", "")) * _SUFFIXES[match[2].lower()])
