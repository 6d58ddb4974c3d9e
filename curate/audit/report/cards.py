"""A card for each threshold: its metric's distribution, the line to drag, and texts on either side.

Knows sliders; counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from curate.audit.finished_run import OpenedRun
from curate.audit.report import facts
from curate.audit.report.choices import Choices, choice_card
from curate.audit.report.examples import Texts, examples, texts_beside
from curate.audit.report.headlines import plural
from curate.audit.report.pictures import height
from curate.audit.report.thresholds import WIDE, Scale, Slider, dense, scale
from curate.text.html import Html, count, join, named, share_of, short, svg, tag
from curate.verdicts.bounds import bounds_text

_BARS = 64
_HIGH = 120
_GRIP = 14  # how far the threshold reaches below the axis, to its grip
_MANY = 60
"""Thresholds beyond which pictures have half as many bars: a page has only so much room."""
_TEXT = 150_000
"""Characters of texts that the page shows, of all rules together."""


def card(slider: Slider, texts: Texts, why: str, cards: int) -> Html:
    """A rule's distribution, its threshold, a slider, and texts on either side of it; one of so many cards."""
    spread = scale(slider)
    own = int(np.searchsorted(spread.at[spread.places], slider.bound))
    numbers = slider.numbers
    must = bounds_text(numbers["low"], numbers["high"], numbers["exclusive"]).replace(">=", "≥").replace("<=", "≤")
    if slider.share is not None:
        must += f", the best {share_of(slider.share, 1)} of what passes the other rules"
    shown = examples(numbers["metric"], slider.side, slider.nearest, texts, _TEXT // cards)
    return tag(
        "article",
        tag("h4", named(slider.rule.partition("/")[2]), tag("small", f"{numbers['metric']} {must}{why and f' — {why}'}")),
        tag(
            "div",
            _picture(slider, spread, _BARS if cards <= _MANY else _BARS // 2),
            tag(
                "input", type="range", min=0, max=len(spread.places) - 1, value=own, step=1, data_slider=slider.name,
                aria_label=f"{slider.rule}, {slider.side}",
            ),
            _ticks(spread),
            class_="plot",
        ),
        tag("output", "", data_output=slider.name),
        tag("details", tag("summary", "Texts at the threshold"), shown) if shown else None,
        class_="card",
        id=f"rule-{slider.name}",
    )  # fmt: skip


def _picture(slider: Slider, spread: Scale, most_bars: int) -> Html:
    """Bars: all documents, and darker those of them that no other rule drops."""
    length = 2 * len(spread.at) + 1
    low, high = 2 * spread.first, 2 * spread.last + 2
    everything = bars_of(dense(slider.numbers["values"], length)[low:high], most_bars)
    passing = bars_of(dense(slider.numbers["others_pass"], length)[low:high], most_bars)
    most = max(1.0, float(everything.max()))
    x = spread.border(int(np.searchsorted(spread.at, slider.bound)), slider)
    return svg(
        WIDE, _HIGH + _GRIP,
        tag("rect", x=0 if slider.side == "min" else x, y=0, width=x if slider.side == "min" else WIDE - x,
            height=_HIGH, class_="outside", data_outside=slider.name),
        _outline(everything, everything, most, "every"),
        _outline(passing, everything, most, "alone"),
        tag("line", x1=0, x2=WIDE, y1=_HIGH, y2=_HIGH, class_="axis"),
        tag("line", x1=x, x2=x, y1=0, y2=_HIGH, class_="was"),
        tag("line", x1=x, x2=x, y1=0, y2=_HIGH + _GRIP, class_="bound", data_bound=slider.name, data_tall=_HIGH),
        role="img",
        aria_label=f"Distribution of {slider.numbers['metric']}; the tallest bar is {count(most)} documents",
        preserveAspectRatio="none",
        class_="picture drag",
    )  # fmt: skip


def _outline(parts: npt.NDArray[np.int64], everything: npt.NDArray[np.int64], most: float, kind: str) -> Html:
    """Bars as one path: a page has thousands of them. A part's height is its share of the whole bar's."""
    width = WIDE / len(parts)
    gap = min(0.5, width / 8)
    drawn = []
    for place in np.flatnonzero(parts):
        tall = height(float(everything[place]) / most, _HIGH) * float(parts[place] / everything[place])
        across = f"{width - 2 * gap:.5g}"
        drawn.append(f"M{place * width + gap:.5g} {_HIGH}v-{tall:.4g}h{across}V{_HIGH}z")
    return tag("path", d="".join(drawn), class_=kind)


def bars_of(bins: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Bins put together into so many bars at most."""
    together = max(2, -(-len(bins) // most))
    padded = np.concatenate([bins, np.zeros(-len(bins) % together, np.int64)])
    return np.asarray(padded.reshape(-1, together).sum(axis=1))


def _ticks(spread: Scale) -> Html:
    """Values below the axis: round ones first, as many as have room on a phone."""
    places = range(spread.first, spread.last + 1)
    order = sorted(places, key=lambda place: (_roundness(float(spread.at[place])), place))
    taken: list[tuple[float, int]] = []
    for place in order:
        x, odd = spread.x(place) / WIDE, _roundness(float(spread.at[place]))
        if (odd < _ODD or len(taken) < _FEWEST) and all(abs(x - other) >= _APART for other, _ in taken):
            taken.append((x, place))
    texts = [
        tag(
            "text", short(float(spread.at[place])), x=f"{100 * x:.2f}%", y=14,
            text_anchor="start" if x < 0.02 else "end" if x > 0.98 else "middle",
        )
        for x, place in sorted(taken)
    ]  # fmt: skip
    return tag("svg", *texts, class_="words", aria_hidden="true")


_APART = 0.125  # least distance of two ticks, as a share of the width
_ODD = 5  # roundness from which a number is on an axis only where there are few others
_FEWEST = 3


def _roundness(value: float) -> int:
    """How odd a number looks on an axis: 0 least."""
    if value == 0:
        return 0
    digits = f"{abs(value):.10e}".partition("e")[0].rstrip("0").replace(".", "")
    by_length = {1: 3, 2: _ODD}.get(len(digits), 9)
    return {"1": 0, "5": 1, "2": 2, "25": 4, "15": 4}.get(digits, by_length)


def cards(run: OpenedRun, found: list[Slider], lists: Sequence[Choices], told: Mapping[str, str]) -> Html:
    """The cards of all sliders and lists, by step, with why each rule is there (`told`); the step whose rules decide about
    most documents first."""
    steps: dict[str, list[Slider]] = {each.rule.partition("/")[0]: [] for each in lists}
    for slider in found:
        steps.setdefault(slider.rule.partition("/")[0], []).append(slider)
    texts = texts_beside(run, [slider.nearest for slider in found])
    return join(
        tag(
            "details",
            tag(
                "summary",
                tag("h3", step),
                tag("small", f" {plural(len(own) + len(_of(step, lists)), 'dial')}"),
            ),
            tag(
                "div",
                *(choice_card(each, facts.unit(run.stats)) for each in _of(step, lists)),
                *(card(slider, texts, told.get(slider.rule, ""), len(found)) for slider in own),
                class_="cards",
            ),
            open=not number or len(found) < 24,
            class_="step-cards",
        )
        for number, (step, own) in enumerate(steps.items())
    )


def _of(step: str, lists: Sequence[Choices]) -> list[Choices]:
    return [each for each in lists if each.rule.partition("/")[0] == step]


def legend() -> Html:
    """What the pictures' colours mean."""
    return tag(
        "p",
        tag("span", class_="key every"), "every document ",
        tag("span", class_="key alone"), "no other rule drops it: the threshold decides ",
        tag("span", class_="key outside"), "dropped by this threshold ",
        tag("span", class_="key was"), "where the run had it",
        class_="quiet legend",
    )  # fmt: skip
