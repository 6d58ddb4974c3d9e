"""Each threshold on its metric's distribution, to be dragged: pictures, and the numbers that a drag looks up.

Knows histograms and samples; the page's script does the dragging.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curate.audit.edges import edges
from curate.audit.opened import OpenedRun
from curate.audit.report.examples import examples
from curate.audit.report.html import Html, count, join, short, svg, tag
from curate.audit.rules import bounds

_BARS = 64
_WIDE, _HIGH = 640, 120
_WHOLE_UP_TO = 100  # from here on edges are whole numbers, and bins between them do not tell
_MOST_STEPS = 320
"""Places that a slider can take: the bound of the run is always one of them."""


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

    @property
    def name(self) -> str:
        """A name for the page."""
        return f"{self.rule}.{self.side}".replace("/", "-")


def sliders(audit: Mapping[str, Any], outputs: tuple[str, ...]) -> list[Slider]:
    """A slider for each bound of each rule, the counts of all sources that share it added up."""
    merged: dict[tuple[str, Any, Any], dict[str, Any]] = {}
    nearest: dict[tuple[str, Any, Any], dict[str, list[Any]]] = {}
    for source in outputs:
        for rule, numbers in audit.get(source, {}).get("rules", {}).items():
            key = (rule, numbers["low"], numbers["high"])
            total = merged.setdefault(key, {**numbers, "values": {}, "others_pass": {}})
            for name in ("values", "others_pass"):
                for place, number in numbers[name].items():
                    total[name][place] = total[name].get(place, 0) + number
            for side, listed in audit[source]["nearest"].get(rule, {}).items():
                mine = nearest.setdefault(key, {}).setdefault(side, [])
                mine.extend(listed)
                mine.sort()
    found = []
    for (rule, low, high), numbers in merged.items():
        at = edges([bound for bound in (low, high) if bound is not None])
        if all(bound is None or bound == int(bound) for bound in (low, high)) and _whole(at, numbers["values"]):
            keep = at == np.floor(at)
            numbers = numbers | {name: _thinned(at, keep, numbers[name]) for name in ("values", "others_pass")}
            at = at[keep]
        for side, bound in (("min", low), ("max", high)):
            if bound is not None and numbers["values"]:
                setting = numbers["key"] if numbers["whole_key"] else f"{numbers['key']}.{side}"
                found.append(Slider(rule, side, setting, bound, numbers, nearest.get((rule, low, high), {}), at))
    return found


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


def _dense(sparse: Mapping[str, int], length: int) -> npt.NDArray[np.int64]:
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

    def x(self, edge: float) -> float:
        """Where an edge, by number, lies in the picture."""
        return _WIDE * (edge - self.first + 0.5) / (self.last - self.first + 1)


    def border(self, edge: float, slider: Slider) -> float:
        """Where what a bound at this edge keeps ends: an edge is a bin of its own, and is kept or not."""
        right = (slider.side == "max") != bool(slider.numbers["exclusive"])
        return self.x(edge + (0.5 if right else -0.5))


def scale(slider: Slider) -> Scale:
    """From the least value to the greatest, both bounds included, one edge to spare on either side."""
    at = slider.at
    used = [int(place) for place in slider.numbers["values"]]
    own = int(np.searchsorted(at, slider.bound))
    first = max(0, min(min(used) // 2, own) - 1)
    last = min(len(at) - 1, max((max(used) + 1) // 2, own) + 1)
    step = max(1, -(-(last - first + 1) // _MOST_STEPS))
    places = np.unique([*range(first, last + 1, step), own, last])
    return Scale(at, first, last, places)


def card(run: OpenedRun, slider: Slider) -> Html:
    """A rule's distribution, its threshold, a slider, and texts on either side of it."""
    spread = scale(slider)
    own = int(np.searchsorted(spread.at[spread.places], slider.bound))
    numbers = slider.numbers
    must = bounds(numbers["low"], numbers["high"], numbers["exclusive"])
    shown = examples(run, numbers["metric"], slider.nearest)
    return tag(
        "article",
        tag("h4", slider.rule, tag("small", f"{numbers['metric']} {must}")),
        _picture(slider, spread),
        tag(
            "input", type="range", min=0, max=len(spread.places) - 1, value=own, step=1, data_slider=slider.name,
            aria_label=f"{slider.rule}, {slider.side}", list=None,
        ),
        tag("output", "", data_output=slider.name),
        tag("details", tag("summary", "Texts at the threshold"), shown) if shown else None,
        class_="card",
        id=f"rule-{slider.name}",
    )  # fmt: skip


def _picture(slider: Slider, spread: Scale) -> Html:
    """Bars: all documents, and darker those that no other rule drops. Heights are square roots, so that few are seen."""
    length = 2 * len(spread.at) + 1
    low, high = 2 * spread.first, 2 * spread.last + 2
    everything = _bars(_dense(slider.numbers["values"], length)[low:high])
    passing = _bars(_dense(slider.numbers["others_pass"], length)[low:high])
    most = max(1.0, float(everything.max()))
    width = _WIDE / len(everything)
    bars = []
    for place, (total, part) in enumerate(zip(everything, passing, strict=True)):
        for value, kind in ((total, "every"), (part, "alone")):
            if value:
                tall = max(1.0, _HIGH * float(np.sqrt(value / most)))
                bars.append(
                    tag("rect", x=place * width + 0.5, y=_HIGH - tall, width=max(width - 1, 0.5), height=tall, class_=kind)
                )
    x = spread.border(int(np.searchsorted(spread.at, slider.bound)), slider)
    return tag(
        "div",
        svg(
            _WIDE, _HIGH + 22,
            tag("rect", x=0 if slider.side == "min" else x, y=0, width=x if slider.side == "min" else _WIDE - x,
                height=_HIGH, class_="outside", data_outside=slider.name),
            *bars,
            tag("line", x1=0, x2=_WIDE, y1=_HIGH, y2=_HIGH, class_="axis"),
            *_ticks(spread),
            tag("line", x1=x, x2=x, y1=0, y2=_HIGH, class_="was"),
            tag("line", x1=x, x2=x, y1=0, y2=_HIGH + 5, class_="bound", data_bound=slider.name),
            role="img",
            aria_label=f"Distribution of {slider.numbers['metric']}",
        ),
        class_="plot",
    )  # fmt: skip


def _bars(bins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Bins put together into at most _BARS bars."""
    together = max(2, -(-len(bins) // _BARS))
    padded = np.concatenate([bins, np.zeros(-len(bins) % together, np.int64)])
    return np.asarray(padded.reshape(-1, together).sum(axis=1))


def _ticks(spread: Scale) -> list[Html]:
    """Values below the axis."""
    places = np.unique(np.linspace(spread.first, spread.last, 6).round().astype(int))
    ticks = []
    for number, place in enumerate(places):
        anchor = "start" if not number else "end" if number == len(places) - 1 else "middle"
        x = spread.x(int(place)) if anchor == "middle" else (0 if anchor == "start" else _WIDE)
        ticks.append(tag("text", short(float(spread.at[place])), x=x, y=_HIGH + 17, text_anchor=anchor))
    return ticks


def cards(run: OpenedRun, found: list[Slider]) -> Html:
    """The cards of all sliders, by step."""
    steps = list(dict.fromkeys(slider.rule.partition("/")[0] for slider in found))
    return join(
        tag(
            "details",
            tag("summary", tag("h3", step)),
            tag("div", *(card(run, slider) for slider in found if slider.rule.startswith(f"{step}/")), class_="cards"),
            open=not number or len(found) < 24,
            class_="step-cards",
        )
        for number, step in enumerate(steps)
    )


def script_data(audit: Mapping[str, Any], outputs: tuple[str, ...], found: list[Slider], sample: pa.Table) -> dict[str, Any]:
    """What the page's script needs: counts by place for one threshold moved, the sample for several."""
    listed = []
    for slider in found:
        spread = scale(slider)
        others = _dense(slider.numbers["others_pass"], 2 * len(spread.at) + 1)
        inside = _inside_other_bound(others, spread.at, slider)
        listed.append(
            {
                "name": slider.name, "rule": slider.rule, "side": slider.side, "key": slider.key,
                "exclusive": slider.numbers["exclusive"], "bound": slider.bound,
                "values": [float(value) for value in spread.at[spread.places]],
                "x": [round(spread.border(int(place), slider), 2) for place in spread.places],
                "keeps": [_keeps(inside, int(place), slider) for place in spread.places],
            }
        )  # fmt: skip
    rules = list(dict.fromkeys(slider.rule for slider in found))
    known = [rule for rule in rules if rule in sample.column_names]
    columns = {rule: [_sampled(value) for value in sample.column(rule).to_pylist()] for rule in known}
    return {
        "documents": sum(audit[source]["documents"] for source in outputs if source in audit),
        "passed": sum(audit[source]["passed"] for source in outputs if source in audit),
        "sliders": listed,
        "sample": {"fixed": [int(value) for value in sample.column("fixed").to_pylist()], "rules": columns},
        "width": _WIDE,
    }


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


def legend() -> Html:
    """What the pictures' colours mean."""
    return tag(
        "p",
        tag("span", class_="key every"), "every document ",
        tag("span", class_="key alone"), "no other rule drops it ",
        tag("span", class_="key outside"), "outside the threshold. ",
        f"Heights are square roots; at most {count(_BARS)} bars.",
        class_="quiet legend",
    )  # fmt: skip
