"""Labelled personal data scored: what was found beside what people labelled. Knows labels and spans only."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curate import pii
from curate.pii import Span

Place = tuple[int, int, int]
"""Text, start, end."""


@dataclass(frozen=True)
class Labelled:
    """A text with its labels of every type."""

    text: str
    spans: tuple[Span, ...]
    source: str


@dataclass(frozen=True)
class Score:
    """Of one type. `accepted`: labels whose text alone is found whole; `strict`, `overlapping`: how many of those are found
    exactly or in part. `overall`: of all labels, found with any overlap. Of what was found: `exact`, `touching`
    a label of the type; `elsewhere`, on a label of another type only. The rest is on no label."""

    labels: int
    accepted: int
    strict: int
    overlapping: int
    overall: int
    found: int
    exact: int
    touching: int
    elsewhere: int


def read_labelled(path: Path) -> list[Labelled]:
    """The labelled texts of a file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Labelled(row["text"], tuple(Span(s["start"], s["end"], s["type"]) for s in row["spans"]), row["source"])
        for row in rows
    ]


_ALONE = pii.Detection(options=frozenset({"ssn_unsaid"}))
"""A label's text alone has no word before it that says what it is."""


def is_second_half(row: Labelled) -> bool:
    """Half of the data, by template where texts have templates, else by source: a rule that fits single cases shows as a
    difference between the halves."""
    if not row.source.startswith("presidio"):
        return row.source in ("pii-anon/legal", "pii-anon/clinical")
    template, at = "", 0
    for span in row.spans:
        template += row.text[at : span.start] + span.type
        at = span.end
    template = re.sub(r"\d", "0", template + row.text[at:])
    return bool(hashlib.md5(template.encode(), usedforsecurity=False).digest()[0] & 1)


def _overlaps(place: Place, others: Sequence[Place]) -> bool:
    return any(place[1] < other[2] and other[1] < place[2] for other in others)


def scores(rows: Sequence[Labelled], types: Sequence[str] = pii.TYPES) -> dict[str, Score]:
    """By type."""
    found = pii.find([row.text for row in rows])
    result = {}
    for name in types:
        labels = [(i, s.start, s.end) for i, row in enumerate(rows) for s in row.spans if s.type == name]
        others = [(i, s.start, s.end) for i, row in enumerate(rows) for s in row.spans if s.type != name]
        places = [(i, s.start, s.end) for i, spans in enumerate(found) for s in spans if s.type == name]
        alone = pii.find([rows[i].text[start:end] for i, start, end in labels], _ALONE)
        accepted = [
            label
            for label, spans in zip(labels, alone, strict=True)
            if any(s.type == name and s.end - s.start == label[2] - label[1] for s in spans)
        ]
        by_text: dict[str, dict[int, list[Place]]] = {}
        for kind, group in (("labels", labels), ("others", others), ("places", places)):
            by_text[kind] = defaultdict(list)
            for place in group:
                by_text[kind][place[0]].append(place)
        touching = [place for place in places if _overlaps(place, by_text["labels"][place[0]])]
        result[name] = Score(
            labels=len(labels),
            accepted=len(accepted),
            strict=len(set(accepted) & set(places)),
            overlapping=sum(_overlaps(label, by_text["places"][label[0]]) for label in accepted),
            overall=sum(_overlaps(label, by_text["places"][label[0]]) for label in labels),
            found=len(places),
            exact=len(set(places) & set(labels)),
            touching=len(touching),
            elsewhere=sum(_overlaps(place, by_text["others"][place[0]]) for place in set(places) - set(touching)),
        )
    return result
