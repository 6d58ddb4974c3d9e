"""The report's tables and small pictures: rules and their overlaps, languages, domains, lengths, duplicates, and the rest.

Knows the numbers of stats.json; computes no others than sums and shares of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from curate.audit.report.html import Html, bar, count, join, percent, short, svg, table, tag

_DOMAINS_SHOWN = 30
_LANGUAGES_SHOWN = 40
_ITEMS_SHOWN = 40
_MATRIX_RULES = 40
_CELL = 18  # units of a cell of the matrix
_LABEL = 280  # units of its row labels
_TALL = 96
_WIDE = 640

Stats = Mapping[str, Any]


def summed(audit: Stats, sources: Sequence[str], name: str) -> dict[str, Any]:
    """One of the audit's counts over several sources."""

    def add(total: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
        for key, value in other.items():
            total[key] = add(total.get(key, {}), value) if isinstance(value, Mapping) else total.get(key, 0) + value
        return total

    total: dict[str, Any] = {}
    for source in sources:
        add(total, audit.get(source, {}).get(name, {}))
    return total


def rules_table(sources: Stats) -> Html:
    """Every rule: how many failed it, how many failed nothing else."""
    rows: list[tuple[int, Sequence[str]]] = []
    for name, source in sources.items():
        for step in source["funnel"]:
            for rule, each in step["rules"].items():
                if each["failed"]:
                    failed, alone, all_in = each["failed"], each["alone"], source["records"]
                    cells = [
                        rule, name, count(failed), percent(failed, all_in), count(alone),
                        bar(failed / all_in, alone / all_in),
                    ]  # fmt: skip
                    rows.append((failed, cells))
    rows.sort(key=lambda row: -row[0])
    heads = ("rule", "source", "failed", "of records", "failed only this", "")
    return table(heads, [cells for _, cells in rows], class_="sortable") if rows else _none("No record failed a rule.")


def overlap_matrix(overlap: Mapping[str, Mapping[str, int]]) -> Html:
    """Of those that fail the rule of a row, the share that also fails the rule of a column."""
    order = sorted(overlap, key=lambda rule: (-overlap[rule].get(rule, 0), rule))[:_MATRIX_RULES]
    if len(order) < 2:
        return _none("Fewer than two rules failed anything: there is no overlap to show.")
    cells = []
    for i, first in enumerate(order):
        every = overlap[first][first]
        y = i * _CELL + 24
        number = tag("tspan", f"  {i + 1}", class_="number")
        cells.append(tag("text", first, number, x=_LABEL - 8, y=y + 13, text_anchor="end"))
        cells.append(tag("text", str(i + 1), x=_LABEL + i * _CELL + _CELL / 2, y=16, text_anchor="middle", class_="number"))
        for j, second in enumerate(order):
            both = overlap[first].get(second, 0)
            title = f"{count(both)} of {count(every)} that fail {first} also fail {second}"
            cells.append(
                tag(
                    "g",
                    tag("title", title),
                    tag(
                        "rect", x=_LABEL + j * _CELL + 0.5, y=y + 0.5, width=_CELL - 1, height=_CELL - 1,
                        class_="self" if i == j else "cell", fill_opacity=round(both / every, 3) if i != j else 1,
                    ),
                    tag("rect", x=_LABEL + j * _CELL + 0.5, y=y + 0.5, width=_CELL - 1, height=_CELL - 1, class_="frame"),
                )
            )  # fmt: skip
    width, height = _LABEL + len(order) * _CELL + 4, len(order) * _CELL + 28
    size = {"width": width, "height": height}
    picture = svg(width, height, *cells, role="img", aria_label="Overlap of rules", class_="matrix", **size)
    pairs = sorted(
        ((overlap[a].get(b, 0), a, b) for i, a in enumerate(order) for b in order[i + 1 :] if overlap[a].get(b)),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    listed = table(
        ("rule", "and", "fail both", "of the first", "of the second"),
        [
            (a, b, count(both), percent(both, overlap[a][a]), percent(both, overlap[b][b]))
            for both, a, b in pairs[:12]
        ],
    )  # fmt: skip
    return join(
        [
            tag("div", picture, class_="scroll", tabindex="0"),
            tag("details", tag("summary", "The largest overlaps as a table"), listed),
        ]
    )


def languages(found: Mapping[str, Mapping[str, int]]) -> Html:
    """Documents and what was kept of them by language."""
    total = sum(each["documents"] for each in found.values()) or 1
    order = sorted(found, key=lambda name: (-found[name]["documents"], name))
    rows = [_rate_row(name or "not identified", found[name], total) for name in order[:_LANGUAGES_SHOWN]]
    return table(("language", "documents", "kept", "rate", "tokens", ""), rows, class_="sortable")


def _rate_row(name: str, each: Mapping[str, int], total: int) -> list[str]:
    documents, kept = each["documents"], each["kept"]
    return [
        name, count(documents), count(kept), percent(kept, documents), count(each["tokens"]),
        bar(documents / total, kept / total),
    ]  # fmt: skip


def domains(found: Mapping[str, Mapping[str, int]]) -> Html:
    """The most frequent domains, with how their rate of being kept differs from all."""
    documents, kept = (sum(each[name] for each in found.values()) for name in ("documents", "kept"))
    overall = kept / documents if documents else 0.0
    order = sorted((name for name in found if name), key=lambda name: (-found[name]["documents"], name))[:_DOMAINS_SHOWN]
    rows = []
    for name in order:
        each = found[name]
        rows.append(
            (
                name, count(each["documents"]), count(each["kept"]), percent(each["kept"], each["documents"]),
                _against(each["kept"], each["documents"], overall), count(each["tokens"]),
            )
        )  # fmt: skip
    if not rows:
        return _none("No record has an address.")
    note = tag(
        "p",
        f"Overall {100 * overall:.1f} % is kept. The line is each domain's rate with its 95 % interval (Wilson); "
        "the mark is the rate of all. A line that clears the mark is treated unlike the rest.",
        class_="quiet",
    )
    heads = ("domain", "documents", "kept", "rate", "against all", "tokens")
    return join([note, table(heads, rows, class_="sortable")])


def _against(kept: int, documents: int, overall: float) -> Html:
    low, high = wilson(kept, documents)
    kind = "low" if high < overall else "high" if low > overall else "same"
    return tag(
        "svg",
        tag("line", x1="0%", x2="100%", y1="50%", y2="50%", class_="rail"),
        tag("line", x1=f"{100 * low:.1f}%", x2=f"{100 * high:.1f}%", y1="50%", y2="50%", class_=f"interval {kind}"),
        tag("circle", cx=f"{100 * kept / documents:.1f}%", cy="50%", r=3, class_=kind),
        tag("line", x1=f"{100 * overall:.1f}%", x2=f"{100 * overall:.1f}%", y1="15%", y2="85%", class_="overall"),
        class_="bar",
        aria_hidden="true",
    )


def wilson(part: int, whole: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); `z` is the normal quantile."""
    if not whole:
        return 0.0, 1.0
    share, square = part / whole, z * z
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    half = z * math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole)) / (1 + square / whole)
    return max(0.0, middle - half), min(1.0, middle + half)


def histogram(heights: Sequence[tuple[str, int, int]], caption: str, *, root: bool = False) -> Html:
    """Bars of (label, number, a part of it); labels below where they fit. `root`: heights are square roots."""
    if not heights:
        return _none("Nothing to count here.")
    most = max(number for _, number, _ in heights) or 1
    width = _WIDE / len(heights)
    every = max(1, math.ceil(len(heights) / 8))
    parts = []
    for place, (label, number, part) in enumerate(heights):
        x = place * width
        bars = [
            tag("rect", x=x + 1, y=_TALL - tall, width=max(width - 2, 1), height=tall, class_=kind)
            for tall, kind in ((_height(number / most, root), "every"), (_height(part / most, root), "alone"))
            if tall
        ]
        title = f"{label}: {count(number)}" + (f", of them {count(part)} kept" if part else "")
        parts.append(tag("g", tag("title", title), *bars))
        if place % every == 0:
            parts.append(tag("text", label, x=x + width / 2, y=_TALL + 17, text_anchor="middle"))
    axis = tag("line", x1=0, x2=_WIDE, y1=_TALL, y2=_TALL, class_="axis")
    picture = svg(_WIDE, _TALL + 24, *parts, axis, role="img", aria_label=caption)
    return tag("figure", tag("div", picture, class_="plot"), tag("figcaption", caption))


def _height(share: float, root: bool) -> float:
    return _TALL * (math.sqrt(share) if root else share)


def lengths(found: Mapping[str, int]) -> Html:
    """Tokens per kept document, by half octaves."""
    if not found:
        return _none("Nothing was tokenized.")
    places = range(min(map(int, found)), max(map(int, found)) + 1)
    return histogram(
        [(short(round(2 ** (place / 2))), found.get(str(place), 0), 0) for place in places],
        "Kept documents by their number of tokens; each bar is half a doubling wide.",
    )


def scores(found: Mapping[str, Mapping[str, int]]) -> Html:
    """Quality scores, of all and of those kept."""
    every, kept = found.get("all", {}), found.get("kept", {})
    if not every:
        return _none("No quality classifier scored this run.")
    steps = []
    for place in range(0, max(map(int, every)) + 1, 2):
        number, part = (sum(side.get(str(i), 0) for i in (place, place + 1)) for side in (every, kept))
        steps.append((f"{place / 100:.2f}", number, part))
    return histogram(steps, "Documents by quality score; darker, those kept. Heights are square roots.", root=True)


def duplicates(found: Mapping[str, Mapping[str, int]]) -> Html:
    """Kinds of duplicates, how large clusters are, how alike duplicates are to what survives."""
    kinds, clusters, similar = (found.get(name, {}) for name in ("kinds", "clusters", "jaccard"))
    if not kinds:
        return _none("No duplicate was removed.")
    sizes: dict[str, int] = {}
    for size, number in sorted(clusters.items(), key=lambda item: int(item[0])):
        label = size if int(size) <= 8 else f"{1 << (int(size).bit_length() - 1)}+"
        sizes[label] = sizes.get(label, 0) + number
    low = min(map(int, similar), default=0)
    by_likeness = [(f"{place / 100:.2f}", similar.get(str(place), 0), 0) for place in range(low, 101)]
    return join(
        [
            table(("how", "removed"), [(kind, count(number)) for kind, number in kinds.items()], class_="slim"),
            histogram([(label, number, 0) for label, number in sizes.items()], "Clusters by their number of documents."),
            histogram(by_likeness, "Removed documents by their Jaccard similarity to the survivor."),
        ]
    )


def personal_data(found: Mapping[str, Mapping[str, int]]) -> Html:
    """Counts by type; never a value."""
    rows = [(kind, count(each["found"]), count(each["documents"])) for kind, each in sorted(found.items())]
    if not rows:
        return _none("No personal data was looked for or found.")
    return table(("type", "found", "documents"), rows, class_="slim")


def contamination(found: Mapping[str, int]) -> Html:
    """Documents that hold evaluation items."""
    rows = [(name, count(number)) for name, number in sorted(found.items(), key=lambda item: (-item[1], item[0]))]
    if not rows:
        return _none("No evaluation item was looked for or found.")
    return table(("evaluation items", "matches"), rows[:_ITEMS_SHOWN], class_="slim")


def damage(sources: Stats) -> Html:
    """What could not be read or extracted, and records of kinds that hold no page."""
    rows: list[Sequence[str]] = []
    for name, source in sources.items():
        for step in source["funnel"]:
            if step["step"] in ("read", "extract"):
                rows += [(rule, name, count(each["failed"])) for rule, each in step["rules"].items() if each["failed"]]
        rows += [(f"other record: {kind}", name, count(number)) for kind, number in source["other_records"].items()]
    return table(("what", "source", "records"), rows, class_="slim") if rows else _none("Nothing was damaged.")


def _none(text: str) -> Html:
    return tag("p", text, class_="quiet")
