"""The web under construction: its pages so far, with notes of what was planted, and the source of sites and articles.

The modules beside this one each add one kind of page. Knows nothing of WARC files beyond a `Capture`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from generator.html import Site, article_page
from generator.text import Article, Prose, article_length, load_grammar, slug
from generator.warc import Capture


@dataclass
class Web:
    """The pages made so far, in order, and what was planted in them."""

    seed: int
    sites: list[Site]
    captures: list[Capture] = field(default_factory=list)
    pages: dict[str, int] = field(default_factory=dict)
    planted: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, category: str, capture: Capture) -> str:
        """Adds a page, counts it under its category, and returns its address."""
        self.captures.append(capture)
        self.pages[category] = self.pages.get(category, 0) + 1
        return capture.url

    def plant(self, category: str, capture: Capture, **note: Any) -> None:
        """Adds a page and notes its address, with `note` where there is more to say."""
        url = self.add(category, capture)
        self.note(category, {"url": url, **note} if note else url)

    def note(self, category: str, entry: Any) -> None:
        self.planted.setdefault(category, []).append(entry)


class Writer:
    """A source of sites and articles for one planted category, drawn from (seed, category) alone."""

    def __init__(self, web: Web, category: str) -> None:
        self.rng = Random(f"{web.seed}/{category}")
        self._sites = web.sites
        self._category = category
        self._made = 0

    def site(self) -> Site:
        return self.rng.choice(self._sites)

    def article(self, topic: str, words: int | None = None) -> Article:
        return self.prose("general", topic).article(words or article_length(self.rng))

    def prose(self, *grammars: str) -> Prose:
        return Prose(load_grammar(*grammars), self.rng)

    def url(self, site: Site, title: str) -> str:
        """An address that no other page has."""
        self._made += 1
        return site.url(f"{self._category}/{self._made}-{slug(title)[:30]}")

    def page(self, site: Site, article: Article, extra: str = "", comments: Sequence[str] = ()) -> Capture:
        return html_capture(self.url(site, article.title), article_page(site, article, extra, comments))

    def comments(self, topic: str, most: int) -> list[str]:
        prose = self.prose("general", topic)
        return [prose.sentence("comment") for _ in range(self.rng.randint(1, most))]


def html_capture(url: str, html: str) -> Capture:
    return Capture(url, html.encode())
