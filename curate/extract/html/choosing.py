"""Which blocks of a page are its main text: a plain rule of landmarks, links and what is hidden.

The rule is a function from a page to one bool a block, and any other such function can stand in its place. Knows
blocks; knows neither how they are parsed nor how they are written.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import (
    ARIA_HIDDEN,
    ARTICLE,
    ASIDE,
    FOOTER,
    HEADER,
    HIDDEN,
    IN_BUTTON,
    IN_DIALOG,
    IN_NOSCRIPT,
    IN_SELECT,
    IN_TITLE,
    MAIN,
    NAV,
    SEARCHING,
    Page,
)
from curate.extract.html.elements import NUMBER

_P = NUMBER["p"]
Choice = Callable[[Page], NDArray[np.bool_]]
"""Which blocks are kept, one bool a block, in the page's order."""

NOT_SHOWN = HIDDEN | ARIA_HIDDEN | IN_TITLE
LANDMARKS = NAV | FOOTER | ASIDE | SEARCHING | IN_DIALOG | IN_SELECT | IN_BUTTON
"""What is never main text by its own declaration, and controls."""

MOST_LINKED = 0.5
"""Share of a block's characters in links beyond which it leads elsewhere and says nothing itself."""
SMALL_SHARE = 0.25
"""A rule that keeps less than this share of what is shown outside landmarks has missed the page's text."""


def simple(page: Page) -> NDArray[np.bool_]:
    """All that is shown outside landmarks, within `main` or else `article` if those hold enough, and is not mostly links.

    A `header` counts as a landmark unless it is an article's own. Where next to nothing is left, a condition is given
    up, the last first: pages of links keep their links, and pages that lie in `noscript` that.
    """
    blocks = page.blocks
    flags, characters = blocks["flags"], blocks["characters"]
    shown = flags & (NOT_SHOWN | IN_NOSCRIPT) == 0
    own_header = flags & (ARTICLE | MAIN) != 0
    outside = shown & (flags & LANDMARKS == 0) & ((flags & HEADER == 0) | own_header)
    total = int(characters[outside].sum())
    if not total:
        fallback: NDArray[np.bool_] = shown if shown.any() else flags & NOT_SHOWN == 0
        return fallback if fallback.any() else np.equal(flags & IN_TITLE, 0)
    kept: NDArray[np.bool_] = outside
    for place in (MAIN, ARTICLE):
        within = outside & (flags & place != 0)
        if characters[within].sum() >= SMALL_SHARE * total:
            kept = within
            break
    unlinked: NDArray[np.bool_] = kept & (blocks["link_characters"] <= MOST_LINKED * characters)
    unlinked |= kept & (beside(page, unlinked) | _headings(page, unlinked))
    whole = int(characters[kept].sum())
    return unlinked if characters[unlinked].sum() >= SMALL_SHARE * whole else kept


def beside(page: Page, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The paragraphs next to a kept paragraph of the same parent: `<p><a>Tides</a> — <a>Harbours</a></p>` in a text."""
    blocks = page.blocks
    paragraph = blocks["element"] == _P
    parent = page.nodes["parent"][blocks["container"]]
    following = paragraph[1:] & paragraph[:-1] & (parent[1:] == parent[:-1])
    found = np.zeros(len(blocks), np.bool_)
    found[1:] |= following & kept[:-1]
    found[:-1] |= following & kept[1:]
    return found


def _headings(page: Page, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The headings of kept blocks: documentation links its headings to their table, blogs to the article."""
    found = np.zeros(len(page.blocks), np.bool_)
    found[:-1] = kept[1:] & (page.blocks["level"][:-1] > 0)
    return found
