"""A run as one picture of 1200 by 630, for a dataset's card or a link: the run in a sentence, its yield, and its map.

Scalable and without scripts; its colours follow the reader's light or dark. Of texts it holds the names of clumps alone,
which are words that several documents share. Knows a run's numbers and its sample.
"""

from __future__ import annotations

import textwrap
from collections import Counter

from curate.audit.crawl_map import SIZE, Map, crawl_map
from curate.audit.finished_run import OpenedRun
from curate.audit.report.head import Level, funnel, sentence
from curate.audit.report.page import sample_of_run
from curate.audit.report.reader import fates_of, texts_to_show
from curate.audit.sample_texts import within_parts
from curate.audit.sampled import candidates_of
from curate.records.statistics import outputs
from curate.text.html import Html, clean, count, shortened, tag

_WIDE, _HIGH = 1200, 630
_LEFT, _COLUMN = 60, 440
_MAP, _TOP = 560, 35
_LINE = 40
"""Characters of a line of the sentence."""
_TINTS = ("#7b6cc4", "#c9932c", "#4f9d69", "#b84a7a", "#5a8fd0", "#94703f")
"""Of what was dropped, by the steps that drop most; those of the report's map."""
_STYLE = (
    "text{font:19px ui-sans-serif,system-ui,'Segoe UI',Roboto,sans-serif;fill:#1d1c1a}.title{font:46px Georgia,serif}"
    ".says{font:23px Georgia,serif}.quiet{fill:#65625b;font-size:16px}.paper{fill:#fbfaf7}.card{fill:#fff;stroke:#e2dfd8}"
    ".soft{fill:#e2dfd8}.bar{fill:#1f6f78}.dots{fill:none;stroke-width:5;stroke-linecap:round;stroke-opacity:.75}"
    ".kept{stroke:#1f6f78}.rest{stroke:#a9a69d}.clump{font-weight:600;font-size:15px;stroke:#fff;stroke-width:4;"
    "paint-order:stroke;text-anchor:middle}"
    "@media(prefers-color-scheme:dark){text{fill:#e9e6df}.quiet{fill:#a5a29a}.paper{fill:#15171a}.card{fill:#1c1f23;"
    "stroke:#34383d}.soft{fill:#34383d}.bar{fill:#62b6be}.kept{stroke:#62b6be}.rest{stroke:#6c6f73}.clump{stroke:#1c1f23}}"
    + "".join(f".t{number}{{stroke:{tint}}}" for number, tint in enumerate(_TINTS))
)


def run_picture(run: OpenedRun) -> str:
    """SVG. The map is left out where the run's texts are gone, too few, or not shown."""
    stats = run.stats
    lines = textwrap.wrap(clean(sentence(stats)), _LINE)[:5]
    says = [tag("text", line, x=_LEFT, y=150 + 32 * number, class_="says") for number, line in enumerate(lines)]
    drawn = [
        tag("rect", width=_WIDE, height=_HIGH, class_="paper"),
        tag("text", shortened(stats["name"])[:18], x=_LEFT, y=92, class_="title"),
        *says,
        *_yields(funnel(stats), 190 + 32 * len(lines)),
        *_mapped(run),
    ]
    title = f"{clean(stats['name'])}: {clean(sentence(stats))}"
    whole = tag(
        "svg", tag("title", title), Html(f"<style>{_STYLE}</style>"), *drawn, xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDE} {_HIGH}", width=_WIDE, height=_HIGH, role="img",
    )  # fmt: skip
    return f"{whole}\n"


def _yields(levels: list[Level], top: int) -> list[Html]:
    """A bar for each level, of documents."""
    whole = max(1, levels[0].documents)
    drawn = []
    for number, level in enumerate(levels):
        y = top + 62 * number
        drawn += [
            tag("text", f"{level.name}: {count(level.documents)} documents", x=_LEFT, y=y),
            tag("rect", x=_LEFT, y=y + 10, width=_COLUMN, height=18, class_="soft"),
            tag("rect", x=_LEFT, y=y + 10, width=f"{_COLUMN * level.documents / whole:.1f}", height=18, class_="bar"),
        ]
    return drawn


def _mapped(run: OpenedRun) -> list[Html]:
    """The map with its legend; a frame alone where there is none."""
    left = _WIDE - _MAP - 40
    frame = tag("rect", x=left, y=_TOP, width=_MAP, height=_MAP, rx=10, class_="card")
    sample = within_parts(candidates_of(sample_of_run(run), outputs(run.stats["sources"])))
    found: Map | None = None
    if run.texts != "none" and "part" in sample.column_names:
        found = crawl_map([each.before or "" for each in texts_to_show(run, sample)])
    if found is None:
        return [frame, tag("text", "no map was drawn", x=left + 24, y=_TOP + 40, class_="quiet")]
    fates = fates_of(sample)

    def at(x: int, y: int) -> tuple[float, float]:
        return left + 24 + (_MAP - 48) * x / SIZE, _TOP + 24 + (_MAP - 48) * y / SIZE

    dropped = [fate for fate, _ in Counter(each for each in fates if each != "kept").most_common()]
    kinds = {"kept": "kept"} | {fate: f"t{n}" if n < len(_TINTS) else "rest" for n, fate in enumerate(dropped)}
    drawn, legend, edge = [frame], [], float(left)
    for fate, kind in kinds.items():
        places = [at(x, y) for x, y, each in zip(found.x, found.y, fates, strict=True) if each == fate]
        path = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in places)
        drawn.append(tag("path", d=path, class_=f"dots {kind}"))
        words = f"{shortened(fate)} {count(len(places))}"
        if places and edge + 9 * len(words) < _WIDE - 40:
            legend.append(tag("path", d=f"M{edge + 8:.0f} {_HIGH - 16}h0", class_=f"dots {kind}"))
            legend.append(tag("text", words, x=f"{edge + 18:.0f}", y=_HIGH - 11, class_="quiet"))
            edge += 40 + 8.5 * len(words)
    for x, y, _, words in found.clumps:
        across, down = at(x, y)
        drawn.append(tag("text", words, x=f"{across:.0f}", y=f"{down:.0f}", class_="clump"))
    return [*drawn, *legend]
