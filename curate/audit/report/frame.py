"""The frame of a page: its style and scripts, under a policy that lets it load nothing and run only these.

Knows files beside it and how they are hashed; knows no run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.text.html import Html, join, tag

_HERE = Path(__file__).parent


def document(title: str, body: Html, data: Mapping[str, Any] | None = None, scripts: Sequence[str] = ()) -> str:
    """A whole page of this body; `scripts` are names of files beside this one, which read `data`."""
    run = [(_HERE / name).read_text("utf-8") for name in scripts]
    style = (_HERE / "report.css").read_text("utf-8")
    allowed = f"script-src {' '.join(map(_hash, run))}; " if run else ""
    policy = f"default-src 'none'; {allowed}style-src {_hash(style)}; base-uri 'none'; form-action 'none'"
    head = join(
        [
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("title", title),
            Html(f"<style>{style}</style>"),
        ]
    )
    end = Html(_embedded(data) + "".join(f"<script>{script}</script>" for script in run))
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body, end), lang='en')}\n"


def _embedded(data: Mapping[str, Any] | None) -> str:
    """The scripts' data, which no text in it can end."""
    if data is None:
        return ""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" id="data">{text}</script>'


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
