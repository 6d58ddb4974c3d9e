"""Runs, a law and budgets' minima as one SVG file. Knows numbers and SVG; fits nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from curate.text.html import Html, svg, tag
from curate.trainer.compare.scaling import FLOPS_PER_PARAMETER_AND_TOKEN, Chinchilla, Run
from curate.trainer.compare.scaling_intervals import IsoFlop

_WIDTH, _HEIGHT, _MARGIN = 720, 420, 64
_POINTS = 60
_COLOURS = ("#0072b2", "#c4500a", "#00805c", "#a8508a", "#8a6400", "#2f7fb0")


def scaling_svg(runs: Sequence[Run], law: Chinchilla, found: IsoFlop | None) -> str:
    """Loss over parameters: a dot per run, the law's frontier of best models, and a line per budget of `found`."""
    sizes, losses = [run.parameters for run in runs], [run.loss for run in runs]
    flops = [FLOPS_PER_PARAMETER_AND_TOKEN * run.parameters * run.tokens for run in runs]
    low, high = math.log10(min(sizes)), math.log10(max(sizes))
    least, most = min(losses), max(losses)

    def x(parameters: float) -> float:
        return _MARGIN + (math.log10(parameters) - low) / ((high - low) or 1.0) * (_WIDTH - 2 * _MARGIN)

    def y(loss: float) -> float:
        return _HEIGHT - _MARGIN - (loss - least) / ((most - least) or 1.0) * (_HEIGHT - 2 * _MARGIN)

    parts = [*_axes(low, high, least, most, x, y)]
    for run in runs:
        parts.append(tag("circle", cx=_n(x(run.parameters)), cy=_n(y(run.loss)), r=2.5, fill="#63625c"))
    frontier = [law.best(each) for each in np.geomspace(min(flops), max(flops), _POINTS)]
    line = [(n, law.loss(n, d)) for n, d in frontier if min(sizes) <= n <= max(sizes)]
    parts.append(_line([(x(n), y(loss)) for n, loss in line], "#1c1c1a", 2.0))
    for number, budget in enumerate(found.budgets if found is not None else ()):
        colour = _COLOURS[number % len(_COLOURS)]
        reach = np.geomspace(max(min(sizes), budget.parameters / 5), min(max(sizes), budget.parameters * 5), _POINTS)
        curve = [(float(n), float(np.polyval(budget.parabola, math.log(n)))) for n in reach]
        parts.append(_line([(x(n), y(loss)) for n, loss in curve if least <= loss <= most], colour, 1.5))
        parts.append(tag("circle", cx=_n(x(budget.parameters)), cy=_n(y(budget.loss)), r=5, fill=colour))
        parts.append(_text(x(budget.parameters), y(budget.loss) - 9, f"{budget.flops:.0e}", "middle"))
    label = "loss over parameters of each run; the black line is the law's best model for each compute"
    drawn = svg(_WIDTH, _HEIGHT, *parts, role="img", aria_label=label, xmlns="http://www.w3.org/2000/svg")
    return f"{drawn}\n"


def _axes(
    low: float, high: float, least: float, most: float, x: Callable[[float], float], y: Callable[[float], float]
) -> list[Html]:
    drawn = []
    for power in range(math.ceil(low), math.floor(high) + 1):
        drawn.append(_text(x(10.0**power), _HEIGHT - _MARGIN + 24, f"1e{power}", "middle"))
    for loss in np.linspace(least, most, 4):
        drawn.append(tag("line", x1=_MARGIN, x2=_WIDTH - _MARGIN, y1=_n(y(loss)), y2=_n(y(loss)), stroke="#deddd6"))
        drawn.append(_text(_MARGIN - 8, y(loss) + 4, f"{loss:.3f}", "end"))
    drawn.append(_text(_WIDTH / 2, _HEIGHT - 12, "parameters", "middle"))
    drawn.append(_text(_MARGIN, _MARGIN - 24, "loss", "middle"))
    return drawn


def _line(points: Sequence[tuple[float, float]], colour: str, width: float) -> Html:
    drawn = " ".join(f"{_n(a)},{_n(b)}" for a, b in points)
    return tag("polyline", points=drawn, fill="none", stroke=colour, stroke_width=width)


def _text(x: float, y: float, words: str, anchor: str) -> Html:
    return tag("text", words, x=_n(x), y=_n(y), text_anchor=anchor, font_family="sans-serif", font_size=12)


def _n(value: float) -> str:
    return f"{value:.1f}"
