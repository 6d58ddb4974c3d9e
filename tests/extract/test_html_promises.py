"""What the extractor promises whatever comes: no character lost, order kept, work linear, limits held, arrays not left."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.extract.html import parse_page, text
from curate.extract.html.blocks import TOO_LONG, TOO_MANY_BLOCKS, Page
from curate.extract.html.choosing import simple
from tests.extract.test_html_lexbor import sources

BLOCKS = ("p", "div", "ul", "ol", "li", "blockquote", "table", "tr", "td", "h2", "section", "dl", "dd", "article")
INLINE = ("b", "i", "a href=x", "span class=y", "code", "sup", "sub", "em", "x-own")
WORDS = st.text("abz019 \n。—é#*_`|<>&$\\-.~+=[]!\u00a0", min_size=1, max_size=12)


def escaped(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;")


def element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """An element of some kind around children, in one case of three without an end tag."""
    names = st.sampled_from(BLOCKS + INLINE)
    return st.builds(
        lambda name, inner, ends: f"<{name}>{''.join(inner)}" + (f"</{name.split()[0]}>" if ends else ""),
        names, st.lists(children, max_size=4), st.sampled_from((True, True, False)),
    )  # fmt: skip


TREES = st.recursive(
    WORDS.map(escaped) | st.sampled_from(("<br>", "<hr>", "<!-- c -->", "<script>if (a<b) {}</script>", "&eacute;")),
    element,
    max_leaves=30,
)


def everything(page: Page) -> np.ndarray:
    return np.ones(len(page.blocks), np.bool_)


def is_in_order(wanted: str, got: str) -> bool:
    """Whether the characters of one string are all in the other, in order."""
    characters = iter(got)
    return all(character in characters for character in wanted)


def folded(value: str) -> str:
    return "".join(value.split())


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(TREES, max_size=6).map("".join), st.sampled_from(("text", "markdown")))
def test_every_character_of_a_kept_block_is_in_the_output_in_order(html: str, kind: str) -> None:
    page = parse_page(html.encode())
    wanted = folded("".join(page.block_text(number) for number in range(len(page.blocks))))
    got = folded(text(html, format=kind, choice=everything))
    assert got == wanted if kind == "text" else is_in_order(wanted, got)


@pytest.mark.slow
def test_every_character_of_a_kept_block_of_real_pages_is_in_the_output_in_order(shared_data: Path) -> None:
    held = 0
    for html in sources(shared_data, 2_000):
        page = parse_page(html.encode())
        for choice in (everything, simple):
            kept = np.flatnonzero(choice(page))
            wanted = folded("".join(page.block_text(int(number)) for number in kept))
            assert folded(text(html, choice=choice)) == wanted
            assert is_in_order(wanted, folded(text(html, format="markdown", choice=choice)))
            held += len(wanted)
    assert held > 10_000_000


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(BLOCKS[:5] + INLINE), WORDS), max_size=20))
def test_every_written_character_is_in_a_block_in_order(parts: list[tuple[str, str]]) -> None:
    html = "".join(f"<{name}>{escaped(words)}" for name, words in parts)
    page = parse_page(html.encode())
    found = "".join(page.block_text(number) for number in range(len(page.blocks)))
    assert folded(found) == folded("".join(words for _, words in parts))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300).map(lambda junk: junk.decode("utf-8", "replace")))
def test_any_bytes_give_blocks_within_the_text(html: str) -> None:
    page = parse_page(html.encode())
    starts, ends = page.blocks["start"], page.blocks["end"]
    assert (starts < ends).all() and (ends[:-1] <= starts[1:]).all() and (ends <= len(page.text)).all()
    bytes(page.text).decode()


HOSTILE = {
    "deep": "<div>",
    "deep inline": "<b><i>",
    "unknown": "<x><y></x>",
    "paragraphs in spans": "<p><span><button>",
    "ends": "</x></p></div></table>",
    "attributes": "<p " + "a=b " * 50,
    "references": "&notit;&amp&#99999999999;&",
    "unfinished ends": "<script></scrip",
    "comments": "<!-- -- <!--",
    "quotes": "<a b='",
    "lists": "<ul><li>a",
    "tables": "<table><tr><td>a",
    "formulas": "<math><mi>x<annotation encoding=tex>y",
    "cdata": "<svg><![CDATA[",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_work_grows_no_faster_than_a_hostile_page(kind: str) -> None:
    steps = [parse_page((HOSTILE[kind] * count).encode()).steps for count in (2_000, 4_000, 8_000)]
    assert steps[2] - steps[1] <= 2.2 * (steps[1] - steps[0]) + 2_000


def test_limits_end_a_parse_with_all_before_them_kept() -> None:
    page = parse_page(b"<p>a" * 100, most_blocks=10)
    assert page.ended == TOO_MANY_BLOCKS and len(page.blocks) == 10 and page.block_text(0) == "a"
    page = parse_page(b"<p>abc" * 100, most_bytes=12)
    assert page.ended == TOO_LONG and len(page.blocks) == 2


@pytest.mark.slow
def test_mutated_pages_leave_no_array_with_bounds_checked(shared_data: Path) -> None:
    script = Path(__file__).parents[1] / "benchmarks" / "fuzz_extract_html.py"
    env = os.environ | {"NUMBA_BOUNDSCHECK": "1", "CURATE_TEST_DATA": str(shared_data)}
    done = subprocess.run([sys.executable, script, "--pages", "300"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "300 mutated pages" in done.stdout


@pytest.mark.parametrize("most", range(6, 14))
def test_a_page_that_is_cut_ends_with_a_whole_character(most: int) -> None:
    page = parse_page("<p>é水x🙂水".encode(), most_bytes=most)
    assert page.ended == TOO_LONG and "é水x🙂水".startswith(page.block_text(0))


@settings(max_examples=200, deadline=None)
@given(st.text("ab ,.!?\n\t é\u3001\u3002\uff0c中文の한😀", max_size=150), st.text("ab.中 ", max_size=4))
def test_words_characters_and_marks_of_a_block_are_those_of_its_text(before: str, after: str) -> None:
    found = parse_page(f"<p>{before}x<p>{after}z".encode()).blocks[-2:]
    for block, whole in zip(found, (before + "x", after + "z"), strict=True):
        assert block["words"] == len(re.findall(r"[\u3000-\u9fff]|[^ \n\t\r\f\u3000-\u9fff]+", whole))
        assert block["characters"] == len(re.sub(r"[ \n\t\r\f]", "", whole))
        assert block["punctuation"] == len(re.findall("[.,!?;:\u3001\u3002\uff0c\uff01\uff1f\uff1b]", whole))
