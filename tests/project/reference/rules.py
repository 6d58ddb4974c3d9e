"""docs/packs.md, every pack with its rules, and docs/metrics.md, every metric, as packs and metrics say themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from curate.filters.catalogue import METRICS_OF_EDITS, definition, opened, rules_told
from curate.filters.metrics import METRICS, lines, metric_type, quality, redpajama, repetition
from curate.filters.pack_files import available
from curate.filters.packs import Pack
from curate.filters.url import UrlPack
from tests.project.reference.markdown import code, page, prose, table

PACKS = {name: opened(path) for name, path in available()}
_KINDS = {"Words and lines": quality, "Lines": lines, "Repetition": repetition, "RedPajama-v2's signals": redpajama}


def packs_page() -> str:
    """docs/packs.md."""
    about = (
        "The packs that come with the package: published filters as data. `- filter: NAME` in a source's steps applies one, "
        "and `filters: {NAME: {RULE: {min: 30}}}` changes a bound; `curate filters show NAME` prints one with its metrics. How packs "
        "are written and how they differ: [filters](filters.md). A document passes a rule whose bound holds."
    )
    listed = table(
        ("pack", "rules", "source"),
        ((f"[{name}](#{name})", len(pack.rules), pack.source) for name, pack in PACKS.items()),
    )
    return page("Packs and their rules", about, [listed, *(_pack(name, pack) for name, pack in PACKS.items())])


def _pack(name: str, pack: Pack | UrlPack) -> str:
    """A pack's section."""
    lines_of = [f"## {name}", "", pack.about, "", f"Source: {pack.source}", ""]
    if isinstance(pack, Pack) and pack.languages:
        lines_of += [f"Languages: {len(pack.languages.lines):,}, of {pack.languages.source}", ""]
    elif isinstance(pack, Pack) and pack.speaks:
        lines_of += [f"Languages: {', '.join(pack.speaks)}", ""]
    if isinstance(pack, Pack) and pack.edits:
        lines_of += [
            "Edits, in this order:",
            "",
            table(("edit", ""), ((code(each.name), each.about) for each in pack.edits)),
        ]
    columns = ("rule", "metric" if isinstance(pack, Pack) else "matches", "passes", "why")
    rows = ((code(rule), code(metric), bounds, why) for rule, metric, bounds, why in rules_told(pack))
    return "\n".join([*lines_of, table(columns, rows)])


def metrics_page() -> str:
    """docs/metrics.md."""
    about = (
        "Every number that a rule can name. A metric decides nothing; each is a column `STEP.METRIC` of the [ledger](ledger.md), "
        "for every document. A count is an int64; a ratio is a double (a share, a mean, or what its meaning says) and 0 where what it is divided by is 0. The source stands "
        "with the meaning, or above the table where it is the same for all. A pack may do arithmetic with them, and name "
        "[metrics of your own](own-code.md#a-metric)."
    )
    sections = [
        section
        for title, module in _KINDS.items()
        for section in _metrics(title, module.__name__, prose(module.__doc__))
    ]
    edits = table(
        ("metric", "unit", "meaning"), ((code(name), "count", prose(told)) for name, told in METRICS_OF_EDITS.items())
    )
    own = "Packs with edits have these too, and for each edit that only counts a metric of its name: " + prose(
        definition("")
    )
    return page("Metrics", about, [*sections, "## Of edits, and of languages", "", own, "", edits])


def _metrics(title: str, module: str, about: str) -> Iterator[str]:
    """The metrics of a module."""
    named = [name for name in METRICS if name in _names(module)]
    rows = [
        (
            code(name),
            "count" if str(metric_type(name)) == "int64" else "ratio",
            prose(METRICS[name].__doc__),
            _packs_with(name),
        )
        for name in named
    ]
    yield f"## {title}\n\n{about}\n"
    yield table(("metric", "unit", "meaning", "packs"), rows)


def _names(module: str) -> set[str]:
    """The metrics that a module lists."""
    listed = sys.modules[module]
    return {metric.__name__ for metric in (*getattr(listed, "COUNTS", ()), *getattr(listed, "RATIOS", ()))}


def _packs_with(metric: str) -> str:
    """The packs with a rule or a record of a metric."""
    named = [name for name, pack in PACKS.items() if isinstance(pack, Pack) and metric in pack.metric_names]
    return ", ".join(f"[{name}](packs.md#{name})" for name in named)
