"""robots.txt read as RFC 9309 says: its own examples, and an independent reading by regular expressions."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.filters.opt_out.agents import SETS, agents_of
from curate.filters.opt_out.robots_txt import MOST_BYTES, agent_name, allows, matches, normal, parse, refused

EXAMPLE = b"""\
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""


@pytest.mark.parametrize(
    ("agent", "path", "may"),
    [
        ("foobot", "/example/page.html", True),
        ("foobot", "/example/other.html", False),
        ("foobot", "/example/allowed.gif", True),
        ("barbot", "/example/page.html", False),
        ("bazbot", "/example/page.html/more", False),
        ("bazbot", "/example/other.html", True),
        ("quxbot", "/example/page.html", True),
        ("anybot", "/publications/a.html", True),
        ("anybot", "/example/a.html", False),
        ("anybot", "/pictures/a.gif", False),
        ("anybot", "/pictures/a.gif?size=1", True),
    ],
)
def test_the_example_of_the_standard_is_read_as_it_says(agent: str, path: str, may: bool) -> None:
    """RFC 9309, section 5.1; a group without a rule allows everything."""
    assert refused(parse(EXAMPLE), [agent], path) == ([] if may else [agent])


@pytest.mark.parametrize(
    ("content", "agent", "path", "may"),
    [
        (b"user-agent: a\ndisallow: /x\nallow: /x", "a", "/x", True),  # equally long: the one that allows
        (b"User-agent: a\nDisallow: /\nUser-agent: b\nDisallow: /b\nUser-agent: A\nAllow: /c", "a", "/c/d", True),
        (b"User-agent: a\nCrawl-delay: 3\nUser-agent: b\nDisallow: /", "a", "/", False),  # other lines part no group
        (b"User-agent: a\n\nDisallow: /", "a", "/", False),  # nor do empty ones
        (b"User-agent: CCBot/2.0\nDisallow: /", "ccbot", "/", False),
        (b"User-agent: Kangaroo  Bot # comment\nDisallow: / # all", "kangaroo bot", "/x", False),
        (b"User-agent: bot\nDisallow: /", "gptbot", "/", True),  # whole names, never a part
        (b"User-agent: gptbot-image\nDisallow: /", "gptbot", "/", True),
        (b"\xef\xbb\xbfUser-agent: *\rDisallow: /p", "any", "/p", False),
        (b"Disallow: /\nUser-agent: *\nAllow: /", "any", "/", True),  # a rule before any agent is nobody's
        (b"User-agent: *\nDisallow:\n", "any", "/", True),
        (b"User-agent: *\nDisallow: /a%2fb", "any", "/a%2Fb", False),
        (b"User-agent: *\nDisallow: /a%2fb", "any", "/a/b", True),
        ("User-agent: *\nDisallow: /ツ".encode(), "any", "/%E3%83%84", False),
        (b"User-agent: *\nDisallow: /file-with-a-%2A.html", "any", "/file-with-a-*.html", False),
        (b"User-agent: *\nDisallow: /foo-%24", "any", "/foo-$", False),
        (b"<html><body>Not found</body></html>", "any", "/", True),
        (b"\x00\xff\xfe: \x00", "any", "/", True),
    ],
)
def test_the_traps_of_the_standard(content: bytes, agent: str, path: str, may: bool) -> None:
    assert refused(parse(content), [agent_name(agent)], normal(path.encode(), of_address=True)) == (
        [] if may else [agent_name(agent)]
    )


def test_what_lies_beyond_the_bytes_that_must_be_read_is_not_looked_at() -> None:
    content = b"User-agent: a\n" + b"#" * MOST_BYTES + b"\nDisallow: /"
    assert parse(content) == {"a": []}


def by_expression(pattern: str, path: str) -> bool:
    """The same by Python's regular expressions."""
    whole = pattern.endswith("$")
    pieces = (pattern[:-1] if whole else pattern).split("*")
    return re.match(".*".join(map(re.escape, pieces)) + ("$" if whole else ""), path, re.DOTALL) is not None


short = st.text("/ab*$", max_size=12)


@settings(deadline=None, max_examples=1000)
@given(short, st.text("/ab$", max_size=16))
def test_patterns_match_what_regular_expressions_match(pattern: str, path: str) -> None:
    assert matches(pattern, path) == by_expression(pattern, path)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.booleans(), short.filter(bool)), max_size=6), st.text("/ab", max_size=10))
def test_the_longest_pattern_decides_and_of_two_the_one_that_allows(rules: list[tuple[bool, str]], path: str) -> None:
    found = [(len(pattern), allow) for allow, pattern in rules if by_expression(pattern, path)]
    assert allows(rules, path) == (max(found)[1] if found else True)
    assert allows(list(reversed(rules)), path) == allows(rules, path), "the order of rules says nothing"


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=30))
def test_the_normal_form_is_of_the_same_bytes_and_stays_as_it_is(path: bytes) -> None:
    form = normal(path)
    assert normal(form.encode()) == form
    assert unquote_to_bytes(form) == unquote_to_bytes(path)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.text(max_size=10))
def test_no_bytes_are_too_bad_to_be_read(content: bytes, agent: str) -> None:
    refused(parse(content), [agent_name(agent)], "/")


def test_a_pattern_of_many_stars_takes_no_longer() -> None:
    """Backtracking would take 2^40 steps here."""
    assert not matches("*a" * 40 + "b$", "a" * 4000)


def test_sets_of_agents_are_names_and_may_be_mixed_with_names() -> None:
    assert agents_of(["GPTBot", "apertus"])[0] == "gptbot"
    assert {"ccbot", "*"} <= {*agents_of(["apertus"])} and "*" not in agents_of(["training"])
    assert len(agents_of(["training"])) == len({agent_name(name) for name in SETS["training"]})
