"""Packs of URL rules: blocklists and allowlists of domains, words, substrings and whole addresses.

They look at addresses alone, so they run before extraction. A list that a pack names and nobody gives leaves its rule
idle. Knows addresses; knows no text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate import storage
from curate.errors import nearest
from curate.filters.errors import PackError
from curate.filters.pack_files import find, read_pack
from curate.filters.url_lists import DOMAINS, URLS, WORDS, Codes, codes_of, count_matches, read_list
from curate.text.characters import lowered
from curate.text.columns import text_buffers
from curate.text.multi_string_search import NeedleGroup, NeedleTable, needle_table, rows_with_group

_KEYS = ("name", "about", "source", "lists", "urls")
_FIELDS = ("block", "allow", "list", "values", "at_least", "min_score", "why")
_KINDS = {"domains": DOMAINS, "words": WORDS, "urls": URLS}
_SUBSTRINGS = "substrings"


@dataclass(frozen=True)
class UrlRule:
    """Fails an address with at least `at_least` matches (`blocks`), or with fewer (an allowlist).

    `kind`: domains (the host or a domain above it), words, substrings (whatever the case) or urls. `idle`: no entries
    were given, so the rule fails nothing.
    """

    name: str
    blocks: bool
    kind: str
    at_least: int
    why: str
    entries: int
    idle: bool
    codes: Codes = field(repr=False, compare=False)
    needles: NeedleTable | None = field(repr=False, compare=False, default=None)

    def fails(self, urls: pa.Array) -> NDArray[np.bool_]:
        """Per address (string or large_string, no nulls), whether the rule fails."""
        if self.idle:
            return np.zeros(len(urls), np.bool_)
        data, bounds = text_buffers(urls)
        if self.needles is not None:
            matches = rows_with_group(data, bounds, self.needles)
        else:
            matches = count_matches(data, bounds, _KINDS[self.kind], self.codes)
        found = matches >= self.at_least
        return found if self.blocks else ~found


@dataclass(frozen=True)
class UrlPack:
    """URL rules by name."""

    name: str
    about: str
    source: str
    rules: tuple[UrlRule, ...]

    def failures(self, urls: pa.Array) -> dict[str, NDArray[np.bool_]]:
        """Per rule, which addresses fail it. An address that is null is in no list."""
        filled = pc.fill_null(urls, "") if urls.null_count else urls
        return {rule.name: rule.fails(filled) for rule in self.rules}


def _content(fields: Mapping[str, object], lists: Mapping[str, str | None], place: str) -> bytes | None:
    """The entries as bytes, one a line; None where the list is named but not given."""
    if ("list" in fields) == ("values" in fields):
        raise PackError(f"{place}: a rule takes either list or values")
    if "values" in fields:
        values = fields["values"]
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise PackError(f"{place}.values: expected a list of strings, found {values!r}")
        return "\n".join(values).encode()
    name = str(fields["list"])
    if name not in lists:
        raise PackError(f"{place}.list: the pack declares no list {name!r}{nearest(name, lists)}")
    path = lists[name]
    return None if path is None else read_list(path, f"lists.{name}")


def _whole(fields: Mapping[str, object], key: str, default: int | None, place: str) -> int | None:
    value = fields.get(key, default)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise PackError(f"{place}.{key}: expected a whole number, found {value!r}")
    return value


def _read_rule(name: str, fields: object, lists: Mapping[str, str | None], place: str) -> UrlRule:
    if not isinstance(fields, Mapping):
        raise PackError(f"{place}: expected a mapping, found {fields!r}")
    for key in fields:
        if key not in _FIELDS:
            raise PackError(f"{place}.{key}: unknown key{nearest(str(key), _FIELDS)}")
    if ("block" in fields) == ("allow" in fields):
        raise PackError(f"{place}: a rule takes either block or allow")
    kind = str(fields.get("block", fields.get("allow")))
    if kind not in _KINDS and kind != _SUBSTRINGS:
        raise PackError(f"{place}: cannot match {kind!r}{nearest(kind, (*_KINDS, _SUBSTRINGS))}")
    content = _content(fields, lists, place)
    at_least = _whole(fields, "at_least", 1, place) or 1
    score = _whole(fields, "min_score", None, place)
    codes: Codes = np.zeros(0, np.uint64)
    needles = None
    entries = 0
    if content is not None and kind == _SUBSTRINGS:
        lines = (line.strip() for line in content.decode("utf-8", "replace").splitlines())
        words = [lowered(line) for line in lines if line and not line.startswith("#")]
        needles = needle_table([NeedleGroup(tuple(words))]) if words else None
        entries = len(words)
    elif content is not None:
        codes = codes_of(content, _KINDS[kind], score)
        entries = len(codes)
    return UrlRule(
        name=name,
        blocks="block" in fields,
        kind=kind,
        at_least=at_least,
        why=str(fields.get("why", "")),
        entries=entries,
        idle=content is None or (kind == _SUBSTRINGS and needles is None),
        codes=codes,
        needles=needles,
    )


def load_url(name_or_path: str, *, base: str | Path | None = None, lists: Mapping[str, str] | None = None) -> UrlPack:
    """A pack of URL rules by name, or by path relative to `base`.

    `lists` gives the files (paths relative to `base`, or addresses) of lists that the pack names. Raises PackError
    naming file, key path and what would be right.
    """
    path = find(name_or_path, base)
    document = read_pack(path, _KEYS)
    content = document.tree
    own, rules = content.get("lists") or {}, content.get("urls")
    if not isinstance(own, Mapping) or not isinstance(rules, Mapping):
        raise PackError(f"{document.where(('urls',))}: expected mappings under lists and urls")
    paths: dict[str, str | None] = {
        str(name): None if file is None else storage.resolve(str(file), path.parent) for name, file in own.items()
    }
    for name, file in (lists or {}).items():
        if name not in paths:
            raise PackError(f"{document.where(('lists',))}: the pack has no list {name!r}{nearest(name, paths)}")
        paths[name] = storage.resolve(file, base or ".")
    return UrlPack(
        str(content["name"]),
        str(content.get("about", "")),
        str(content.get("source", "")),
        tuple(_read_rule(str(name), fields, paths, document.where(("urls", name))) for name, fields in rules.items()),
    )
