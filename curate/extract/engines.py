"""The engines that find a page's main text. Knows parsed HTML and its source; nothing of limits, pipes or records.

Imports an engine's library only when that engine is asked for.
"""

import importlib
from collections.abc import Callable

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

Engine = Callable[[str, HTMLTree], str]
"""From a page's source and the same parsed, its main text; empty if there is none."""

LANDMARKS = [
    *("nav", "footer", "aside", "form"),
    *(f"[role={role}]" for role in ("banner", "complementary", "contentinfo", "navigation", "search")),
]
"""What is never main content by its own declaration (WAI-ARIA 1.2, landmark roles, and HTML's elements for them;
`header` is left in, since articles have their own)."""

SHORT_CHARS = 500
"""Below this many characters, the main-content heuristics are taken to have missed it."""


def resiliparse(html: str, tree: HTMLTree) -> str:
    """resiliparse's main content; where that is next to nothing, all text outside the landmarks.

    The heuristics go by names of classes and lose whole pages whose layout's outer class looks like a sidebar or
    a comment. Image descriptions are left out: mostly file names and slogans.
    """
    main: str = extract_plain_text(tree, main_content=True, alt_texts=False)
    if len(main) >= SHORT_CHARS:
        return main
    whole: str = extract_plain_text(tree, main_content=False, alt_texts=False, skip_elements=LANDMARKS)
    return max(main, whole, key=len)


def _trafilatura() -> Engine:
    from trafilatura import extract

    def engine(html: str, tree: HTMLTree) -> str:
        # trafilatura's own deduplication is off: it remembers earlier pages, so a page's text would depend on them.
        return extract(html, favor_precision=True, include_comments=False, deduplicate=False) or ""

    return engine


def load(name: str) -> Engine:
    """The engine of that name: `resiliparse`, `trafilatura`, or `module:function`, a function from source to text.

    Raises ImportError, AttributeError or ValueError if there is none.
    """
    if name == "resiliparse":
        return resiliparse
    if name == "trafilatura":
        return _trafilatura()
    module, colon, function = name.partition(":")
    if not colon:
        raise ValueError(f"no extraction engine {name!r}: use resiliparse, trafilatura, or module:function")
    extract: Callable[[str], str] = getattr(importlib.import_module(module), function)
    return lambda html, tree: extract(html)
