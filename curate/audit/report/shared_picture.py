"""A comparison as one picture of 1200 by 630, for a page of documentation or a link: what each run keeps, and with whom.

Scalable and without scripts; its colours follow the reader's light or dark. Knows a comparison's numbers.
"""

from __future__ import annotations

from curate.audit.compare import Comparison
from curate.text.html import Html, count, rounded, share_of, shortened, tag

_WIDE, _HIGH = 1200, 630
_LEFT, _BAR = 250, 560
_TOP, _ROOM = 150, 420
_STYLE = (
    "text{font:22px ui-sans-serif,system-ui,'Segoe UI',Roboto,sans-serif;fill:#1d1c1a}"
    ".title{font:44px Georgia,serif}.quiet{fill:#65625b;font-size:19px}.paper{fill:#fbfaf7}.soft{fill:#e2dfd8}"
    ".all{fill:#1f6f78}.some{fill:#6aa5ab}.only{fill:#c9932c}"
    "@media(prefers-color-scheme:dark){text{fill:#e9e6df}.quiet{fill:#a5a29a}.paper{fill:#15171a}.soft{fill:#34383d}"
    ".all{fill:#62b6be}.some{fill:#3d848c}.only{fill:#c79a45}}"
)


def comparison_picture(found: Comparison, title: str) -> str:
    """SVG. A run's bar is its share of the records that all runs read: those that all keep, that some others keep too, and
    that only it keeps."""
    number = len(found.names)
    tall = _ROOM / number
    drawn: list[Html] = [
        tag("rect", width=_WIDE, height=_HIGH, class_="paper"),
        tag("text", title, x=60, y=84, class_="title"),
        tag("text", f"of {count(found.shared)} records that all of them read", x=60, y=120, class_="quiet"),
    ]
    whole = found.shared or 1
    for place, name in enumerate(found.names):
        top = _TOP + place * tall
        thick = min(72.0, tall * 0.6)
        everybody = found.kept_by.get(tuple(range(number)), 0)
        only = found.kept_by.get((place,), 0)
        mine = sum(records for who, records in found.kept_by.items() if place in who)
        row = found.yields[place]
        amount = (
            f"{rounded(float(row[4] or 0))} tokens"
            if row[4] is not None
            else f"{rounded(float(row[5] or 0))} characters"
        )
        drawn.append(tag("text", shortened(name)[:18], x=_LEFT - 20, y=top + thick / 2 + 8, text_anchor="end"))
        drawn.append(tag("rect", x=_LEFT, y=top, width=_BAR, height=thick, class_="soft"))
        x = float(_LEFT)
        for records, kind in ((everybody, "all"), (mine - everybody - only, "some"), (only, "only")):
            drawn.append(tag("rect", x=x, y=top, width=_BAR * records / whole, height=thick, class_=kind))
            x += _BAR * records / whole
        says = f"{share_of(mine, whole) or 'none'} · {amount}"
        drawn.append(tag("text", says, x=_LEFT + _BAR + 24, y=top + thick / 2 + 8))
    at = 60
    for kind, words in (("all", "kept by all"), ("some", "by it and some others"), ("only", "by it alone")):
        drawn.append(tag("rect", x=at, y=_HIGH - 46, width=18, height=18, class_=kind))
        drawn.append(tag("text", words, x=at + 28, y=_HIGH - 30, class_="quiet"))
        at += 70 + 10 * len(words)
    whole_picture = tag(
        "svg", tag("title", title), Html(f"<style>{_STYLE}</style>"), *drawn, xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDE} {_HIGH}", width=_WIDE, height=_HIGH, role="img",
    )  # fmt: skip
    return f"{whole_picture}\n"
