"""A page as one file, under a policy that lets it load nothing and run only its own scripts.

Knows markup and how a policy names what it allows; knows no subject.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from curate.text.html import Html, join, tag


def document(
    title: str, body: Html, style: str, data: Mapping[str, Any] | None = None, scripts: Sequence[str] = ()
) -> str:
    """A whole page of this body and style; `scripts` run in their order and read `data`, the JSON of the element `data`.

    Style and scripts are allowed by their hashes and nothing else is: attributes with style in them have no effect.

    >>> "default-src 'none'" in document("A page", tag("p", "hello"), "p{color:red}")
    True
    """
    allowed = f"script-src {' '.join(map(_hash, scripts))}; " if scripts else ""
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
    end = Html(_embedded(data) + "".join(f"<script>{script}</script>" for script in scripts))
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
