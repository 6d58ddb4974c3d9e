"""The engines that find a page's main text: their names, and those of other libraries, which work on a parsed tree.

Knows parsed HTML and its source; nothing of limits, pipes or records.

Imports an engine's library only when that engine is asked for.
"""

import hashlib
import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

OWN = "curate"
"""The project's own engine. It parses by itself, so it is no function of a tree: see `curate.extract.html`."""
NAMES = (OWN, "resiliparse", "trafilatura")
"""Engines by name; `module:function` is one from outside."""
DEFAULT = OWN
JUDGEMENT = Path(__file__).parent / "html" / "judgement.npz"
"""What our own engine has learned: a file that decides its texts as its code does."""

Engine = Callable[[str, HTMLTree], str]
"""From a page's source and the same parsed, its main text; empty if there is none."""


@cache
def judgement_digest() -> str:
    """What names the content of JUDGEMENT: 16 hexadecimal digits."""
    return hashlib.sha256(JUDGEMENT.read_bytes()).hexdigest()[:16]


LANDMARKS = [
    *("nav", "footer", "aside", "form"),
    *(f"[role={role}]" for role in ("banner", "complementary", "contentinfo", "navigation", "search")),
]
"""What is never main content by its own declaration (WAI-ARIA 1.2, landmark roles, and HTML's elements for them;
`header` is left in, since articles have their own)."""

SHORT_CHARS = 2000
"""Below this many characters of main content, look whether the heuristics missed it."""

SMALL_SHARE = 0.25
"""They did, if what they kept is less than this share of the page's text outside its landmarks."""


def resiliparse(html: str, tree: HTMLTree) -> str:
    """resiliparse's main content; where that is next to nothing, all text outside the landmarks.

    The heuristics go by names of classes, and lose whole pages whose outermost class looks like a side bar's or a
    comment's. So a short result is compared with the whole page, and comments, else left out, come back where they are
    the content, as on a forum. Image descriptions are left out: mostly file names and slogans. Mean word F1 on 988 real
    pages with text chosen by people: resiliparse's defaults 0.807, without image descriptions 0.815, with the
    comparison 0.873, with comments left out as well 0.877.
    """
    main: str = extract_plain_text(tree, main_content=True, alt_texts=False, comments=False)
    if len(main) >= SHORT_CHARS:
        return main
    whole: str = extract_plain_text(tree, main_content=False, alt_texts=False, skip_elements=LANDMARKS)
    enough = SMALL_SHARE * len(whole)
    if len(main) < enough:
        main = extract_plain_text(tree, main_content=True, alt_texts=False)
    return main if len(main) >= enough else whole


def _trafilatura() -> Engine:
    from trafilatura import extract

    def engine(html: str, tree: HTMLTree) -> str:
        # Its deduplication stays off: it remembers earlier pages, so a page's text would depend on them.
        return extract(html, include_comments=False, deduplicate=False) or ""

    return engine


def load(name: str) -> Engine:
    """The engine on trees of that name: `resiliparse`, `trafilatura`, or `module:function`, from source to text.

    Raises ImportError, AttributeError or ValueError if there is none.
    """
    if name == "resiliparse":
        return resiliparse
    if name == "trafilatura":
        return _trafilatura()
    module, colon, function = name.partition(":")
    if not colon:
        raise ValueError(f"no extraction engine {name!r}: use {', '.join(NAMES)}, or module:function")
    extract: Callable[[str], str] = getattr(importlib.import_module(module), function)
    return lambda html, tree: extract(html)
