"""Copies: how they were found, how large clusters are, how alike near-copies are, and a dial for how alike they must be.

Knows counts of copies and the settings of deduplication; decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate.audit.report import facts
from curate.audit.report.panels import note
from curate.audit.report.pictures import Bar, histogram
from curate.audit.report.thresholds import WIDE
from curate.config.models import Pipeline
from curate.dedup.banding import found_share
from curate.dedup.plan import banding
from curate.dedup.step import Deduplicate, MinHash
from curate.text.html import Html, count, join, share_of, svg, table, tag

_HIGH = 120
_POINTS = 100
Found = Mapping[str, Mapping[str, int]]
_ALIKE = (
    "Copies removed, by how alike they are to the one kept (Jaccard similarity of their n-grams: 1 is the same set)."
)


def panel(found: Found, pipeline: Pipeline) -> Html:
    """Kinds of copies, how large clusters are, how alike copies are to what survives, and which pairs are found at all."""
    kinds = found.get("kinds", {})
    finds = _finds(found, pipeline)
    if not kinds:
        return join([note("No copy was removed."), finds])
    clusters = [Bar(*row) for row in facts.clusters(found.get("clusters", {}))]
    alike = [Bar(*row) for row in facts.similarities(found.get("jaccard", {}))]
    return join(
        [
            table(("how", "removed"), [(kind, count(number)) for kind, number in kinds.items()], class_="slim"),
            tag(
                "div",
                histogram(clusters, "Clusters of copies by their number of documents; one of each is kept.")
                if clusters else None,
                histogram(alike, _ALIKE) if alike else None,
                class_="pair",
            ),
            finds,
        ]
    )  # fmt: skip


def _setting(pipeline: Pipeline) -> MinHash | None:
    setting = pipeline.combined(Deduplicate)
    return None if setting is None else setting.minhash


def script_data(found: Found, pipeline: Pipeline) -> dict[str, Any] | None:
    """For each hundredth from the least similarity on, the removed near-copies that are less like their survivor."""
    setting = _setting(pipeline)
    if setting is None or setting.verify is None:
        return None
    alike = {int(place): number for place, number in found.get("jaccard", {}).items()}
    first = round(100 * setting.verify)
    below = [sum(number for place, number in alike.items() if place < at) for at in range(first, 101)]
    return {"least": setting.verify, "below": below, "removed": found.get("kinds", {}).get("minhash", 0)}


def _finds(found: Found, pipeline: Pipeline) -> Html | None:
    """The share of pairs that the bands find, by their similarity, and the dial."""
    setting, data = _setting(pipeline), script_data(found, pipeline)
    if setting is None:
        return None
    cut = banding(setting)
    shares = [found_share(place / _POINTS, cut.bands, cut.rows) for place in range(_POINTS + 1)]
    curve = "".join(
        f"{'L' if place else 'M'}{WIDE * place / _POINTS:.5g} {_HIGH * (1 - share):.4g}"
        for place, share in enumerate(shares)
    )
    least = setting.verify
    line = None
    if least is not None:
        line = tag("line", x1=WIDE * least, x2=WIDE * least, y1=0, y2=_HIGH, class_="bound", id="copies-line")
    half = next((place / _POINTS for place, share in enumerate(shares) if share >= 0.5), 1.0)
    picture = svg(
        WIDE, _HIGH, tag("path", d=curve, class_="curve"),
        tag("line", x1=0, x2=WIDE, y1=_HIGH, y2=_HIGH, class_="axis"), line,
        role="img", preserveAspectRatio="none", class_="picture",
        aria_label=f"Share of pairs found by similarity: half of those {half:.2f} alike",
    )  # fmt: skip
    marks = [
        tag(
            "text",
            f"{at:g}",
            x=f"{100 * at:.0f}%",
            y=14,
            text_anchor="start" if not at else "end" if at == 1 else "middle",
        )
        for at in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
    told = ", ".join(
        f"{share_of(found_share(at, cut.bands, cut.rows), 1)} of those {at:g} alike" for at in (0.7, 0.8, 0.9)
    )
    checked = (
        "all that they find is removed, unchecked" if least is None else f"of these, pairs {least:g} alike are copies"
    )
    return tag(
        "article",
        tag("h3", "Near-copies", tag("small", f"{cut.bands} bands of {cut.rows} rows find {told}; {checked}")),
        tag("div", picture, tag("svg", *marks, class_="words", aria_hidden="true"), class_="plot"),
        _dial(least, data) if least is not None and data else None,
        class_="card copies",
        id="rule-copies",
    )  # fmt: skip


def _dial(least: float, data: Mapping[str, Any]) -> Html:
    first = round(100 * least)
    return join(
        [
            tag(
                "label",
                "alike at least ",
                tag("input", type="range", id="copies-dial", min=first, max=100, value=first, step=1),
            ),
            tag("output", "", id="copies-said"),
            tag(
                "p",
                "An estimate: of a removed copy its likeness to its survivor is known, and to others not; below the run's "
                "own line nothing was written down. Another line needs a run, which does again what follows the "
                "signatures: ",
                tag("code", "", id="copies-call"),
                class_="quiet",
            ),
        ]
    )
