"""docs/llms.txt: every page of the docs in the order of the site, each with what it begins with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.support.running import ROOT

DOCS = ROOT / "docs"
_SENTENCE = re.compile(r".+?(?<!\bal)\.(?=\s|$)", re.DOTALL)
_MARKUP = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_SKIPPED = ("#", "|", "```", "!", "    ", "-")
"""How paragraphs begin that are no prose."""


def navigation() -> list[tuple[str, list[str]]]:
    """(section, its pages) of the site, in order; a page of its own stands under its title."""
    listed: list[dict[str, Any]] = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    return [
        (title, [pages] if isinstance(pages, str) else list(pages))
        for entry in listed
        for title, pages in entry.items()
    ]


def llms_txt() -> str:
    """docs/llms.txt, in the form of llmstxt.org."""
    about = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["site_description"]
    return "\n".join(["# curate", "", f"> {about}", *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    alone = True
    for title, pages in navigation():
        if len(pages) > 1 or alone:
            yield from ("", f"## {title}", "")
        alone = len(pages) > 1
        for page in pages:
            yield f"- [{_title(page)}]({page}): {_beginning(page)}"


def _title(page: str) -> str:
    return (DOCS / page).read_text().partition("\n")[0].removeprefix("# ")


def _beginning(page: str) -> str:
    """The first sentence of a page's prose, without links."""
    paragraphs = (DOCS / page).read_text().split("\n\n")[1:]
    first = next((each for each in paragraphs if not each.lstrip("\n").startswith(_SKIPPED)), _title(page))
    text = re.sub(_MARKUP, r"\1", " ".join(first.split()))
    found = re.match(_SENTENCE, text)
    return (found[0] if found else text).rstrip(":")
