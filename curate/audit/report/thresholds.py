"""The thresholds that can be dragged, and the numbers that a drag looks up.

Knows histograms and samples; the page's script does the dragging.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curate.audit.aggregates import edges
from curate.audit.dials import ALPHA, SHARE_KEY
from curate.audit.report.choices import Choices
from curate.audit.sampled import VALUE

WIDE = 640
"""Units across a picture."""
_WHOLE_UP_TO = 100  # from here on edges are whole numbers, and bins between them do not tell
_MOST_VALUES = 100_000
"""Values of the sample that the page holds, of all rules together: it is the smallest draws that stay."""
_MOST_STEPS, _LEAST_STEPS, _ALL_STEPS = 320, 40, 16_000
"""Places that a slider can take, fewer where there are many sliders; the bound of the run is always one of them."""
_WHOLE_SHARE = 1.0
_LEAST_ALPHA, _MOST_ALPHA = 0.005, 50.0
"""Alphas that a slider can take; GPT-3's is 9."""
MOST_SLIDERS = 120
"""Thresholds that a page has room for."""


@dataclass(frozen=True)
class Slider:
    """One bound of a rule over one or more sources that share it."""

    rule: str
    side: str
    key: str
    bound: float
    numbers: Mapping[str, Any]
    nearest: Mapping[str, Any]
    at: npt.NDArray[np.float64]
    """The edges that the counts' bins lie between."""
    steps: int = _MOST_STEPS
    """Places that it can take, about."""
    sources: tuple[str, ...] = ()
    """Those that the bound is set for."""
    again: int = 0
    """Which of several it is where sources bound a rule differently."""
    share: float | None = None
    """Of a share of the best scored, the share: its bound is the score that the share came to."""
    also: tuple[float, ...] = ()
    """Edges that have a place of their own: bounds of published packs."""

    @property
    def name(self) -> str:
        """A name for the page."""
        return f"{self.rule}.{self.side}".replace("/", "-") + (f"-{self.again}" if self.again else "")


def sliders(
    audit: Mapping[str, Any], outputs: tuple[str, ...], shares: Mapping[str, float] | None = None
) -> list[Slider]:
    """A slider for each bound of each rule, the counts of all sources that share it added up; of the rules that decide about
    most documents by themselves first. `shares`: the share of the best scored that a source keeps; of several sources that
    do, none has a slider, for one setting would have to move several scores."""
    shares = shares or {}
    merged: dict[tuple[str, Any, Any], dict[str, Any]] = {}
    nearest: dict[tuple[str, Any, Any], dict[str, list[Any]]] = {}
    for source in outputs:
        for rule, numbers in audit.get(source, {}).get("rules", {}).items():
            key = (rule, numbers["low"], numbers["high"])
            total = merged.setdefault(key, {**numbers, "values": {}, "others_pass": {}, "sources": ()})
            total["sources"] += (source,)
            for name in ("values", "others_pass"):
                for place, number in numbers[name].items():
                    total[name][place] = total[name].get(place, 0) + number
            for side, listed in audit[source]["nearest"].get(rule, {}).items():
                mine = nearest.setdefault(key, {}).setdefault(side, [])
                mine.extend(listed)
                mine.sort()
    found: list[Slider] = []
    for (rule, low, high), numbers in merged.items():
        at = edges([bound for bound in (low, high) if bound is not None], numbers.get("single", False))
        if all(bound is None or bound == int(bound) for bound in (low, high)) and _whole(at, numbers["values"]):
            keep = at == np.floor(at)
            numbers = numbers | {name: _thinned(at, keep, numbers[name]) for name in ("values", "others_pass")}
            at = at[keep]
        for side, bound in (("min", low), ("max", high)):
            share = shares.get(numbers["sources"][0]) if numbers["key"].endswith(SHARE_KEY) else None
            if share is None and numbers["key"].endswith(SHARE_KEY):
                continue
            if share is not None and len(shares) > 1:
                continue
            if bound is not None and numbers["values"]:
                setting = numbers["key"] if numbers["whole_key"] else f"{numbers['key']}.{side}"
                again = len([None for other in found if (other.rule, other.side) == (rule, side)])
                near = nearest.get((rule, low, high), {})
                found.append(
                    Slider(
                        rule, side, setting, bound, numbers, near, at, sources=numbers["sources"], again=again,
                        share=share,
                    )
                )  # fmt: skip
    found.sort(key=lambda slider: -decides(slider))
    steps = max(_LEAST_STEPS, min(_MOST_STEPS, _ALL_STEPS // max(1, len(found))))
    return [replace(slider, steps=steps) for slider in found[:MOST_SLIDERS]]


def decides(slider: Slider) -> int:
    """Documents that it alone drops."""
    others = dense(slider.numbers["others_pass"], 2 * len(slider.at) + 1)
    inside = _inside_other_bound(others, slider.at, slider)
    return int(inside.sum()) - _keeps(inside, int(np.searchsorted(slider.at, slider.bound)), slider)


def _whole(at: npt.NDArray[np.float64], sparse: Mapping[str, int]) -> bool:
    """Whether every value seen is a whole number, as far as its bin tells."""
    places = np.array([int(place) for place in sparse], np.int64)
    below = places[places < 2 * len(at)] // 2
    exact = (places[places < 2 * len(at)] % 2 == 1) & (at[below] == np.floor(at[below]))
    return bool((exact | (at[below] > _WHOLE_UP_TO)).all())


def _thinned(at: npt.NDArray[np.float64], keep: npt.NDArray[np.bool_], sparse: Mapping[str, int]) -> dict[str, int]:
    """The counts of bins when only some edges are kept: bins between them are put together."""
    new = np.cumsum(keep) - 1
    merged: dict[str, int] = {}
    for place, number in sparse.items():
        edge, exact = divmod(int(place), 2)
        if edge < len(at) and exact and keep[edge]:
            name = str(2 * int(new[edge]) + 1)
        else:
            name = str(2 * (int(new[edge - 1]) + 1 if edge else 0))
        merged[name] = merged.get(name, 0) + number
    return merged


def dense(sparse: Mapping[str, int], length: int) -> npt.NDArray[np.int64]:
    """{bin: count} as an array of so many bins."""
    dense = np.zeros(length, np.int64)
    for place, number in sparse.items():
        dense[int(place)] = number
    return dense


@dataclass(frozen=True)
class Scale:
    """The edges that a picture spans: `first` to `last` of `at`, and the places that its slider can take."""

    at: npt.NDArray[np.float64]
    first: int
    last: int
    places: npt.NDArray[np.int64]

    wide: float = WIDE

    def x(self, edge: float) -> float:
        """Where an edge, by number, lies in the picture."""
        return WIDE * (edge - self.first + 0.5) / (self.last - self.first + 1)

    def border(self, edge: float, slider: Slider) -> float:
        """Where what a bound at this edge keeps ends: an edge is a bin of its own, and is kept or not."""
        right = (slider.side == "max") != bool(slider.numbers["exclusive"])
        return self.x(edge + (0.5 if right else -0.5))


def scale(slider: Slider) -> Scale:
    """From the least value to the greatest, both bounds included, one edge to spare on either side."""
    at = slider.at
    used = [int(place) for place in slider.numbers["values"]]
    own = int(np.searchsorted(at, slider.bound))
    marked = [own, *(int(np.searchsorted(at, bound)) for bound in slider.also)]
    first = max(0, min(min(used) // 2, *marked) - 1)
    last = min(len(at) - 1, max((max(used) + 1) // 2, *marked) + 1)
    if slider.numbers["metric"] == ALPHA:
        first = max(first, min(own, int(np.searchsorted(at, _LEAST_ALPHA))))
        last = min(last, max(own, int(np.searchsorted(at, _MOST_ALPHA))))
    elif slider.numbers["whole_key"]:  # a setting of a step is a share: a place beyond all of it would be refused
        last = min(last, int(np.searchsorted(at, _WHOLE_SHARE)))
    step = max(1, -(-(last - first + 1) // slider.steps))
    places = np.unique([*range(first, last + 1, step), *marked, last])
    return Scale(at, first, last, places)


def script_data(
    audit: Mapping[str, Any], outputs: tuple[str, ...], found: list[Slider], sample: pa.Table, lists: Sequence[Choices]
) -> dict[str, Any]:
    """What the page's script needs: counts by place for one threshold moved, the sample for several. A rule that has no dial
    here stays as it is."""
    listed = []
    for slider in found:
        spread = scale(slider)
        others = dense(slider.numbers["others_pass"], 2 * len(spread.at) + 1)
        inside = _inside_other_bound(others, spread.at, slider)
        listed.append(
            {
                "name": slider.name, "rule": slider.rule, "side": slider.side, "key": slider.key,
                "exclusive": slider.numbers["exclusive"], "bound": slider.bound,
                "values": [float(value) for value in spread.at[spread.places]],
                "x": [round(spread.border(int(place), slider), 2) for place in spread.places],
                "sources": [outputs.index(source) for source in slider.sources],
                "keeps": [_keeps(inside, int(place), slider) for place in spread.places],
            }
        )  # fmt: skip
        if slider.share is not None:  # the share that would lead to a score: it keeps as many of those that come so far
            whole = max(1, int(others.sum()))
            own = int(np.searchsorted(spread.at[spread.places], slider.bound))
            shares = [each / whole for each in listed[-1]["keeps"]]
            listed[-1]["shares"] = [slider.share if place == own else share for place, share in enumerate(shares)]
    rules = list(dict.fromkeys(slider.rule for slider in found))
    known = [rule for rule in rules if VALUE + rule in sample.column_names]
    still = _movable(audit, outputs) - {*rules, *(each.rule for each in lists)}
    of = pc.index_in(sample.column("source"), pa.array(outputs, pa.string()))
    sample = sample.append_column("of", of).filter(pc.is_valid(of))
    sample = sample.slice(0, _MOST_VALUES // max(1, len(known)))
    columns = {rule: [_sampled(value) for value in sample.column(VALUE + rule).to_pylist()] for rule in known}
    return {
        "documents": sum(audit[source]["documents"] for source in outputs if source in audit),
        "passed": sum(audit[source]["passed"] for source in outputs if source in audit),
        "sliders": listed,
        "sample": {
            "source": sample.column("of").to_pylist(),
            "language": sample.column("language").to_pylist() if "language" in sample.column_names else [],
            "fixed": _fixed(sample, still),
            "rules": columns,
        },
        "width": WIDE,
        "choices": [each.script_data(outputs) for each in lists],
    }


def _movable(audit: Mapping[str, Any], outputs: tuple[str, ...]) -> set[str]:
    """The rules that the sample holds values of, or the language: these are not among its fixed failures."""
    mine = [audit.get(source, {}) for source in outputs]
    return {rule for counts in mine for name in ("rules", "choices") for rule in counts.get(name, {})}


def _fixed(sample: pa.Table, still: set[str]) -> list[int]:
    """Whether something drops a document that no dial of the page can move."""
    fixed = sample.column("fixed").to_pylist()
    if not still:
        return list(map(int, fixed))
    failed = sample.column("failed").to_pylist()
    return [int(each or not still.isdisjoint(names or ())) for each, names in zip(fixed, failed, strict=True)]


def _sampled(value: float | None) -> float | None:
    """A value that JSON can hold, shorter where that changes nothing that a person would set."""
    if value is None or value != value:
        return None
    return int(value) if value == int(value) else float(f"{value:.7g}")


def _inside_other_bound(
    others: npt.NDArray[np.int64], at: npt.NDArray[np.float64], slider: Slider
) -> npt.NDArray[np.int64]:
    """The counts that the rule's other bound, if it has one, lets pass."""
    bound = slider.numbers["high" if slider.side == "min" else "low"]
    if bound is None:
        return others
    place, exclusive = int(np.searchsorted(at, bound)), slider.numbers["exclusive"]
    kept = others.copy()
    if slider.side == "min":
        kept[2 * place + (1 if exclusive else 2) :] = 0
    else:
        kept[: 2 * place + (2 if exclusive else 1)] = 0
    return kept


def _keeps(inside: npt.NDArray[np.int64], place: int, slider: Slider) -> int:
    """Documents that no other rule drops and that pass with the bound at this edge."""
    exclusive = slider.numbers["exclusive"]
    if slider.side == "min":
        return int(inside[2 * place + (2 if exclusive else 1) :].sum())
    return int(inside[: 2 * place + (1 if exclusive else 2)].sum())
