"""From proxies' results to a verdict per pair of mixes. Knows results and statistics; knows no model and no layout.

The verdict rests on one measure, chosen before the numbers are seen: the mean over domains of bits per byte. Each domain
and task is shown beside it, with p values corrected for their number (Holm); so are several pairs of mixes.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.trainer.compare.ranking import Ranking, rank
from curate.trainer.compare.signal import Signal, signal
from curate.trainer.compare.statistics import (
    Comparison,
    Floats,
    Values,
    compare,
    compare_mean,
    holm,
    seeds_needed,
    smallest_detectable,
    tokens_needed,
)
from curate.trainer.evaluate.task_scores import GOLD

Results = Mapping[str, Sequence[Mapping[str, Any]]]
PRIMARY = "all domains"
LOWER_IS_BETTER = "bits/byte"


@dataclass(frozen=True)
class Row:
    """A comparison, and its p value corrected for the number of rows."""

    comparison: Comparison
    adjusted_p: float
    confidence: float

    @property
    def better(self) -> str | None:
        """`first` or `second`, where the difference is shown even for one of several comparisons."""
        if not self.comparison.shown or self.adjusted_p > 1 - self.confidence:
            return None
        lower = self.comparison.difference < 0
        return "second" if lower == (self.comparison.unit in (LOWER_IS_BETTER, GOLD)) else "first"


@dataclass(frozen=True)
class Pair:
    """Two mixes: the verdict, domain by domain and task by task."""

    first: str
    second: str
    primary: Row
    rows: tuple[Row, ...]
    detectable: float
    """The difference in the primary measure that this comparison would have shown with a chance of 0.8."""
    seeds_needed: int | None
    tokens_needed: int | None
    sentence: str


@dataclass(frozen=True)
class Curve:
    """A mix's mean over seeds of the primary measure along its training, and the standard deviation between seeds."""

    mix: str
    tokens: tuple[int, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class Stopped:
    """A mix that was stopped early: after so many seeds, and by how much it was above the best one then."""

    mix: str
    seeds: int
    behind: float
    best: str

    @property
    def sentence(self) -> str:
        """For people."""
        return (
            f"{self.mix} was stopped after {self.seeds} seeds: at {self.behind:.4f} bits per byte above {self.best}, it is "
            "shown not to be the best."
        )


@dataclass(frozen=True)
class Cost:
    """What was trained for an answer. No time: that depends on the machine."""

    proxies: int = 0
    tokens: int = 0
    flops: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """What `validate` found."""

    name: str
    confidence: float
    seeds: int
    pairs: tuple[Pair, ...]
    curves: tuple[Curve, ...]
    contamination: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]
    ranking: Ranking | None = None
    """Mixes trained to the end by the primary measure on these texts; None with one seed, or one mix."""
    stopped: tuple[Stopped, ...] = ()
    """Mixes that were shown not to be the best, and trained no further."""
    domains: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    """Bits per byte of each domain by mix, means over its seeds."""
    cost: Cost = Cost()
    signals: tuple[Signal, ...] = ()
    """Per measure, what its values can tell apart; none with one seed, or one mix."""

    def to_json(self) -> str:
        """All of it; numbers that are not known are null."""
        return json.dumps(_known(dataclasses.asdict(self)), indent=1, sort_keys=True) + "\n"


def judge(
    name: str,
    results: Results,
    notes: Sequence[str],
    contamination: Mapping[str, Mapping[str, float]],
    confidence: float = 0.95,
    baseline: str | None = None,
    matters: float | None = None,
    stopped: Sequence[str] = (),
    flops_per_token: float = 0.0,
) -> Verdict:
    """Compare every pair of mixes, and rank them all. `results`: per mix one result per seed, as a proxy writes it.

    Mixes that were `stopped` have fewer seeds: they are shown, and compared no more, but count in intervals' correction.
    """
    mixes = len(results)
    proxies = [run for runs in results.values() for run in runs]
    tokens = sum(run["curve"][-1]["tokens"] for run in proxies)
    cost = Cost(len(proxies), tokens, tokens * flops_per_token)
    domains = _domains(results)
    ended = tuple(_stopped(mix, results) for mix in stopped)
    curves = tuple(_curve(mix, runs) for mix, runs in results.items())
    results = {mix: runs for mix, runs in results.items() if mix not in stopped}
    names = list(itertools.combinations(results, 2))
    primaries = [_primary(first, second, results, confidence) for first, second in names]
    left_out = [1.0] * (math.comb(mixes, 2) - len(names))  # pairs that stopping left out count as compared
    adjusted = holm([*(each.p for each in primaries), *left_out])
    pairs = tuple(
        _compare_pair(first, second, results, Row(primary, p, confidence))
        for (first, second), primary, p in zip(names, primaries, adjusted, strict=False)
    )
    seeds = len(next(iter(results.values())))
    ranking = None
    if seeds > 1 and len(results) > 1:
        ranking = rank(list(results), primary_by_seed(results), baseline, matters, confidence, mixes)
    signals = _signals(results) if ranking is not None else ()
    return Verdict(
        name, confidence, seeds, pairs, curves, contamination, tuple(notes), ranking, ended, domains, cost, signals
    )


def _domains(results: Results) -> dict[str, dict[str, float]]:
    """Bits per byte of each domain by mix."""
    found: dict[str, dict[str, float]] = {}
    for mix, runs in results.items():
        for each in measured(runs):
            if each.unit == LOWER_IS_BETTER:
                means = each.values.sum(axis=1) / each.weights.sum()
                found.setdefault(each.name, {})[mix] = float(means.mean())
    return found


def _signals(results: Results) -> tuple[Signal, ...]:
    """Of the mean over domains, and of each measure."""
    values = [signal(PRIMARY, LOWER_IS_BETTER, primary_by_seed(results))]
    for same in zip(*(measured(runs) for runs in results.values()), strict=True):
        by_mix = np.array([each.values.sum(axis=1) / each.weights.sum() for each in same])
        values.append(signal(same[0].name, same[0].unit, by_mix))
    return tuple(values)


def _stopped(mix: str, results: Results) -> Stopped:
    seeds = len(results[mix])
    means = {
        other: float(primary_by_seed({other: runs[:seeds]}).mean())
        for other, runs in results.items()
        if len(runs) >= seeds
    }
    best = min(means, key=lambda other: means[other])
    return Stopped(mix, seeds, means[mix] - means[best], best)


def primary_by_seed(results: Results) -> Floats:
    """The primary measure (mixes, seeds), the same seeds for all."""
    return np.array(
        [
            np.mean(
                [
                    each.values.sum(axis=1) / each.weights.sum()
                    for each in measured(runs)
                    if each.unit == LOWER_IS_BETTER
                ],
                axis=0,
            )
            for runs in results.values()
        ]
    )


def measured(runs: Sequence[Mapping[str, Any]]) -> list[Values]:
    """A mix's measures, seeds stacked."""
    lasts = [run["curve"][-1]["measures"] for run in runs]
    return [
        Values(
            same[0]["name"], same[0]["unit"], np.array([each["values"] for each in same]), np.array(same[0]["weights"])
        )
        for same in zip(*lasts, strict=True)
    ]


def _primary(first: str, second: str, results: Results, confidence: float) -> Comparison:
    both = zip(measured(results[first]), measured(results[second]), strict=True)
    return compare_mean(PRIMARY, [(a, b) for a, b in both if a.unit == LOWER_IS_BETTER], confidence)


def _compare_pair(first: str, second: str, results: Results, row: Row) -> Pair:
    confidence, primary = row.confidence, row.comparison
    both = zip(measured(results[first]), measured(results[second]), strict=True)
    comparisons = [compare(a, b, confidence) for a, b in both]
    adjusted = holm([each.p for each in comparisons])
    rows = tuple(Row(each, p, confidence) for each, p in zip(comparisons, adjusted, strict=True))
    detectable = smallest_detectable(primary, confidence)
    more_seeds = seeds_needed(primary, confidence)
    before, after = _curve(first, results[first]), _curve(second, results[second])
    more_tokens = None
    if len(before.tokens) == len(after.tokens) and not math.isnan(detectable):
        differences = [b - a for a, b in zip(before.mean, after.mean, strict=True)]
        # equal, but where the budget is time
        tokens = [round((a + b) / 2) for a, b in zip(before.tokens, after.tokens, strict=True)]
        more_tokens = tokens_needed(tokens, differences, detectable)
    sentence = _sentence(first, second, row, detectable, more_seeds, more_tokens)
    return Pair(first, second, row, rows, detectable, more_seeds, more_tokens, sentence)


def _sentence(
    first: str,
    second: str,
    row: Row,
    detectable: float,
    more_seeds: int | None,
    more_tokens: int | None,
) -> str:
    found, confidence = row.comparison, row.confidence
    if math.isnan(found.p):
        return f"No difference shown between {first} and {second}: one seed says nothing of the noise between runs."
    if found.low == found.high == 0:
        return f"No difference shown between {first} and {second}: every number of one is that of the other."
    interval = f"{found.difference:+.4f} bits per byte, {confidence:.0%} interval {found.low:+.4f} to {found.high:+.4f}"
    if row.better is not None:
        winner, loser = (first, second) if row.better == "first" else (second, first)
        return f"{winner} makes the better model than {loser} ({second} less {first}: {interval})."
    advice = []
    if more_seeds is not None and more_seeds > found.seeds:
        advice.append(f"about {more_seeds} seeds per mix would settle a difference of this size")
    elif more_seeds is None:
        advice.append("more seeds alone would not settle a difference of this size: add validation texts")
    if more_tokens is not None:
        advice.append(f"if the curves part as they do, so would about {more_tokens:,} tokens per proxy")
    else:
        advice.append("the curves do not part in a way that says how many more tokens would")
    return (
        f"No difference shown between {first} and {second} ({second} less {first}: {interval}). A difference of "
        f"{detectable:.4f} would have been shown four times in five; {'; '.join(advice)}."
    )


def _curve(mix: str, runs: Sequence[Mapping[str, Any]]) -> Curve:
    """Points that every seed has."""
    points = list(zip(*(run["curve"] for run in runs), strict=False))
    values = np.array(
        [
            [
                np.mean([each["mean"] for each in point["measures"] if each["unit"] == LOWER_IS_BETTER])
                for point in seeds
            ]
            for seeds in points
        ]
    )
    deviation = values.std(axis=1, ddof=1) if len(runs) > 1 else np.zeros(len(points))
    tokens = tuple(round(float(np.mean([point["tokens"] for point in seeds]))) for seeds in points)
    return Curve(mix, tokens, tuple(values.mean(axis=1).tolist()), tuple(deviation.tolist()))


def _known(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _known(item) for key, item in value.items()}
    return [_known(item) for item in value] if isinstance(value, list | tuple) else value
