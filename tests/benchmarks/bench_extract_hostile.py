"""Hostile pages at one, two and four times a size: CPU time and what is left of a page, with the growth of the time.

    python tests/benchmarks/bench_extract_hostile.py [--bytes N]

Each kind is one piece repeated; a page of four times the bytes should take four times the time, whatever is repeated.
Markdown is written, which does all that text does and more; metadata is read too.
"""

from __future__ import annotations

import argparse
import time

from curate.extract.forms import Form
from curate.extract.html.extracting import extract_page
from curate.extract.limits import Limits

KINDS = {
    "deep": b"<div>",
    "deep lists": b"<ul><li>a",
    "unclosed links": b"<a href=x>a<p>",
    "attributes of one tag": b" a=b",
    "attributes unlike": b" %d",
    "references": b"&notit;&amp&#99999999999;&",
    "NUL": b"\0a",
    "comments": b"<!-- -- <!--",
    "unfinished scripts": b"<script></scrip",
    "cells": b"<table><tr><td rowspan=9 colspan=999>a",
    "rows": b"<tr><td colspan=1000 rowspan=2>a",
    "TeX": b"\\\\( $$ \\\\[",
    "backticks": b"`<code>`</code>",
    "stars": b"*_[<",
    "meta": b"<meta name='a",
    "links": b"<a href='x|(&amp;'>![a]",
    "images": b"<img src='x|(&amp;' alt='[&lt;'>a",
    "JSON-LD": b'<script type=application/ld+json>{"articleBody": "tea &lt; water"}</script>',
    "reversed": b"<ol reversed><li>a",
    "UTF-16": "<p>été".encode("utf-16-le"),
}

MARKED = Form("markdown", links=True, images=True)


def page_of(kind: str, size: int) -> bytes:
    """A page of about so many bytes."""
    piece = KINDS[kind]
    if kind == "attributes unlike":
        return b"<p" + b"".join(b" a%07d" % number for number in range(size // 9)) + b">x"
    return (b"<p" if kind.startswith("attributes") else b"") + piece * (size // len(piece))


def main() -> None:
    """Print a line a kind: ms at 1x, 2x, 4x, the growth from 1x to 4x, and the outcome."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bytes", type=int, default=1 << 20, help="size of 1x")
    size = parser.parse_args().bytes
    limits = Limits(body_bytes=8 * size, nodes=8 * size)
    extract_page(b"<p>compiled", None, limits, MARKED, with_metadata=True)
    print(f"{'':24}{'1x ms':>10}{'2x':>10}{'4x':>10}{'growth':>10}")
    for kind in KINDS:
        spent = []
        for times in (1, 2, 4):
            page = page_of(kind, times * size)
            start = time.process_time()
            done = extract_page(page, "text/html", limits, MARKED, with_metadata=True)
            spent.append(1000 * (time.process_time() - start))
        outcome = done.reason or f"{len(done.text or '')} characters"
        print(f"{kind:24}" + "".join(f"{each:10.0f}" for each in spent) + f"{spent[2] / spent[0]:10.1f}  {outcome}")


if __name__ == "__main__":
    main()
