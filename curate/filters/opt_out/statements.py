"""What was said of hosts and addresses, from robots.txt records and from lists, and which of it holds for a document.

A list is a Parquet, CSV or JSON Lines file with a column `domain` (or `host`: that host and those below it) or `url`,
and, where it has them, `user_agents` (a list, or names parted by commas; none: every agent) and `date`, from when it
holds. Knows files and statements; knows no rule of a pipeline.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from curate.errors import ConfigError
from curate.filters.opt_out.robots_txt import EVERYONE, agent_name, normal, parse, refused
from curate.ingest.robots_records import robots_records
from curate.records.opt_outs import EVIDENCE
from curate.storage import open_binary
from curate.text.addresses import domain_name, host

AsOf = Literal["latest", "fetch"]

_KEYS = ("domain", "host", "url")
_AGENTS = ("user_agents", "user_agent", "agents")
_DATES = ("date", "since")
_UNDATED = -(1 << 63)  # before every date
_SECONDS = pa.timestamp("s", tz="UTC")


class Statement(NamedTuple):
    """Of `key`, what its rules say of user agents, from `date` on (seconds since 1970 UTC, None: always)."""

    key: str
    date: int | None
    rules: str


class Answer(NamedTuple):
    """The agents that may not use a document, and the day of the newest statement that says so."""

    agents: tuple[str, ...]
    date: str | None


def code_of(key: str) -> int:
    """The hash that statements are sorted by."""
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def statements_of_robots(path: str, name: str, agents: Sequence[str], counts: Counter[str]) -> Iterator[Statement]:
    """What the robots.txt records of a WARC file say to these agents. `counts`: see `robots_records`."""
    with open_binary(path) as file:
        for record in robots_records(file, name, counts):
            of = host(record.url)
            if record.body is None or of is None:
                continue
            groups = {agent: rules for agent, rules in parse(record.body).items() if agent in (*agents, EVERYONE)}
            yield Statement(f"robots {of}", record.date, json.dumps(groups, sort_keys=True))


def statements_of_list(path: str, agents: Sequence[str], counts: Counter[str]) -> Iterator[Statement]:
    """What a list says of these agents. `counts` gets `entries` and `unreadable`, rows without a domain or address.

    Raises ConfigError where the file cannot be read as a table with such columns.
    """
    table = _table(path)
    names = {name.lower(): name for name in table.schema.names}
    key = next((each for each in _KEYS if each in names), None)
    if key is None:
        raise ConfigError(f"{path}: a list of opt-outs has a column domain, host or url; it has {', '.join(names)}")
    agents_in, dates_in = (next((names[each] for each in of if each in names), None) for of in (_AGENTS, _DATES))
    columns = [names[key], *filter(None, (agents_in, dates_in))]
    for batch in table.select(columns).to_batches():
        for row in batch.to_pylist():
            counts["entries"] += 1
            value = row[names[key]]
            asked = _agents(row[agents_in], agents) if agents_in is not None else agents
            named = value if isinstance(value, str) else ""
            of = _without_fragment(named) if key == "url" else domain_name(named.removeprefix("*."))
            if not of:
                counts["unreadable"] += 1
            elif asked:
                rules = json.dumps({agent: [[False, "/"]] for agent in sorted(asked)})
                date = _seconds(row[dates_in]) if dates_in is not None else None
                yield Statement(f"{'url' if key == 'url' else 'domain'} {of}", date, rules)


def _table(path: str) -> pa.Table:
    try:
        with open_binary(path) as file:
            content = io.BytesIO(file.read())
        if path.endswith(".parquet"):
            return pq.read_table(content)
        if path.endswith(".csv"):
            return pyarrow.csv.read_csv(content)
        return pyarrow.json.read_json(content)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigError(f"{path}: no Parquet, CSV or JSON Lines file that can be read: {error}") from None


def _agents(value: Any, agents: Sequence[str]) -> list[str]:
    """Of the agents that are asked about, those of a cell: all where it is null, empty or says `*`."""
    listed = value if isinstance(value, list) else str(value).split(",") if value is not None else []
    named = {agent_name(str(each)) for each in listed if each is not None} - {""}
    return [agent for agent in agents if not named or agent in named or EVERYONE in named]


def _seconds(value: Any) -> int | None:
    """A date or moment of a cell in seconds since 1970 UTC; None where it says none."""
    try:
        found = pa.scalar(value if isinstance(value, str) else str(value)).cast(pa.timestamp("s")).value
    except (pa.ArrowInvalid, ValueError):
        return None
    return None if found is None else int(found)


def _without_fragment(url: str) -> str:
    return url.strip().partition("#")[0]


def as_table(statements: Sequence[Statement]) -> pa.Table:
    """Statements as EVIDENCE, in their order."""
    columns = [
        pa.array([code_of(each.key) for each in statements], pa.uint64()),
        pa.array([each.key for each in statements], pa.string()),
        pa.array([each.date for each in statements], _SECONDS),
        pa.array([each.rules for each in statements], pa.string()),
    ]
    return pa.table(columns, EVIDENCE)


def sorted_table(tables: Sequence[pa.Table]) -> pa.Table:
    """All statements by code, key, date (undated first) and rules, each once."""
    table = pa.concat_tables([EVIDENCE.empty_table(), *tables]).combine_chunks()
    dates = pc.fill_null(table.column("date").cast(pa.int64()), _UNDATED)
    keyed = table.set_column(table.column_names.index("date"), "date", dates)
    order = pc.sort_indices(keyed, sort_keys=[(name, "ascending") for name in ("code", "key", "date", "rules")])
    if len(table) < 2:
        return table
    keyed, first = keyed.take(order), np.zeros(len(table), bool)
    first[0] = True
    for name in ("key", "date", "rules"):
        column = keyed.column(name).combine_chunks()
        first[1:] |= np.asarray(pc.not_equal(column[1:], column[:-1]), bool)
    return table.take(order).filter(pa.array(first))


class Statements:
    """Statements to be asked, from `sorted_table`.

    `as_of` says which hold: `latest` all of a list and the newest robots.txt of a host, whatever the document's date;
    `fetch` those of a list that are not younger than the document, and the newest robots.txt that is not, or the first
    there is.
    """

    def __init__(self, table: pa.Table, agents: Sequence[str], as_of: AsOf) -> None:
        self._codes = table.column("code").to_numpy()
        keys, dates, rules = (table.column(name).combine_chunks() for name in ("key", "date", "rules"))
        self._keys, self._dates, self._rules = keys, dates, rules
        self._agents, self._as_of = tuple(agents), as_of
        self._of = functools.lru_cache(1 << 14)(self._found)
        self._groups = functools.lru_cache(1 << 14)(json.loads)

    def ask(self, url: str | None, date: int | None) -> Answer:
        """What is said of a document; `date`, seconds since 1970 UTC, is when it was fetched."""
        of = host(url) if url else None
        if url is None or of is None:
            return Answer((), None)
        parts = of.split(".")
        keys = [f"domain {'.'.join(parts[place:])}" for place in range(len(parts))]
        found: dict[str, int | None] = {}
        path = _path(url)
        for key in (f"url {_without_fragment(url)}", *keys):
            for told, rules in self._of(key):
                if self._as_of == "latest" or told is None or date is None or told <= date:
                    self._add(found, rules, path, told)
        robots = self._of(f"robots {of}")
        if robots:
            before = [each for each in robots if each[0] is None or (date is not None and each[0] <= date)]
            told, rules = robots[-1] if self._as_of == "latest" or date is None else before[-1] if before else robots[0]
            self._add(found, rules, path, told)
        dated = [told for told in found.values() if told is not None]
        day = str(np.datetime64(max(dated), "s").astype("datetime64[D]")) if dated else None
        return Answer(tuple(agent for agent in self._agents if agent in found), day)

    def _add(self, found: dict[str, int | None], rules: str, path: str, told: int | None) -> None:
        for agent in refused(self._groups(rules), self._agents, path):
            known = found.get(agent)
            found[agent] = told if known is None else max(known, told or 0)

    def _found(self, key: str) -> tuple[tuple[int | None, str], ...]:
        """(date, rules) of every statement of a key, the oldest first."""
        code = np.uint64(code_of(key))
        first = int(np.searchsorted(self._codes, code, side="left"))
        end = int(np.searchsorted(self._codes, code, side="right"))
        return tuple(
            (self._dates[row].value, self._rules[row].as_py())
            for row in range(first, end)
            if self._keys[row].as_py() == key
        )


def _path(url: str) -> str:
    """Path and query of an address in the form that is compared."""
    try:
        pieces = urlsplit(url.strip())
    except ValueError:
        return "/"
    path = (pieces.path or "/") + (f"?{pieces.query}" if pieces.query else "")
    return normal(path.encode("utf-8", "replace"), of_address=True)
