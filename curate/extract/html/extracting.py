"""From HTML to text: of one page, and of an Arrow batch of pages.

Knows charsets, parse, choice and rendering, and puts them after one another; decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.extract.forms import BLANK, LINE, MARKDOWN, TEXT, Form
from curate.extract.html.blocks import COMPLETE, WITH_IMAGES, WITH_LINKS, Page
from curate.extract.html.choosing import Choice
from curate.extract.html.embedded import held_in_data
from curate.extract.html.judging import LEAST_WORDS, learned
from curate.extract.html.lines import as_text
from curate.extract.html.markdown import as_markdown
from curate.extract.html.metadata import metadata
from curate.extract.html.page import parse_page
from curate.extract.limits import ERROR, NO_TEXT, TOO_LARGE, TOO_MANY_NODES, Limits
from curate.extract.utf8 import to_utf8

PLAIN = Form()
DEFAULT_CHOICE: Choice = learned
"""What says which blocks are main where nobody says otherwise."""
SAMPLE = "<p>\u00e9 ".encode() + b"word " * (LEAST_WORDS + 1)
"""A page that is just long enough to be judged, and not of ASCII alone: by it every kernel is compiled."""
MOST_GROWTH = 3
"""Bytes of UTF-8 that a byte of another charset becomes, at most."""


def text(
    html: str | bytes,
    content_type: str | None = None,
    url: str | None = None,
    format: str = TEXT,
    choice: Choice = DEFAULT_CHOICE,
    *,
    paragraphs: str = LINE,
    links: bool = False,
    images: bool = False,
) -> str:
    """The main text of a page; empty if there is none.

    Bytes are decoded as their marks, their content and their `content_type` (the HTTP header) tell; a lone surrogate
    in a string becomes `?`. `format` is `text`, a block a line, or `markdown`; `paragraphs`, `links` and `images` are those
    of `curate.extract.forms.Form`; ValueError for what they do not have. `choice` says which blocks are main. `url` is not
    read yet.

    >>> text("<nav>Home</nav><h1>Tea</h1><ol><li>Boil.<li>Steep.</ol>", format="markdown")
    '# Tea\\n\\n1. Boil.\\n2. Steep.'
    """
    form = Form(format, paragraphs, links, images)
    source = to_utf8(html, content_type)[0] if isinstance(html, bytes) else html.encode("utf-8", "replace")
    page = parse_page(source, wanted=_marks_for(form))
    return written(page, choice(page), form)


def _marks_for(form: Form) -> int:
    return WITH_LINKS * form.links + WITH_IMAGES * form.images


def written(page: Page, kept: NDArray[np.bool_], form: Form) -> str:
    """The kept blocks of a page, and the text that it holds in data alone."""
    held = held_in_data(page, kept, _marks_for(form)) if len(page.data) else None
    if held is None:
        return _write(page, kept, form)
    parts = (_write(page, held.before, form), _write(held.page, held.kept, form), _write(page, held.after, form))
    between = "\n\n" if form.format == MARKDOWN or form.paragraphs == BLANK else "\n"
    return between.join(part for part in parts if part)


def _write(page: Page, kept: NDArray[np.bool_], form: Form) -> str:
    return as_markdown(page, kept) if form.format == MARKDOWN else as_text(page, kept, form.paragraphs == BLANK)


class Extracted(NamedTuple):
    """A page's text, or the reason why there is none; the charset it was read in; what it says of itself, if asked."""

    text: str | None
    charset: str | None
    reason: str | None
    said: Mapping[str, str | None] | None = None


def extract_page(
    body: bytes | memoryview,
    content_type: str | None,
    limits: Limits,
    form: Form = PLAIN,
    choice: Choice = DEFAULT_CHOICE,
    with_metadata: bool = False,
    robots: str | None = None,
) -> Extracted:
    """What is extracted of a page under limits; `robots` is what its HTTP header says to robots, a part of the metadata.

    Reasons are those of `curate.extract.limits` and depend on the page alone. Elements deeper than the parse's own limit
    are taken for children of the last one above it, as in browsers, and a tag's attributes cost what their bytes do, so
    neither makes a reason. Raises MemoryError only.
    """
    if len(body) > limits.body_bytes:
        return Extracted(None, None, TOO_LARGE)
    source, charset = to_utf8(bytes(body), content_type)
    if len(source) > limits.nodes and source.count(b"<") > limits.nodes:
        return Extracted(None, charset, TOO_MANY_NODES)
    try:
        page = parse_page(source, MOST_GROWTH * limits.body_bytes, wanted=_marks_for(form))
        if page.ended != COMPLETE:
            return Extracted(None, charset, TOO_MANY_NODES)
        found = written(page, choice(page), form)
        said = metadata(source.decode("utf-8", "replace"), robots) if with_metadata else None
    except MemoryError:
        raise
    except Exception:  # a fault of the engine's: the page is counted and left out, and its neighbours are not
        return Extracted(None, charset, ERROR)
    return Extracted(found, charset, None, said) if found else Extracted(None, charset, NO_TEXT, said)


def texts(
    bodies: pa.Array, content_types: pa.Array | None = None, format: str = TEXT, choice: Choice = DEFAULT_CHOICE
) -> pa.Array:
    """The main texts of a column of pages (binary or large_binary) as large_string; null where a body is null.

    `content_types` is a column of strings, as long, with nulls where a page has none.
    """
    kinds = [None] * len(bodies) if content_types is None else content_types.to_pylist()
    if len(kinds) != len(bodies):
        raise ValueError(f"{len(bodies)} pages and {len(kinds)} content types: one is needed for each page")
    found = [
        text(body.as_py(), kind, format=format, choice=choice) if body.is_valid else None
        for body, kind in zip(bodies, kinds, strict=True)
    ]
    return pa.array(found, pa.large_string())
