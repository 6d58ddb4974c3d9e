"""What pages and their HTTP headers say to robots, as one line: directives between commas, each with its robot.

Knows the words of robots `meta` elements and of `X-Robots-Tag` (Google Search Central, "Robots meta tag"); decides nothing.
"""

from __future__ import annotations

_VALUED = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
"""Directives that have a value behind a colon, where others have the name of a robot before it."""


def directives(said: str, robot: str = "") -> str:
    """Directives of a value in lower case; a robot that is named before them, or given, stands before each that is for it.

    >>> directives("noindex, NoAI"), directives("noindex, nofollow", "googlebot")
    ('noindex, noai', 'googlebot: noindex, googlebot: nofollow')
    >>> directives("nosnippet, otherbot: noindex, nofollow, max-snippet: 20")
    'nosnippet, otherbot: noindex, otherbot: nofollow, otherbot: max-snippet: 20'
    """
    found = []
    for part in said.lower().split(","):
        name, colon, rest = (each.strip() for each in part.partition(":"))
        if colon and name not in _VALUED:
            robot, name, colon, rest = name, *(each.strip() for each in rest.partition(":"))
        directive = f"{name}: {rest}" if colon and rest else name
        if directive:
            found.append(f"{robot}: {directive}" if robot else directive)
    return ", ".join(found)
