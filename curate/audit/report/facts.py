"""The rows that the report shows, on the page as in its tables: sums, shares and orders of what stats.json holds.

Knows the numbers of stats.json; knows no markup.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from curate.audit.aggregates import MOST_ODDS
from curate.records.statistics import RunNumbers, SourceNumbers, Sources, SplitNumbers, outputs, text_out
from curate.verdicts.steps import ROLE

SHOWN = 40
"""Languages, domains or evaluation sets that are listed, the most frequent of them."""
PAIRS = 12
"""Pairs of rules that are listed."""

_LEAST_PLAIN = 1e-3  # scores nearer to an end are written with an exponent
_OCTAVE = 2  # bins of lengths per doubling
_SINGLE_CLUSTERS = 8  # sizes up to which clusters are counted one by one


def summed(audit: Mapping[str, Any], sources: Sequence[str], name: str) -> dict[str, Any]:
    """One of the audit's counts over several sources."""

    def add(total: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
        for key, value in other.items():
            total[key] = add(total.get(key, {}), value) if isinstance(value, Mapping) else total.get(key, 0) + value
        return total

    total: dict[str, Any] = {}
    for source in sources:
        add(total, audit.get(source, {}).get(name, {}))
    return total


class Totals(NamedTuple):
    """Sums over the sources whose documents are output, and the documents of those that only train a classifier."""

    files: int
    records: int
    documents: int
    kept: int
    amount: int
    """Tokens, or characters of a run without."""
    reference_documents: int


def totals(sources: Sources) -> Totals:
    """What the run came to."""
    mine = [sources[name] for name in outputs(sources)]
    others = [source for source in sources.values() if source["role"] != "training"]
    return Totals(
        files=sum(source["files"] for source in mine),
        records=sum(source["records"] for source in mine),
        documents=sum(source["documents"] for source in mine),
        kept=sum(source["kept"] for source in mine),
        amount=sum(amount(source) for source in mine),
        reference_documents=sum(source["documents"] for source in others),
    )


class Removed(NamedTuple):
    """What a rule fails, and how much of it nothing else does."""

    rule: str
    source: str
    failed: int
    alone: int
    records: int

    @property
    def together(self) -> int:
        """How many of them fail another rule too."""
        return self.failed - self.alone


def removals(sources: Sources) -> list[Removed]:
    """Every rule of every source, those that fail most first; rules that nothing fails come last. That a source is no
    output is no rule."""
    found = [
        Removed(rule, name, each["failed"], each["alone"], source["records"])
        for name, source in sources.items()
        for step in source["funnel"]
        if step["step"] != ROLE
        for rule, each in step["rules"].items()
    ]
    return sorted(found, key=lambda row: -row.failed)


def edited(sources: Sources) -> list[tuple[str, str, int, int]]:
    """(edit, source, characters removed, characters of the source's texts as extracted), most first."""
    found = [
        (edit, name, chars, source["chars"])
        for name, source in sources.items()
        for edit, chars in source["edited_chars"].items()
        if chars
    ]
    return sorted(found, key=lambda row: (-row[2], row[:2]))


def overlaps(overlap: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, int, int, int]]:
    """(rule, another, failing both, failing the first, failing the second), most first."""
    order = sorted(overlap, key=lambda rule: (-overlap[rule].get(rule, 0), rule))
    pairs = [
        (first, second, overlap[first][second], overlap[first][first], overlap[second][second])
        for place, first in enumerate(order)
        for second in order[place + 1 :]
        if overlap[first].get(second)
    ]
    return sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))


def scores(found: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int, int]]:
    """(range of quality scores, documents, of them kept), from the lowest score to the highest that occurs."""
    every, kept = ({int(place): number for place, number in found.get(side, {}).items()} for side in ("all", "kept"))
    if not every:
        return []
    first, last = min(every), max(every)
    edges = [_score_of(place) for place in range(first, last + 2)]
    return [
        (f"{_score(low)}–{_score(high)}", every.get(place, 0), kept.get(place, 0))
        for place, (low, high) in enumerate(pairwise(edges), first)
    ]


def _score_of(place: int) -> float:
    """The score from which a bin of odds begins; the first and last go to the ends."""
    odds = 2.0 ** (place - MOST_ODDS)
    return 0.0 if place <= 0 else 1.0 if place > 2 * MOST_ODDS else odds / (1 + odds)


def _score(value: float) -> str:
    """A score in few characters, counted from the nearer end: 2e-6, 0.67, 0.9988, 1−2e-6."""
    end = min(value, 1 - value)
    if 0 < end < _LEAST_PLAIN:
        return ("1−" if value > end else "") + f"{end:.0e}".replace("e-0", "e-")
    return f"{value:.{1 - math.floor(math.log10(end))}f}" if end else f"{value:.0f}"


ENGINES = ("engine", "source", "texts", "pass every rule", "no other engine's passes", "chosen")
"""What is listed of each engine, where several extract."""


def engines(sources: Sources) -> list[tuple[str, str, int, int, int, int]]:
    """ENGINES of every source with several, in the order in which they are preferred."""
    return [
        (engine, name, each["texts"], each["passing"], each["only"], each["chosen"])
        for name, source in sources.items()
        for engine, each in source.get("engines", {}).items()
    ]


Contaminated = tuple[str, int | None, int | None, int | None, int | None, int]
CONTAMINATED = ("evaluation set", "items", "too short to find", "found", "documents", "matches")
"""What is listed of each evaluation set; a match is an item in a document."""


def contaminated(stats: RunNumbers) -> list[Contaminated]:
    """CONTAMINATED of every evaluation set, the most found first."""
    matches = summed(stats["audit"], outputs(stats["sources"]), "contamination")
    sets = stats["contamination"]["sets"] if stats["contamination"] else {}
    rows: list[Contaminated] = []
    for name in dict.fromkeys([*sets, *matches]):
        found = matches.get(name, 0)
        if name in sets:
            each = sets[name]
            rows.append((name, each["items"], each["too_short"], each["found"], each["documents"], found))
        else:
            rows.append((name, None, None, None, None, found))
    return sorted(rows, key=lambda row: (-row[-1], row[0]))


def classifiers(sources: Sources) -> list[tuple[str, str, float | int]]:
    """(source and classifier, what, value) of classifiers trained: on what, and how well they tell what was held out."""
    rows: list[tuple[str, str, float | int]] = []
    for name, source in sources.items():
        model = source.get("quality", {}).get("model") or {}
        trained, held = model.get("trained_on", {}), model.get("held_out", {})
        if "classifier" in model:
            name = f"{name}, {model['classifier']}"
        for what, numbers in (("trained on", trained), ("held out", held.get("documents", {}))):
            rows += [(name, f"{what} {kind} documents", numbers[kind]) for kind in _KINDS if kind in numbers]
        for key, what in (
            ("roc_auc", "held out, area under ROC"),
            ("roc_auc_at_equal_length", "the same, texts of equal length"),
            ("average_precision", "held out, average precision"),
        ):
            if isinstance(held.get(key), int | float):
                rows.append((name, what, held[key]))
        if isinstance(model.get("in_sample", {}).get("roc_auc"), int | float):
            rows.append((name, "what it was trained on, area under ROC", model["in_sample"]["roc_auc"]))
        for what, number in (
            ("documents of the source that it was trained on", source["quality"].get("sampled")),
            ("documents scored by a model that knew their text", source["quality"].get("seen")),
        ):
            if number is not None:
                rows.append((name, what, number))
        for key, number in held.get("baselines", {}).get("roc_auc", {}).items():
            rows.append((name, f"area under ROC by {_BASELINES.get(key, key)}", number))
    return rows


_KINDS = ("positive", "negative")
_BASELINES = {
    "length": "length alone",
    "register": "style alone: counts of capitals, digits and punctuation",
    "both": "length and style",
}


def clusters(found: Mapping[str, int]) -> list[tuple[str, int]]:
    """(documents in a cluster of copies, clusters), small ones first; large ones by doublings."""
    sizes: dict[str, int] = {}
    for size, number in sorted((int(size), number) for size, number in found.items()):
        least = 1 << (size.bit_length() - 1)
        label = str(size) if size <= _SINGLE_CLUSTERS else f"{max(least, _SINGLE_CLUSTERS + 1)}–{2 * least - 1}"
        sizes[label] = sizes.get(label, 0) + number
    return list(sizes.items())


def similarities(found: Mapping[str, int]) -> list[tuple[str, int]]:
    """(Jaccard similarity to the survivor, removed documents), by hundredths, without gaps."""
    low = min(map(int, found), default=101)
    return [(f"{place / 100:.2f}", found.get(str(place), 0)) for place in range(low, 101)]


def lengths(found: Mapping[str, int], amounts: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """(range of tokens, kept documents, their tokens), each range half a doubling, without gaps."""
    if not found:
        return []
    places = range(min(map(int, found)), max(map(int, found)) + 1)
    rows = []
    for place in places:
        low, high = (math.ceil(2 ** (at / _OCTAVE) - 1e-9) for at in (place, place + 1))
        if low == high:  # no whole number lies between 1 and 2
            continue
        rows.append(
            (
                f"{low:,}" if high - low < 2 else f"{low:,}–{high - 1:,}",
                found.get(str(place), 0),
                amounts.get(str(place), 0),
            )
        )
    return rows


def unit(stats: RunNumbers) -> str:
    """What kept documents are counted in."""
    return "characters" if text_out(stats) else "tokens"


def amount(source: SourceNumbers) -> int:
    """Tokens of a source's kept documents, or their characters where the run makes text."""
    return source.get("kept_chars", source["tokens"])


def token_rate(name: str, stats: RunNumbers) -> float:
    """Tokens to a character of what a source keeps, 1 in a run without; of one that keeps nothing, of all sources."""

    def of(names: Sequence[str]) -> float:
        chars = sum(stats["audit"].get(each, {}).get("fates", {}).get("kept", {}).get("chars", 0) for each in names)
        return sum(amount(stats["sources"][each]) for each in names) / chars if chars else 0.0

    return of((name,)) or of(outputs(stats["sources"]))


def splits(stats: RunNumbers) -> list[tuple[str, SplitNumbers]]:
    """(name, numbers) of each split; of tokenizers beside the first as NAME/SPLIT."""
    further = stats.get("tokenizers", {}).items()
    return [
        *stats["shards"].items(),
        *((f"{name}/{split}", numbers) for name, each in further for split, numbers in each["shards"].items()),
    ]


class Share(NamedTuple):
    """A group of the mixture, or a source where none was asked for."""

    group: str
    asked: float | None
    share: float
    tokens: int
    documents: int
    epochs: float
    available: int


def shares(stats: RunNumbers) -> list[Share]:
    """Each group's share of the tokens, or of the characters where there are none: as asked, and as it is."""
    mixture = stats.get("mixture")
    if mixture:
        weights = sum(group["weight"] or 0 for group in mixture["groups"].values()) or 1
        return [
            Share(
                name, None if group["weight"] is None else group["weight"] / weights,
                group["tokens"] / mixture["tokens"] if mixture["tokens"] else 0.0,
                group["tokens"], group["documents"], group["epochs"], group["available_tokens"],
            )
            for name, group in mixture["groups"].items()
        ]  # fmt: skip
    total = sum(amount(stats["sources"][name]) for name in outputs(stats["sources"])) or 1
    listed = ((name, stats["sources"][name]) for name in outputs(stats["sources"]))
    return [
        Share(name, None, amount(each) / total, amount(each), each["kept"], 1.0, amount(each)) for name, each in listed
    ]
