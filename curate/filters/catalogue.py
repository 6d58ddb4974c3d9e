"""Packs told as plain text: what there is, and what one says. Knows packs; prints nothing."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curate.filters.errors import PackError
from curate.filters.loading import describe
from curate.filters.metrics import METRICS
from curate.filters.pack_files import available, find
from curate.filters.packs import STOP_WORDS, Pack
from curate.filters.url import UrlPack, load_url

_WIDTH = 100
METRICS_OF_EDITS = {
    "lines_before": "Lines of `str.splitlines()` before the edits.",
    "lines_dropped": "Those the edits dropped.",
    "words_before": "Words of `str.split()` before the edits.",
    STOP_WORDS: "How many different stop words of the document's language occur, whole and as they stand.",
    "words_dropped": "Those in the lines that the edits dropped.",
}


def opened(path: Path) -> Pack | UrlPack:
    """A pack to be told of, of whichever kind. Raises PackError."""
    try:
        return describe(str(path))
    except PackError:
        return load_url(str(path))


def _table(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _paragraph(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(" ".join(text.split()), _WIDTH, initial_indent=indent, subsequent_indent=indent)


PACK_RULE = ("rule", "metric", "passes", "why")
"""What `rules_told` tells of a rule."""


def rules_told(pack: Pack | UrlPack) -> list[tuple[str, str, str, str]]:
    """PACK_RULE of every rule; of one on addresses, what it matches in place of a metric."""
    if isinstance(pack, Pack):
        return [(rule.name, rule.metric, rule.bounds_text(), rule.why) for rule in pack.rules]
    return [
        (rule.name, rule.kind, f"{'refused' if rule.blocks else 'needed'}: {rule.at_least} or more", rule.why)
        for rule in pack.rules
    ]


def list_packs() -> str:
    """Every pack that is found by name: its source, edits, rules and bounds."""
    told = []
    for name, path in available():
        pack = opened(path)
        told.append(name)
        told += _paragraph(pack.source)
        if isinstance(pack, Pack) and pack.edits:
            told += _paragraph("edits: " + ", ".join(edit.name for edit in pack.edits))
        told += _paragraph("rules: " + "; ".join(f"{rule} {bounds}" for rule, _, bounds, _ in rules_told(pack)))
        told.append("")
    return "\n".join(told).rstrip()


def show_pack(name_or_path: str, base: str | Path | None = None) -> str:
    """All that one pack says, and the definition of each metric it uses. Raises PackError where there is none."""
    pack = opened(find(name_or_path, base))
    told = [pack.name, *_paragraph(pack.about), "", "Source", *_paragraph(pack.source)]
    if isinstance(pack, Pack) and pack.languages:
        told += ["", "Languages", *_paragraph(f"{len(pack.languages.lines):,}, of {pack.languages.source}")]
    elif isinstance(pack, Pack) and pack.speaks:
        told += ["", "Languages", *_paragraph(", ".join(pack.speaks))]
    if isinstance(pack, Pack) and pack.edits:
        told += ["", "Edits, in this order", *_table([(edit.name, edit.about) for edit in pack.edits])]
    told += ["", "Rules", *_table(rules_told(pack))]
    if isinstance(pack, Pack):
        told += ["", "Metrics"]
        for name in pack.metric_names:
            told += [f"  {name}", *_paragraph(definition(name), "    ")]
    return "\n".join(told)


def pack_told(name_or_path: str, base: str | Path | None = None) -> dict[str, Any]:
    """All that `show_pack` says, for programs. Raises PackError where there is none."""
    pack = opened(find(name_or_path, base))
    rules = [dict(zip(PACK_RULE, rule, strict=True)) for rule in rules_told(pack)]
    told: dict[str, Any] = {"pack": pack.name, "about": pack.about, "source": pack.source, "rules": rules}
    if isinstance(pack, Pack):
        told["languages"] = [line.language for line in pack.languages.lines] if pack.languages else list(pack.speaks)
        told["edits"] = [{"edit": edit.name, "about": edit.about} for edit in pack.edits]
        told["metrics"] = {name: " ".join(definition(name).split()) for name in pack.metric_names}
    return told


def definition(name: str) -> str:
    """What a metric of a pack counts, and where it comes from."""
    if name in METRICS:
        return METRICS[name].__doc__ or ""
    return METRICS_OF_EDITS.get(name, "Lines on which the edit of this name acts, where it stands in their order.")
