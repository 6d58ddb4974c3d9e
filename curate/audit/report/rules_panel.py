"""The table of rules: what each costs by itself, its metric's distribution with the bound, and the rule it goes with.

Knows rules' losses and sliders; counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from curate.audit.report import facts
from curate.audit.report.cards import bars_of
from curate.audit.report.headlines import plural
from curate.audit.report.panels import long_table, note, whose
from curate.audit.report.ranking import RuleLoss, rule_losses
from curate.audit.report.thresholds import Slider, dense, scale
from curate.records.statistics import RunNumbers, Sources
from curate.text.html import Html, bar, count, join, named, percent, roughly, share_of, shortened, svg, table, tag

_SHOWN = 100
_OPEN = 20
_WIDE, _HIGH, _BARS = 96, 18, 24
_ALWAYS = 0.9
"""Share of a rule's documents from which on another rule is named beside it."""


def rules_table(stats: RunNumbers, found: Sequence[Slider], told: Mapping[str, str]) -> Html:
    """Every rule summed over sources, the costliest first; rules that no document failed; what edits cut out. `told`: why
    rules are there."""
    sources, losses = stats["sources"], rule_losses(stats)
    if not losses:
        return join([note("No record failed a rule."), _idle(sources, set())])
    cards: dict[str, Slider] = {}
    for slider in found:
        cards.setdefault(slider.rule, slider)
    most = max((loss.amount_alone for loss in losses), default=0.0) or 1.0
    unit = facts.unit(stats)
    rows = [_row(loss, most, cards.get(loss.rule), told.get(loss.rule, ""), sources) for loss in losses[:_SHOWN]]
    heads = ("rule", f"{unit} lost to it alone", "cost", "documents, alone", "documents that fail it", "values and bound",
             "goes with")  # fmt: skip
    more = len(losses) - _SHOWN
    return join(
        [
            note(
                "A document that fails one rule alone would pass without it, so that is what the rule costs; of those that "
                f"fail several, none is to blame. {unit.capitalize()} of what was dropped are "
                + ("its characters at the rate of what is kept. " if unit == "tokens" else "as extracted. ")
                + "Damage, copies and evaluation items are no judgement of a text and come last. "
                "The small pictures lead to the threshold: " + "bars are documents, the line is the bound.",
            ),
            long_table(heads, rows, _OPEN, "rules"),
            note(f"{plural(more, 'more rule')} {'is' if more == 1 else 'are'} in stats.json.") if more > 0 else None,
            _idle(sources, {loss.rule for loss in losses}),
            _edited(sources),
        ]
    )


def _row(loss: RuleLoss, most: float, slider: Slider | None, why: str, sources: Sources) -> tuple[str, ...]:
    of = None
    if len(sources) > 1:
        of = tag(
            "small",
            f" · {loss.sources[0] if len(loss.sources) == 1 else plural(len(loss.sources), 'source')}",
            class_="of",
        )
    judges = loss.chars_alone is not None
    partner = (
        f"{share_of(loss.partner_share, 1)} also fail {shortened(loss.partner)}"
        if loss.partner_share >= _ALWAYS
        else ""
    )
    return (
        join([named(loss.rule, of), tag("small", why, class_="why") if why else None]),
        roughly(loss.amount_alone) if judges else "",
        bar(loss.amount_alone / most, loss.amount_alone / most),
        count(loss.alone),
        count(loss.failed),
        _spark(slider) if slider else Html(""),
        tag("small", partner),
    )


def _spark(slider: Slider) -> Html:
    """A rule's distribution, as small as a word, leading to its threshold."""
    spread = scale(slider)
    low, high = 2 * spread.first, 2 * spread.last + 2
    bars = bars_of(dense(slider.numbers["values"], 2 * len(spread.at) + 1)[low:high], _BARS)
    most = max(1, int(bars.max(initial=0)))
    width = _WIDE / len(bars)
    path = "".join(
        f"M{place * width:.4g} {_HIGH}v-{max(1.0, _HIGH * bars[place] / most):.3g}h{max(0.5, width - 0.5):.3g}V{_HIGH}z"
        for place in np.flatnonzero(bars)
    )
    x = spread.border(int(np.searchsorted(spread.at, slider.bound)), slider) * _WIDE / spread.wide
    picture = svg(
        _WIDE, _HIGH, tag("path", d=path, class_="every"), tag("line", x1=x, x2=x, y1=0, y2=_HIGH, class_="bound"),
        class_="spark", preserveAspectRatio="none", aria_hidden="true",
    )  # fmt: skip
    return tag("a", picture, href=f"#rule-{slider.name}", aria_label=f"threshold of {slider.rule}")


def _idle(sources: Sources, failing: set[str]) -> Html | None:
    idle = list(dict.fromkeys(row.rule for row in facts.removals(sources) if row.rule not in failing))
    if not idle:
        return None
    listed = ", ".join(map(shortened, idle[:_SHOWN])) + (
        f" and {count(len(idle) - _SHOWN)} more" if len(idle) > _SHOWN else ""
    )
    return tag("details", tag("summary", f"{plural(len(idle), 'rule')} that no document fails"), note(listed))


def _edited(sources: Sources) -> Html | None:
    rows = [
        (named(edit, whose(source, sources)), count(chars), percent(chars, whole), bar(chars / whole if whole else 0))
        for edit, source, chars, whole in facts.edited(sources)[: facts.SHOWN]
    ]
    if not rows:
        return None
    heads = ("edit", "characters removed", "of the source's text", "share")
    return tag("details", tag("summary", "What edits cut out of documents"), table(heads, rows, class_="sortable"))
