"""The flow picture: per source a river that narrows at each step, what is dropped streaming off to the side.

Knows the funnel's numbers; draws no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate.text.html import Html, count, join, named, percent, svg, tag
from curate.verdicts.steps import ROLE

_TALL = 46  # height of a step that drops, in units of the picture
_FLAT = 14  # of one that drops nothing
_WIDEST = 88.0  # per cent of the width, for all records: the rest is for what leaves
_THINNEST = 0.35  # per cent of the width: a drop is never invisible
_SHOWN_RULES = 3


def river(name: str, source: Mapping[str, Any]) -> Html:
    """One source's way from records to tokens, or to text."""
    records = source["records"]
    head = tag(
        "header",
        tag("h3", named(name)),
        tag(
            "p",
            f"{count(source['files'])} {'file' if source['files'] == 1 else 'files'}, "
            f"{_bytes(source['bytes'])}, {count(records)} records",
            class_="quiet",
        ),
    )
    rows = [_step(step, records) for step in source["funnel"]]
    kept, documents = source["kept"], source["documents"]
    amount, unit = (source["kept_chars"], " characters") if "kept_chars" in source else (source["tokens"], " tokens")
    if source["role"] == "reference":
        outcome = tag("span", "no output: this source only trains a classifier", class_="outcome", role="cell")
    else:
        outcome = tag(
            "span", tag("b", count(kept)), " documents (", percent(kept, documents), " of its documents), ",
            tag("b", count(amount)), unit, class_="outcome", role="cell",
        )  # fmt: skip
    end = tag(
        "div", tag("span", "kept", class_="step", role="rowheader"), outcome, class_="reach end", role="row"
    )  # fmt: skip
    heads = tag(
        "div",
        *(tag("span", text, class_=kind, role="columnheader") for text, kind in _HEADS),
        class_="reach heads",
        role="row",
    )
    return tag("section", head, tag("div", heads, join(rows), end, class_="river", role="table"), class_="source")


_HEADS = (("step", "step"), ("still in", "water"), ("dropped here", "off"), ("left", "left"))


def _step(step: Mapping[str, Any], records: int) -> Html:
    dropped = step["dropped"]
    judged = {} if step["step"] == ROLE else step["rules"]  # that a source is no output is no rule
    rules = sorted(judged.items(), key=lambda item: (-item[1]["failed"], item[0]))
    shown = [
        f"{rule.partition('/')[2]} {count(each['failed'])}" for rule, each in rules[:_SHOWN_RULES] if each["failed"]
    ]
    more = len([None for _, each in rules[_SHOWN_RULES:] if each["failed"]])
    why = " · ".join([*shown, f"{more} more rules"] if more else shown)
    return tag(
        "div",
        tag("span", named(step["step"]), class_="step", role="rowheader"),
        tag("div", _picture(step["in"], step["kept"], records), class_="water", role="cell"),
        tag(
            "span",
            tag("b", f"−{count(dropped)}") if dropped else None,
            tag("i", percent(dropped, step["in"])) if dropped else None,
            tag("small", why) if why else None,
            class_="off",
            role="cell",
        ),
        tag("span", count(step["kept"]), class_="left", role="cell"),
        class_="reach" if dropped else "reach flat",
        role="row",
    )


def _picture(entering: int, leaving: int, records: int) -> Html:
    """The river between two steps: its width is the share of the records that are still in it."""
    before = _WIDEST * entering / records if records else 0.0
    after = _WIDEST * leaving / records if records else 0.0
    height = _TALL if entering > leaving else _FLAT
    kept = tag("rect", x=0, y=0, width=max(after, _THINNEST if leaving else 0.0), height=height, class_="kept")
    if entering <= leaving:
        return svg(100, height, kept, preserveAspectRatio="none", aria_hidden="true")
    start = min(after, before - _THINNEST)
    thick = max(1.2, min(height - 8, (before - start) * 0.45))
    top = height * 0.36
    below = top + thick
    stream = (
        f"M{start:.3f},0 L{before:.3f},0 C{before:.3f},{top:.2f} {min(before + 4, 99):.3f},{top:.2f} 100,{top:.2f} "
        f"L100,{below:.2f} C{start + (100 - start) * 0.25:.3f},{below:.2f} {start:.3f},{below:.2f} {start:.3f},0 Z"
    )
    return svg(
        100, height, tag("path", d=stream, class_="dropped"), kept,
        preserveAspectRatio="none", aria_hidden="true",
    )  # fmt: skip


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            return f"{number:.3g} {unit}" if number < 1000 else f"{number:,.0f} {unit}"
        number /= 1000
    raise AssertionError
