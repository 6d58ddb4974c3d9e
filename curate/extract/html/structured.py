"""JSON as pages have it: dirty, deep, hostile; read within limits, or not at all.

Knows JSON; nothing of what it says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MOST_JSON = 1 << 20
"""Characters of JSON that are read; what pages say of themselves takes some thousands, an article some tens of them."""
MOST_NESTED = 32
"""Nesting of JSON that is searched."""


def load_json(content: str) -> Any:
    """What a script of JSON holds, raw line feeds, trailing commas and CDATA marks forgiven; None if it is no JSON.

    >>> load_json('//<![CDATA[\\n{"a": ["b",],}\\n//]]>')
    {'a': ['b']}
    """
    if len(content) > MOST_JSON:
        return None
    content = content.strip().removeprefix("//").removeprefix("<![CDATA[")
    content = content.removesuffix("]]>").rstrip("/; \n")
    for mended in (False, True):
        try:
            return json.loads(re.sub(r",\s*([}\]])", r"\1", content) if mended else content, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def values_of(value: Any) -> Iterator[Any]:
    """A JSON value and all in it, outer ones first, in order, to MOST_NESTED.

    >>> list(values_of({"a": [1, "b"]}))
    [{'a': [1, 'b']}, [1, 'b'], 1, 'b']
    """
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        yield item
        children = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else []
        if depth < MOST_NESTED:
            waiting += [(child, depth + 1) for child in reversed(children)]


def objects_of(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a JSON value, outer ones first, in order, to MOST_NESTED."""
    return (item for item in values_of(value) if isinstance(item, dict))


def types_of(item: dict[str, Any]) -> set[str]:
    """The types that an object of schema.org has, without the vocabulary's address.

    >>> sorted(types_of({"@type": ["https://schema.org/Article", "BlogPosting"]}))
    ['Article', 'BlogPosting']
    """
    named = item.get("@type")
    return {
        name.rpartition("/")[2] for name in (named if isinstance(named, list) else [named]) if isinstance(name, str)
    }
