"""From HTML to text: of one page, and of an Arrow batch of pages.

Knows charsets, parse, choice and rendering, and puts them after one another; decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.extract.charset import decode
from curate.extract.html.blocks import Page
from curate.extract.html.choosing import Choice
from curate.extract.html.judging import learned
from curate.extract.html.lines import as_text
from curate.extract.html.markdown import as_markdown
from curate.extract.html.page import parse_page

_FORMATS: dict[str, Callable[[Page, NDArray[np.bool_]], str]] = {"text": as_text, "markdown": as_markdown}


def text(
    html: str | bytes,
    content_type: str | None = None,
    url: str | None = None,
    format: str = "text",
    choice: Choice = learned,
) -> str:
    """The main text of a page; empty if there is none.

    Bytes are decoded as their marks, their content and their `content_type` (the HTTP header) tell; a lone surrogate
    in a string becomes `?`. `format` is `text`, a block a line, or `markdown`; ValueError for another. `choice` says
    which blocks are main. `url` is not read yet.

    >>> text("<nav>Home</nav><h1>Tea</h1><ol><li>Boil.<li>Steep.</ol>", format="markdown")
    '# Tea\\n\\n1. Boil.\\n2. Steep.'
    """
    write = _FORMATS.get(format)
    if write is None:
        raise ValueError(f"no format {format!r} of extracted text: use {' or '.join(_FORMATS)}")
    decoded = decode(html, content_type)[0] if isinstance(html, bytes) else html
    page = parse_page(decoded.encode("utf-8", "replace"))
    return write(page, choice(page))


def texts(
    bodies: pa.Array, content_types: pa.Array | None = None, format: str = "text", choice: Choice = learned
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
