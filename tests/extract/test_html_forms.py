"""Forms of extracted text on request: links, images, blank lines; and lists that count down."""

from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it.token import Token

from curate.extract.html import text
from curate.extract.html.addresses import MOST_ADDRESS
from tests.extract.test_html_promises import TREES, escaped, everything, folded, is_in_order
from tests.extract.test_html_rendered import ACTING, READER, rendered

PLACES = {
    "paragraph": "<p>x {}</p>",
    "beginning of a line": "<p>{}</p>",
    "heading": "<h2>{}</h2>",
    "item": "<ul><li>{}<li>x</ul>",
    "quote": "<blockquote>{}</blockquote>",
    "cell": "<table><tr><th>x<th>y<tr><td>{}<td>x</table>",
}


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p><a href='/x?a=1&amp;b=2'>the <code>page</code></a>, and", "[the `page`](/x?a=1&b=2), and"),
        ("<p><a href=x>a] [b</a>", "[a\\] \\[b](x)"),
        ("<p>Wow!<a href='a b(c)'>z</a>", "Wow\\![z](a%20b%28c%29)"),
        ("<p><a href='?a&amp;copy;b'>z</a>", "[z](?a\\&copy;b)"),
        ("<p><a href=#top>up</a> <a href=' JavaScript:x()'>run</a> <a href=''>none</a> <a>bare</a>", "up run none bare"),
        ("<a href=x><p>a</p><p>b</p></a>", "a\n\nb"),
        ("<p><a href=x>a <a href=y>b</a>", "[a](x) [b](y)"),
        ("<p><code>a <a href=x>b</a></code>", "`a b`"),
        ("<h2><a href=x>Tea</a></h2>", "## [Tea](x)"),
        ("<table><tr><th>a<th>b<tr><td><a href='x|y'>1</a><td>2</table>",
         "| a | b |\n| --- | --- |\n| [1](x%7Cy) | 2 |"),
        ("<p>a<img src=i.png alt='a [b]\n &lt;c'>b", "a![a \\[b\\] \\<c](i.png)b"),
        ("<figure><img src=i.png><figcaption>c</figcaption></figure>", "![](i.png) c"),
        ("<img src=data:image/gif;base64,R0 data-src=i.png alt=A><p>b", "![A](i.png) b"),
        ("<p>a<img src=data:image/gif;base64,R0 alt=A> b<img alt=x>", "a b"),
        ("<a href=x><img src=i.png alt=A></a><p>b", "[![A](i.png) ](x)b"),
        ("<nav><img src=i.png></nav><script><img src=j.png></script><p>b<p><img src=k.png>", "![](i.png) b"),
    ],
)  # fmt: skip
def test_links_and_images_are_written_where_they_are_asked_for(html: str, markdown: str) -> None:
    assert text(html, format="markdown", links=True, images=True, choice=everything) == markdown


def test_a_link_s_address_may_be_long_and_a_longer_one_is_left_out() -> None:
    for size, found in ((MOST_ADDRESS, f"[a]({'x' * MOST_ADDRESS})"), (MOST_ADDRESS + 1, "a")):
        assert text(f"<a href={'x' * size}>a</a>", format="markdown", links=True) == found


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<ol reversed><li>a<li>b<li>c</ol>", "3. a\n2. b\n1. c"),
        ("<ol reversed start=9><li>a<li>b</ol>", "9. a\n8. b"),
        ("<ol reversed><li>a<li>b<li value=7>c<li>d</ol>", "4. a\n3. b\n7. c\n6. d"),
        ("<ol reversed><li>a<ol reversed><li>b<li>c</ol><li>d</ol>", "2. a\n\n   2. b\n   1. c\n1. d"),
        ("<ol reversed start=1><li>a<li>b<li>c</ol>", "1. a\n0. b\n0. c"),
        ("<ol reversed><li>a<ol><li>b</ol></ol><ol><li>c</ol>", "1. a\n   1. b\n\n1) c"),
    ],
)
def test_lists_that_count_down_have_the_numbers_that_browsers_show(html: str, markdown: str) -> None:
    assert text(html, format="markdown", choice=everything) == markdown


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<h1>a</h1><p>b<p>c<br>d", "a\n\nb\n\nc\nd"),
        ("<p>a<ul><li>b<li>c<ul><li>d</ul></ul><p>e", "a\n\nb\nc\nd\n\ne"),
        ("<ul><li>a</ul><ul><li>b</ul>", "a\n\nb"),
        ("<table><tr><td>a<td>b<tr><td>c</table><p>d", "a\tb\nc\n\nd"),
        ("<blockquote><ul><li>a<li>b</ul></blockquote>", "a\nb"),
        ("<pre>a\n\nb</pre><pre>c</pre>", "a\n\nb\n\nc"),
    ],
)
def test_paragraphs_are_parted_by_a_blank_line_where_that_is_asked_for(html: str, found: str) -> None:
    assert text(html, paragraphs="blank", choice=everything) == found
    assert text(html, choice=everything) == found.replace("\n\n", "\n") or "<pre>" in html


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"links": True}, "links: true needs format: markdown"),
        ({"format": "markdown", "paragraphs": "blank"}, "paragraphs: blank is for text"),
        ({"paragraphs": "two"}, "no such paragraphs: 'two': use line or blank"),
    ],
)
def test_a_form_that_cannot_be_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        text("<p>a", **asked)


def links(tokens: list[Token]) -> list[tuple[str, str]]:
    """(address, text) of every link and image that was read."""
    found: list[tuple[str, str]] = []
    for token in tokens:
        children = token.children or []
        for number, child in enumerate(children):
            if child.type == "image":
                found.append((str(child.attrs["src"]), rendered(child.children or [])))
            elif child.type == "link_open":
                last = next(i for i in range(number, len(children)) if children[i].type == "link_close")
                found.append((str(child.attrs["href"]), rendered(children[number + 1 : last])))
    return found


ADDRESSES = st.text("ab1/.?=&;()[]<>\\`'*_~|%: é", min_size=1, max_size=20).map(lambda words: f"/a{words}/")


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=ACTING.filter(str.strip), address=ADDRESSES, before=st.sampled_from(("", "!", "]", "\\!")))
def test_a_link_is_read_back_with_its_text_and_its_address(place: str, words: str, address: str, before: str) -> None:
    inner = escaped(words.replace("\n", " "))
    quoted = escaped(address).replace('"', "&quot;")
    html = place.format(f'{escaped(before)}<a href="{quoted}">{inner}</a> x')
    read = links(READER.parse(text(html, format="markdown", links=True, choice=everything)))
    assert [(unquote(found), folded(told)) for found, told in read] == [(unquote(address), folded(words))]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=ACTING, address=ADDRESSES)
def test_an_image_is_read_back_with_its_description_and_its_address(words: str, address: str) -> None:
    quoted = [escaped(value).replace('"', "&quot;") for value in (address, words)]
    html = '<p>a <img src="{}" alt="{}"> b'.format(*quoted)
    read = links(READER.parse(text(html, format="markdown", images=True, choice=everything)))
    assert [(unquote(found), folded(told)) for found, told in read] == [(unquote(address), folded(words))]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(TREES, max_size=6).map("".join))
def test_links_and_images_change_no_text(html: str) -> None:
    plain = text(html, format="markdown", choice=everything)
    asked = text(html.replace("href=x", "href=#x"), format="markdown", links=True, images=True, choice=everything)
    assert asked.replace("\\", "") == plain.replace("\\", "")
    linked = text(html, format="markdown", links=True, choice=everything)
    assert is_in_order(folded(plain.replace("\\", "")), folded(linked.replace("\\", "")))


def test_a_page_of_long_addresses_is_written_whole() -> None:
    html = "".join(f"<p><a href={'x|' * 1000}>{number}</a>" for number in range(500))
    assert text(html, format="markdown", links=True, choice=everything).count("](x%7C") == 500
