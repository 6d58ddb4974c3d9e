"""Markdown read back by a reader of its own gives the text that was written: nothing of a page's text acts as a mark."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from curate.extract.html import parse_page, text
from tests.extract.test_html_promises import escaped, everything, folded

READER = MarkdownIt("commonmark").enable("table").enable("strikethrough")
ACTING = st.text("ab1 _*`#>+-=~|[]()<&;:!\\.\n\u00a0é。", min_size=1, max_size=24).filter(
    lambda words: not words.rstrip(" \n").endswith("\u00a0")
)
"""Without no-break spaces at the end: the reader strips them there, where CommonMark (4.8) strips blanks and tabs only, and
takes the break before a line of them for a backslash."""
PLACES = {
    "paragraph": "<p>{}</p>",
    "line of a paragraph": "<p>x<br>{}</p>",
    "heading": "<h2>{}</h2>",
    "item": "<ul><li>{}<li>x</ul>",
    "numbered item in an item": "<ol><li>x<ol start=9><li>{}</ol></ol>",
    "quote": "<blockquote>{}</blockquote>",
    "cell": "<table><tr><th>x<th>y<tr><td>{}<td>x</table>",
    "code": "<p>x <code>{}</code> x</p>",
    "block of code": "<pre>{}</pre>",
    "code in a cell": "<table><tr><th>x<th>y<tr><td><code>{}</code><td>x</table>",
}


def rendered(tokens: list[Token]) -> str:
    """The text of what was read: of code as it is, without tags that are raw."""
    out = []
    for token in tokens:
        if token.children:
            out.append(rendered(token.children))
        elif token.type in ("text", "code_inline", "fence", "code_block", "html_block"):
            out.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            out.append("\n")
        out.append("" if token.type in ("text", "code_inline", "html_inline") else "\n")
    return "".join(out)


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=ACTING)
@example(words="a_b\\")
@example(words="1. - # F #")
@example(words="---|---")
@example(words="``` ~~~ ~~a~~")
def test_what_is_read_back_is_the_text_that_the_block_has(place: str, words: str) -> None:
    html = PLACES[place].format(escaped(words).replace("\n", "<br>" if "code" not in place else "\n"))
    page = parse_page(html.encode())
    wanted = folded("".join(page.block_text(number) for number in range(len(page.blocks))))
    assert folded(rendered(READER.parse(text(html, format="markdown", choice=everything)))) == wanted


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.sampled_from(("{}", "<code>{}</code>", "<sup>{}</sup>", "<sub>{}</sub>")), ACTING), max_size=6
    )
)
def test_marks_beside_one_another_keep_the_text_between_them(parts: list[tuple[str, str]]) -> None:
    html = "<p>x" + "".join(form.format(escaped(words.replace("\n", " "))) for form, words in parts)
    page = parse_page(html.encode())
    wanted = folded("".join(page.block_text(number) for number in range(len(page.blocks))))
    got = rendered(READER.parse(text(html, format="markdown", choice=everything)))
    assert folded(got) == wanted


def test_a_page_of_many_short_lines_deep_in_lists_is_written_whole() -> None:
    """The buffer is made larger where marks take more room than text."""
    html = "<ol start=999999999><li>" * 16 + "a<pre>" + "b\n" * 5_000 + "</pre>"
    written = text(html, format="markdown", choice=everything)
    assert written.count("b") == 5_000 and written.startswith("999999999. 999999999. ")
    assert len(written) > 150 * 5_000


def test_marks_are_left_out_where_they_would_take_many_times_the_room_of_the_page() -> None:
    html = "<ol start=999999999><li>" * 16 + "a<pre>" + "b\n" * 3_000_000 + "</pre>"
    written = text(html, format="markdown", choice=everything)
    assert written.count("b") == 3_000_000 and written.startswith("a\nb\n")
