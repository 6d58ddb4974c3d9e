"""What is said when a pack cannot be used."""

import difflib
from collections.abc import Iterable


class PackError(ValueError):
    """A pack, or what is asked of it, is wrong; the message says what, where, and what would be right."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of an error message that names the nearest known word, or all of them where none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""
