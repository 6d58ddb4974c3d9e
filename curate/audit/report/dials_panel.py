"""The section of the dials: the console that says what they come to, and their cards.

Knows dials and cards; counts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curate.audit.finished_run import OpenedRun
from curate.audit.report.cards import cards, legend
from curate.audit.report.choices import Choices
from curate.audit.report.headlines import plural
from curate.audit.report.panels import note
from curate.audit.report.presets import Preset
from curate.audit.report.thresholds import MOST_SLIDERS, Slider
from curate.quality.step import Quality
from curate.text.html import Html, join, tag


def panel(
    run: OpenedRun,
    found: list[Slider],
    lists: Sequence[Choices],
    reasons: Mapping[str, str],
    packs: Sequence[Preset] = (),
) -> Html:
    """The console, and a card for each dial. `reasons`: why each rule is there; `packs`: those whose bounds the dials can be
    set to."""
    if not found and not lists:
        return tag("p", "No rule of this pipeline has a bound to move.", class_="quiet")
    console = tag(
        "div",
        tag("p", tag("b", "", id="yield"), tag("span", "", id="yield-note"), role="status"),
        tag(
            "svg",
            tag("rect", class_="soft", width="100%", height="100%"),
            tag("rect", class_="solid", width="0", height="100%", id="yield-bar"),
            tag("line", class_="aim", x1="0", x2="0", y1="-40%", y2="140%", id="yield-was"),
            class_="bar",
            aria_hidden="true",
        ),
        tag("code", "", id="command"),
        tag("button", "Reset", type="button", id="reset"),
        class_="console",
        id="console",
    )
    says = note(
        "Drag a threshold's line, or focus its knob and use the arrow keys, or tick languages: the number of documents that "
        "pass every rule follows. One dial moved is counted on every document; several together are estimated on a sample "
        "of the run's documents, with the interval. Copies are removed after the rules, and are not counted here. Axes are "
        "finer towards 0."
    )
    shares = shares_of(run)
    if len(shares) == 1:
        told = (
            "keeps a share of its best scored documents: with another dial moved, their least score is found again, on the "
            "sample"
        )
    else:
        told = (
            "keep shares of their best scored documents, whose least scores stay where they are here; curate whatif finds "
            "them again"
        )
    stays = note(f"{', '.join(shares)} {told}.") if shares else None
    full = len(found) == MOST_SLIDERS
    rest = note(f"The first {len(found)} thresholds are shown.") if full else None
    saved = tag(
        "details",
        tag("summary", "The pipeline with these thresholds"),
        tag("pre", "", id="pipeline-text", class_="copy", tabindex="0", role="button", aria_label="copy the pipeline"),
        tag("p", tag("button", "Save as a pipeline file", type="button", id="pipeline-save"), class_="buttons"),
        id="pipeline",
        hidden=True,
    )
    return join([says, stays, legend(), _presets(packs), console, saved, cards(run, found, lists, reasons), rest])


def _presets(packs: Sequence[Preset]) -> Html | None:
    """A button for each pack."""
    if not packs:
        return None
    buttons = (
        tag(
            "button",
            f"{each.pack}: {plural(len(each.bounds), 'dial')}",
            type="button",
            data_preset=place,
            title=each.source,
        )
        for place, each in enumerate(packs)
    )
    return tag("p", "Bounds of a published pack, where it has some on the same metrics: ", *buttons, class_="buttons")


def shares_of(run: OpenedRun) -> dict[str, float]:
    """The sources whose quality step keeps a share of the best scored, with the share."""
    settings = {name: source.setting(Quality) for name, source in run.pipeline.sources.items()}
    return {
        name: each.keep_share for name, each in settings.items() if each is not None and each.keep_share is not None
    }
