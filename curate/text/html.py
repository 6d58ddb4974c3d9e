"""HTML and SVG elements whose text is always escaped. Knows markup; knows no run."""

from __future__ import annotations

import html as escaping
import re
from collections.abc import Iterable, Sequence

Attribute = str | int | float | bool | None


class Html(str):
    """Markup made by this module; any other string is text, and is escaped where it is put in."""

    __slots__ = ()


_VOID = frozenset({"meta", "input"})
_SHAPES = frozenset({"rect", "line", "path", "circle"})
"""Elements of SVG that hold nothing; unlike those of HTML they have to be closed."""


def clean(text: str) -> str:
    """Text that HTML can hold: no lone surrogates, no control characters but tab and line feed, no direction overrides."""
    whole = text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
    return _CANNOT_BE_SHOWN.sub("\N{REPLACEMENT CHARACTER}", whole)


_CANNOT_BE_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and characters that reorder what follows them: they could turn a line of the page around."""


def escape(text: str) -> Html:
    """Text as markup."""
    return text if isinstance(text, Html) else Html(escaping.escape(clean(text), quote=True))


def join(children: Iterable[str | None]) -> Html:
    """Children one after another; None is nothing."""
    return Html("".join(escape(child) for child in children if child is not None))


def tag(name: str, /, *children: str | None, **attributes: Attribute) -> Html:
    """An element. In attribute names `_` stands for `-` and a trailing `_` for nothing; False and None leave one out."""
    written = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        written.append(f" {key}" if value is True else f' {key}="{escape(_number(value))}"')
    opened = f"<{name}{''.join(written)}"
    if name in _VOID or (name in _SHAPES and not children):
        return Html(f"{opened}{'/' if name in _SHAPES else ''}>")
    return Html(f"{opened}>{join(children)}</{name}>")


def _number(value: str | int | float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def svg(width: float, height: float, /, *children: str | None, **attributes: Attribute) -> Html:
    """A picture of this size in its own units."""
    return tag("svg", *children, viewBox=f"0 0 {width:.6g} {height:.6g}", **attributes)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], **attributes: Attribute) -> Html:
    """A table; a column whose cells begin with digits holds numbers, one of pictures is marked as such. A head without words
    is no head to who hears it."""
    listed = list(rows)
    kinds = [_kind([row[i] for row in listed]) if i else None for i in range(len(heads))]
    head = [
        tag("th", each.replace("documents", _DOCUMENTS), scope="col", class_=kind) if each else tag("td", class_=kind)
        for each, kind in zip(heads, kinds, strict=True)
    ]
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", cell, class_=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True)),
        )
        for row in listed
    ]
    whole = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body), **attributes)
    return tag("div", whole, class_="scroll", tabindex="0")


_DOCUMENTS = "docu\N{SOFT HYPHEN}ments"  # the longest word of a heading: on a phone it may have to break


def _kind(cells: Sequence[str]) -> str | None:
    """The class of a column: numbers or pictures."""
    if any(isinstance(cell, Html) and cell.startswith("<svg") for cell in cells):
        return "pic"
    numbers = all(not isinstance(cell, Html) and (not cell or cell[0] in _NUMERIC) for cell in cells)
    return "n" if numbers and any(cells) else None


_NUMERIC = frozenset("0123456789−<")


def named(name: str, *more: str | None) -> Html:
    """A name that may be long: it breaks after its punctuation, and what is beyond reading is left out."""
    pieces = re.split(r"(?<=[/_.:-])(?=\w)", shortened(name))
    return join([*(part for piece in pieces for part in (piece, Html("<wbr>")))][:-1] + list(more))


def shortened(name: str) -> str:
    """A name, without its middle where it is longer than anybody reads."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 20]}…{name[-19:]}"


_LONGEST_NAME = 120


def bar(share: float, second: float = 0.0, aim: float | None = None) -> Html:
    """A bar of a share from 0 to 1, and of a part of it, solid; a mark where it should have ended."""
    mark = None if aim is None else f"{100 * max(0.0, min(1.0, aim)):.2f}%"
    return tag(
        "svg",
        tag("rect", class_="soft", width=f"{100 * max(0.0, min(1.0, share)):.2f}%", height="100%"),
        tag("rect", class_="solid", width=f"{100 * max(0.0, min(1.0, second)):.2f}%", height="100%"),
        tag("line", class_="aim", x1=mark, x2=mark, y1="-20%", y2="120%") if mark else None,
        class_="bar",
        aria_hidden="true",
    )


def count(number: float) -> str:
    """A number with its thousands apart."""
    return f"{number:,.0f}"


def percent(part: float, whole: float) -> str:
    """A share in per cent; empty where there is no whole. Only nothing is 0 %, and only all of it 100 %."""
    if not whole:
        return ""
    share = 100 * part / whole
    if 0 < share < 0.05:
        return "< 0.1 %"
    return f"{share:.1f} %" if share < 99.95 or part == whole else "99.9 %"


def rounded(number: float) -> str:
    """A large number as it is said, with two digits: 0.39 M, 12 M, 1.2 G; below a hundred thousand whole.

    >>> rounded(628_877), rounded(11_267_053_401), rounded(980)
    ('0.63 M', '11 G', '980')
    """
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if number >= (size if unit != "M" else 0.1 * size):
            return f"{_two(number / size)} {unit}"
    return count(number)


def roughly(number: float) -> str:
    """An estimate, with two digits at any size: 180, 14,000, 0.17 M."""
    return rounded(float(f"{number:.2g}"))


def share_of(part: float, whole: float) -> str:
    """A share as it is said, with two digits: 24 %, 4.8 %. Only nothing is 0 %, and only all of it 100 %.

    >>> share_of(543, 2231), share_of(1, 9999), share_of(999, 1000), share_of(3, 3)
    ('24 %', 'less than 0.1 %', 'over 99 %', '100 %')
    """
    if not whole:
        return ""
    share = 100 * part / whole
    if part and share < 0.1:
        return "less than 0.1 %"
    return "over 99 %" if part != whole and share > 99 else f"{_two(share)} %"


def _two(number: float) -> str:
    """A number with two digits: 0.39, 1.2, 12, 120."""
    return f"{float(f'{number:.2g}'):g}"


def short(number: float) -> str:
    """A number as an axis has it."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size * (10 if unit == "k" else 1):
            return f"{number / size:.4g}{unit}"
    return f"{number:.4g}"
