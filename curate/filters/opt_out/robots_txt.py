"""robots.txt as RFC 9309 reads it: groups by user agent, and which paths they allow.

One thing is wider than its grammar: a name may hold digits, dots and single spaces (`AI2Bot`, `Kangaroo Bot`), as the
names of crawlers do; what follows a slash is a version and no part of it. Names are compared whole, whatever their
case. Knows text; knows no document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Rule = tuple[bool, str]
"""Whether it allows, and the pattern of paths, in normal form."""
Groups = Mapping[str, Sequence[Rule]]
"""The rules by user agent's name in lower case, `*` for all others."""

MOST_BYTES = 500 << 10
"""What a crawler must at least look at (RFC 9309, section 2.5); what comes after is not looked at."""
EVERYONE = "*"
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, section 2.3
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})|([\x00-\x20\x7f-\xff])")


def agent_name(text: str) -> str:
    """A user agent's name as names are compared: lower case, without a version.

    >>> agent_name("CCBot/2.0"), agent_name(" Kangaroo  Bot ")
    ('ccbot', 'kangaroo bot')
    """
    return " ".join(text.partition("/")[0].lower().split())


def parse(content: bytes) -> dict[str, list[Rule]]:
    """The groups of a file. Groups of one agent are one; lines that are no rule and no agent part nothing.

    >>> parse(b"User-agent: GPTBot\\nDisallow: /\\n\\nUser-agent: *\\nAllow: /")
    {'gptbot': [(False, '/')], '*': [(True, '/')]}
    """
    groups: dict[str, list[Rule]] = {}
    agents: list[str] = []
    ruled = False
    for line in _LINE_END.split(content.removeprefix(_BOM)[:MOST_BYTES]):
        key, colon, value = line.partition(b"#")[0].partition(b":")
        name, told = key.strip().lower(), value.strip()
        if not colon:
            continue
        if name == b"user-agent":
            if ruled:
                agents, ruled = [], False
            agent = agent_name(told.decode("utf-8", "replace"))
            if agent:
                agents.append(agent)
                groups.setdefault(agent, [])
        elif name in (b"allow", b"disallow"):
            ruled = True
            pattern = normal(told)
            for agent in agents if pattern else ():
                groups[agent].append((name == b"allow", pattern))
    return groups


def normal(path: bytes, of_address: bool = False) -> str:
    """A path or pattern in the form that is compared (RFC 9309, section 2.2.2): what need not be escaped is not,
    everything beyond ASCII is. In an address `*` and `$` stand for themselves.

    >>> normal("/ツ%7eA%2fb".encode())
    '/%E3%83%84~A%2Fb'
    """

    def escaped(found: re.Match[bytes]) -> bytes:
        byte = int(found[1], 16) if found[1] else found[2][0]
        return bytes([byte]) if byte in _UNRESERVED else b"%%%02X" % byte

    text = _ESCAPE.sub(escaped, path).decode("ascii")
    return text.replace("*", "%2A").replace("$", "%24") if of_address else text


def matches(pattern: str, path: str) -> bool:
    """Whether a path begins as a pattern says: `*` is any run of characters, `$` at the end the end of the path."""
    whole = pattern.endswith("$")
    first, *others = (pattern[:-1] if whole else pattern).split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not others:
        return at == len(path) or not whole
    for piece in others[:-1]:
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    last = others[-1]
    return (path.endswith(last) and len(path) - len(last) >= at) if whole else path.find(last, at) >= 0


def allows(rules: Sequence[Rule], path: str) -> bool:
    """Whether a path, in normal form, may be fetched: the longest pattern that matches decides, of two alike the one
    that allows; a path that none matches may."""
    longest, allowed = -1, True
    for allow, pattern in rules:
        if len(pattern) >= longest and matches(pattern, path):
            allowed = allow or (allowed and len(pattern) == longest)
            longest = len(pattern)
    return allowed


def refused(groups: Groups, agents: Sequence[str], path: str) -> list[str]:
    """Of these agents, named as in `agent_name`, those that may not fetch a path in normal form. An agent without a
    group of its own is one of all others."""
    told: dict[int, bool] = {}
    found = []
    for agent in agents:
        rules = groups.get(agent, groups.get(EVERYONE, ()))
        if id(rules) not in told:
            told[id(rules)] = allows(rules, path)
        if not told[id(rules)]:
            found.append(agent)
    return found
