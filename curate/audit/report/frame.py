"""The frame of the report's pages: their one style, and the scripts that a page names.

Knows files beside it; knows no run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.text import page
from curate.text.html import Html

_HERE = Path(__file__).parent


def document(title: str, body: Html, data: Mapping[str, Any] | None = None, scripts: Sequence[str] = ()) -> str:
    """A whole page of this body; `scripts` are names of files beside this one, which read `data`."""
    style = (_HERE / "report.css").read_text("utf-8")
    return page.document(title, body, style, data, [(_HERE / name).read_text("utf-8") for name in scripts])
