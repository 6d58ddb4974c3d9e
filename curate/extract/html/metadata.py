"""What a page says of itself: title, author, date, description, address, language, licence, and what robots may do.

Believed in this order: Open Graph and article properties, schema.org in JSON-LD, Dublin Core and plain `meta` names,
elements. What was said is kept as it was said; deciding by it is a rule's business. Tags are looked at one after another,
each a bounded number of characters, so the work is linear. Knows a page's source; nothing of blocks.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from curate.extract.html.structured import MOST_JSON, load_json, objects_of
from curate.extract.robots import directives

FIELDS = ("title", "author", "date", "description", "canonical", "language", "licence", "robots", "robots_header")
"""Keys of what `metadata` gives, each a string or None; `meta.NAME` in the ledger."""

MOST_VALUE = 2000
"""Characters kept of one value; longer ones are texts put in the wrong place."""
MOST_TAG = 4096
"""Characters of one tag that are read; a longer one is no metadata."""
MOST_TAGS = 20_000
"""Tags that are looked at; `meta`, `link` and links of a page are some hundreds."""

_START = re.compile(r"<(?:!--|(?P<name>html|title|meta|link|a|area|script|style|textarea)(?=[\s/>]))", re.I)
_ATTRIBUTE = re.compile(r"[\s/]*([^\s=/>\"']+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+)))?")
_CREATIVE_COMMONS = re.compile(
    r"https?://creativecommons\.org/(?:licenses/(?:by|by-sa|by-nd|by-nc|by-nc-sa|by-nc-nd)/\d\.\d"
    r"|publicdomain/(?:zero|mark)/1\.0)(?:/[a-z]{2,3}(?![a-z]))?",
    re.I,
)
_META = {
    "title": ("og:title", "twitter:title", "dc.title", "dcterms.title", "citation_title"),
    "author": ("author", "article:author", "dc.creator", "dcterms.creator", "citation_author", "parsely-author"),
    "date": (
        *("article:published_time", "og:article:published_time", "date", "dc.date", "dcterms.date", "dc.date.issued"),
        *("dcterms.created", "citation_publication_date", "pubdate", "publishdate", "parsely-pub-date"),
    ),
    "description": ("og:description", "description", "twitter:description", "dc.description"),
    "language": ("dc.language", "dcterms.language", "og:locale"),
    "licence": ("dcterms.license", "dc.rights", "dcterms.rights"),
}
"""Names and properties of `meta` elements by field, the more believed first."""
_JSON = {"title": "headline", "date": "datePublished", "description": "description", "licence": "license"}
_ROBOTS = ("robots", "tdm-reservation", "google-extended", "anthropic-ai")
"""Names of `meta` elements for robots; those that end with `bot` are others."""


def metadata(source: str, robots_header: str | None = None) -> dict[str, str | None]:
    """What a page says of itself: FIELDS, each a string or None.

    A licence is where a link of `rel=license` points, else what JSON-LD says, else the one Creative Commons licence that
    the page links to, if it is one, else Dublin Core's. `robots` joins what is said to all and to single robots, each
    directive with the robot that it is for; `robots_header` is the same of the HTTP header, as ingest gives it.

    >>> metadata("<html lang=en><title>Tea</title><meta name=robots content='noai'>")["robots"]
    'noai'
    """
    said: dict[str, str] = {}
    structured: dict[str, str] = {}
    robots: list[str] = []
    linked: set[str] = set()
    for name, values, content in _tags(source):
        rels = values.get("rel", "").lower().split()
        address = values.get("href", "")
        if name == "title":
            said.setdefault("<title>", _clean(content))
        elif name == "html":
            said.setdefault("<html lang>", values.get("lang") or values.get("xml:lang") or "")
        elif name == "script":
            _read_json(content, structured)
        elif name == "meta":
            key = (values.get("property") or values.get("name") or values.get("itemprop") or "").lower()
            value = _clean(values.get("content", ""))
            if value and (key in _ROBOTS or key.endswith("bot")):
                robots.append(directives(value, "" if key == "robots" else key))
            elif key and value:
                said.setdefault(key, value)
        elif address and "license" in rels:
            said.setdefault("rel=license", address)
        elif address and name == "link" and "canonical" in rels:
            said.setdefault("rel=canonical", address)
        elif "creativecommons.org/" in address and (licence := _CREATIVE_COMMONS.search(address)):
            linked.add(licence[0].lower())
    found: dict[str, str | None] = dict.fromkeys(FIELDS)
    for field, names in _META.items():
        found[field] = next((said[each] for each in names if each in said), None) or structured.get(field)
    found["title"] = found["title"] or said.get("<title>")
    found["canonical"] = said.get("rel=canonical") or said.get("og:url")
    found["language"] = said.get("<html lang>") or found["language"]
    found["robots"] = ", ".join(each for each in robots if each)
    found["robots_header"] = robots_header
    only = linked.pop() if len(linked) == 1 else None
    found["licence"] = said.get("rel=license") or structured.get("licence") or only or found["licence"]
    return {field: value[:MOST_VALUE] if value else None for field, value in found.items()}


def _tags(source: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """(name, attributes, content) of the tags that say something, in order; content of titles and JSON-LD only."""
    at = 0
    for _ in range(MOST_TAGS):
        start = _START.search(source, at)
        if start is None:
            return
        at = start.end()
        name = (start["name"] or "").lower()
        if not name:
            end = source.find("-->", at)
            at = len(source) if end < 0 else end + 3
            continue
        values: dict[str, str] = {}
        limit = min(len(source), at + MOST_TAG)
        while attribute := _ATTRIBUTE.match(source, at, limit):
            value = attribute[2] or attribute[3] or attribute[4] or ""
            values.setdefault(attribute[1].lower(), html.unescape(value))
            at = attribute.end()
        content = ""
        if name in ("title", "script", "style", "textarea"):
            opened = source.find(">", at) + 1
            closed = _closing(source, name, opened) if opened else len(source)
            if name == "title" or values.get("type", "").lower() == "application/ld+json":
                content = source[opened : min(closed, opened + MOST_JSON)]
            at = closed
        if name not in ("style", "textarea") and (name != "script" or content):
            yield name, values, content


_CLOSING = {name: re.compile(f"</{name}", re.I) for name in ("title", "script", "style", "textarea")}


def _closing(source: str, name: str, at: int) -> int:
    found = _CLOSING[name].search(source, at)
    return found.start() if found else len(source)


def _clean(value: str) -> str:
    return " ".join(html.unescape(value).split())


def _read_json(content: str, said: dict[str, str]) -> None:
    for item in objects_of(load_json(content)):
        for field, key in _JSON.items():
            if isinstance(item.get(key), str):
                said.setdefault(field, _clean(item[key]))
        authors = item.get("author")
        for author in authors if isinstance(authors, list) else [authors]:
            name = author.get("name") if isinstance(author, dict) else author
            if isinstance(name, str) and name:
                said.setdefault("author", _clean(name))
