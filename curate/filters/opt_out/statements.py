"""What was said of hosts and addresses, and which of it holds for a document.

A statement takes 20 bytes, whatever it is of: the hash of its subject, its date, and the number of its rules, of which there
are few. All lie sorted in a file that the workers of a machine map together, and are found by binary search; so two subjects
are taken for one where their hashes of 64 bits are equal: by chance once in 2^64 / statements questions. Knows statements;
knows no rule of a pipeline.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.filters.opt_out.robots_txt import EVERYONE, Groups, normal, parse, refused
from curate.ingest.robots_records import robots_records
from curate.records.opt_outs import RULES, SORTED, STATEMENTS, UNDATED
from curate.storage import open_binary
from curate.text.addresses import host, hosts

AsOf = Literal["latest", "fetch"]

_BATCH = 1 << 16  # statements

_Told = tuple[tuple[int, int], ...]  # (date, number of its rules) of statements
_NO_WORD: _Told = ()


class Answer(NamedTuple):
    """The agents that may not use a document, and the day of the newest statement that says so."""

    agents: tuple[str, ...]
    date: str | None


NOTHING = Answer((), None)
"""Nobody refuses."""


def subject(kind: str, of: str) -> str:
    """What a statement is of, as it is hashed."""
    return f"{kind} {of}"


def codes_of(subjects: Iterable[str]) -> NDArray[np.uint64]:
    """The hashes that statements are sorted by."""
    digests = [hashlib.blake2b(each.encode("utf-8", "replace"), digest_size=8).digest() for each in subjects]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def as_json(groups: Groups) -> str:
    """Rules by user agent as a statement holds them."""
    return json.dumps(groups, sort_keys=True)


def as_statements(told: Sequence[tuple[str, int | None, str]]) -> pa.RecordBatch:
    """Subjects, dates (None: always) and rules as STATEMENTS, in their order."""
    columns = [
        pa.array(codes_of(each[0] for each in told)),
        pa.array([UNDATED if each[1] is None else each[1] for each in told], pa.int64()),
        pa.array([each[2] for each in told], pa.large_string()),
    ]
    return pa.record_batch(columns, schema=STATEMENTS)


def statements_of_robots(path: str, name: str, agents: Sequence[str], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
    """What the robots.txt records of a WARC file say to these agents, as batches of STATEMENTS. `counts`: see
    `robots_records`."""
    told: list[tuple[str, int | None, str]] = []
    with open_binary(path) as file:
        for record in robots_records(file, name, counts):
            of = host(record.url)
            if record.body is None or of is None:
                continue
            groups = {agent: rules for agent, rules in parse(record.body).items() if agent in (*agents, EVERYONE)}
            told.append((subject("robots", of), record.date, as_json(groups)))
            if len(told) == _BATCH:
                yield as_statements(told)
                told = []
    yield as_statements(told)


def sort_statements(batches: Iterable[pa.RecordBatch]) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """(all statements as SORTED, the rules that they name as RULES) of batches of STATEMENTS in any order."""
    known: dict[str, int] = {}
    codes, dates, numbers = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    for batch in batches:
        coded = batch.column("rules").dictionary_encode()
        mine = [known.setdefault(each, len(known)) for each in coded.dictionary.to_pylist()]
        codes.append(batch.column("code").to_numpy().copy())
        dates.append(batch.column("date").to_numpy().copy())
        numbers.append(np.array(mine, np.int32)[coded.indices.to_numpy()])
    rules = sorted(known)
    places = np.zeros(len(rules), np.int32)
    for place, each in enumerate(rules):
        places[known[each]] = place
    code, date, number = np.concatenate(codes), np.concatenate(dates), places[np.concatenate(numbers)]
    order = np.lexsort((number, date, code))
    code, date, number = code[order], date[order], number[order]
    first = np.ones(len(code), np.bool_)
    first[1:] = (code[1:] != code[:-1]) | (date[1:] != date[:-1]) | (number[1:] != number[:-1])
    columns = [pa.array(each[first]) for each in (code, date, number)]
    return pa.record_batch(columns, schema=SORTED), pa.record_batch([pa.array(rules, pa.large_string())], schema=RULES)


class Statements:
    """Statements to be asked, from `sort_statements`.

    `as_of` says which hold: `latest` all of a list and the newest robots.txt of a host, whatever the document's date;
    `fetch` those of a list that are not younger than the document, and the newest robots.txt that is not, or the first
    there is.
    """

    def __init__(self, told: pa.RecordBatch, rules: pa.RecordBatch, agents: Sequence[str], as_of: AsOf) -> None:
        self._codes, self._dates, self._numbers = (told.column(name).to_numpy() for name in SORTED.names)
        self._rules = rules.column("rules")
        self._agents, self._as_of = tuple(agents), as_of
        self._groups = functools.lru_cache(1 << 14)(self._read)

    def ask(self, url: str | None, date: int | None) -> Answer:
        """What is said of a document; `date`, seconds since 1970 UTC, is when it was fetched."""
        return self.ask_all(pa.array([url], pa.large_string()), [date])[0]

    def ask_all(self, urls: pa.Array, dates: Sequence[int | None]) -> list[Answer]:
        """What is said of documents (their addresses, nulls allowed), and when each was fetched."""
        addresses, coded = urls.to_pylist(), hosts(urls).dictionary_encode()
        listed = self._said([subject("url", _without_fragment(url or "")) for url in addresses])
        of_hosts = self._said_of_hosts(coded.dictionary.to_pylist())
        answers = []
        for url, place, date, own in zip(addresses, coded.indices.to_pylist(), dates, listed, strict=True):
            domains, robots = (_NO_WORD, _NO_WORD) if place is None else of_hosts[place]
            told = place is not None and (own or domains or robots)
            answers.append(self._answer(url, date, (*own, *domains), robots) if told else NOTHING)
        return answers

    def _answer(self, url: str, date: int | None, listed: _Told, robots: _Told) -> Answer:
        path = _path(url)
        found: dict[str, int] = {}
        for told, rules in listed:
            if self._as_of == "latest" or date is None or told <= date:
                self._add(found, rules, path, told)
        if robots:
            before = [each for each in robots if each[0] == UNDATED or (date is not None and each[0] <= date)]
            told, rules = robots[-1] if self._as_of == "latest" or date is None else before[-1] if before else robots[0]
            self._add(found, rules, path, told)
        newest = max(found.values(), default=UNDATED)
        day = None if newest == UNDATED else str(np.datetime64(newest, "s").astype("datetime64[D]"))
        return Answer(tuple(agent for agent in self._agents if agent in found), day)

    def _add(self, found: dict[str, int], rules: int, path: str, told: int) -> None:
        for agent in refused(self._groups(rules), self._agents, path):
            found[agent] = max(found.get(agent, UNDATED), told)

    def _said_of_hosts(self, names: Sequence[str]) -> list[tuple[_Told, _Told]]:
        """Of each host, what lists say of it and the domains above it, and what its robots.txt said."""
        subjects, ends = [], []
        for of in names:
            parts = of.split(".")
            subjects += [subject("domain", ".".join(parts[place:])) for place in range(len(parts))]
            subjects.append(subject("robots", of))
            ends.append(len(subjects))
        said = self._said(subjects)
        found = []
        for first, end in zip([0, *ends], ends, strict=False):
            domains = tuple(each for told in said[first : end - 1] for each in told)
            found.append((domains, said[end - 1]))
        return found

    def _said(self, subjects: Sequence[str]) -> list[_Told]:
        """(date, rules) of every statement of each subject, the oldest first."""
        codes = codes_of(subjects)
        first, end = (np.searchsorted(self._codes, codes, side=side) for side in ("left", "right"))
        said = [_NO_WORD] * len(codes)
        for place in np.flatnonzero(end > first).tolist():
            rows = slice(int(first[place]), int(end[place]))
            said[place] = tuple(zip(self._dates[rows].tolist(), self._numbers[rows].tolist(), strict=True))
        return said

    def _read(self, number: int) -> Mapping[str, Sequence[tuple[bool, str]]]:
        groups: Mapping[str, Sequence[tuple[bool, str]]] = json.loads(self._rules[number].as_py())
        return groups


def _without_fragment(url: str) -> str:
    return url.partition("#")[0].strip()


def _path(url: str) -> str:
    """Path and query of an address in the form that is compared."""
    try:
        pieces = urlsplit(url.strip())
    except ValueError:
        return "/"
    path = (pieces.path or "/") + (f"?{pieces.query}" if pieces.query else "")
    return normal(path.encode("utf-8", "replace"), of_address=True)
