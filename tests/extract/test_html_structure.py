"""The extractor's parse and rendering, case by case: each structure of HTML, and what comes out for it."""

import pytest

from curate.extract.html import parse_page, text, texts


def blocks(html: str) -> list[str]:
    """The texts of all blocks of a page."""
    page = parse_page(html.encode())
    return [page.block_text(number) for number in range(len(page.blocks))]


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("a < b <3 c", ["a < b <3 c"]),
        ("x<b c", ["x"]),
        ("a</>b<>c", ["ab<>c"]),
        ("<div<span>a</div<span>", ["a"]),
        ("<p title='a>b'>c", ["c"]),
        ('a<p title="never closed>b', ["a"]),
        ("a<!-->b<!--->c<!-- -- --!>d<!-- e", ["abcd"]),
        ("a<![CDATA[x<y]]>z", ["az"]),
        ("<svg><text><![CDATA[x<y]]></text></svg>", ["x<y"]),
        ("<?xml a>b?>", ["b?>"]),
        ("<script><!-- <script> </script> x --></script>a", ["a"]),
        ("<script><!-- </script>a", ["a"]),
        ("<style>a</styles>b</style>c", ["c"]),
        ("<title>a<b>&amp;</title>c", ["a<b>&", "c"]),
        ("<textarea><p>a</textarea>b", ["b"]),
        ("a\0b", ["ab"]),
        ("&notit; &notin; &hellip &copy2 &#x80; &#0;", ["¬it; ∉ &hellip ©2 € \ufffd"]),
        ("a&nbsp;b \u3000 c", ["a\u00a0b \u3000 c"]),
    ],
)
def test_text_is_read_as_the_standards_tokenizer_reads_it(html: str, found: list[str]) -> None:
    assert blocks(html) == found


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("a<p>b<p>c</p>d", ["a", "b", "c", "d"]),
        ("<ul><li>a<li><div>b<li>c</ul>d", ["a", "b", "c", "d"]),
        ("<dl><dt>a<dd>b<dt>c</dl>", ["a", "b", "c"]),
        ("<table><tr><td>a<td>b<tr><td>c</table>d", ["a", "b", "c", "d"]),
        ("<td>a</td>b", ["ab"]),
        ("<select><option>a<option>b</select>", ["a", "b"]),
        ("<h1>a</h2>b", ["a", "b"]),
        ("a</p>b", ["a", "b"]),
        ("a</br>b", ["a\nb"]),
        ("<b>a<p>b</b>c", ["a", "bc"]),
        ("<svg><p>a</p></svg>b", ["a", "b"]),
        ("</body></html>a", ["a"]),
    ],
)
def test_elements_end_where_others_imply_it(html: str, found: list[str]) -> None:
    assert blocks(html) == found


def test_an_open_link_covers_what_follows_until_the_next() -> None:
    page = parse_page(b"<p><a href=x>one<p>two<p><a>three")
    assert page.blocks["link_characters"].tolist() == [3, 3, 0]


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<h2>A\n b</h2><p>c", "## A b\n\nc"),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>", "- a\n  - b\n- c"),
        ("<ol start=9><li>a<li>b<ul><li>c</ul></ol>", "9. a\n10. b\n    - c"),
        ("<ol><li value=4>a<li>b</ol>", "4. a\n5. b"),
        ("<ol><li><p>a<p>b<li>c</ol>", "1. a\n\n   b\n2. c"),
        ("<ul><li>a</ul><ul><li>b</ul>", "- a\n\n* b"),
        ("<blockquote><p>a<p>b</blockquote><blockquote>c</blockquote>", "> a\n>\n> b\n\n> c"),
        ("<ul><li>a<blockquote>b</blockquote></ul>", "- a\n\n  > b"),
        ("<table><tr><th>a<th>b|<tr><td>1<br>2<td></table>", "| a | b\\| |\n| --- | --- |\n| 1 2 |  |"),
        ("<table><tr><td colspan=2>a<td>b<tr><td>c<td>d<td>e</table>",
         "|  |  |  |\n| --- | --- | --- |\n| a |  | b |\n| c | d | e |"),
        ("<table><tr><td>a<tr><td>b</table>", "a\n\nb"),
        ("<table><tr><th>a<th>b<tr><td rowspan=3>1<td>2<tr><td>3<tr><td>4<tr><td>5<td>6</table>",
         "| a | b |\n| --- | --- |\n| 1 | 2 |\n|  | 3 |\n|  | 4 |\n| 5 | 6 |"),
        ("<table><tr><th>a<th>b<th>c<tr><td>1<td rowspan=2 colspan=2>2<tr><td>3<tr><td>4<td>5</table>",
         "| a | b | c |\n| --- | --- | --- |\n| 1 | 2 |  |\n| 3 |  |  |\n| 4 | 5 |  |"),
        ("<pre><ol><li>a</li><li>b</li></ol></pre>", "```\na\nb\n```"),
        ("<p>* \\(a_i^*\\) or \\[x*y\\] or $$z_*$$ or \\(b*", "\\* \\(a_i^*\\) or \\[x*y\\] or $$z_*$$ or \\\\(b\\*"),
        ("<pre><code class='x language-python'>\n\ndef f():\n\n\treturn  `1` \n</code></pre>",
         "```python\n\ndef f():\n\n\treturn  `1` \n```"),
        ("<div class='highlight-c'><div class=highlight><pre><span>a</span>\nb</pre></div></div>", "```c\na\nb\n```"),
        ("<pre>a```b</pre>", "````\na```b\n````"),
        ("<pre><div>a</div><div>b</div></pre>", "```\na\nb\n```"),
        ("<table><tr><td class=linenos><pre>1\n2</pre><td><pre>a\nb</pre></table>", "```\na\nb\n```"),
        ("<p>x<sup>2</sup> H<sub>2</sub>O <code>a`b</code>", "x<sup>2</sup> H<sub>2</sub>O ``a`b``"),
        ("<p>1. a * b<br># c", "1\\. a \\* b\\\n\\# c"),
    ],
)  # fmt: skip
def test_structure_becomes_markdown(html: str, markdown: str) -> None:
    assert text(html, format="markdown") == markdown


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<p>a <math alttext='{\\displaystyle x^2}'><mi>x</mi></math> b", "a $x^2$ b"),
        ("<p><math display=block><semantics><mi>x</mi><annotation encoding='application/x-tex'>x=2</annotation>"
         "<annotation encoding='other'>y</annotation></semantics></math>", "$$x=2$$"),
        ("<p>a <span class=katex><span class=katex-mathml><math><semantics><mi>x</mi><annotation encoding="
         "'application/x-tex'>x</annotation></semantics></math></span><span class=katex-html aria-hidden=true>x"
         "</span></span>.", "a $x$."),
        ("<p>is <span class=MathJax_Preview>E</span><script type='math/tex'>E=mc^2</script>.", "is $E=mc^2$."),
        ("<p><img class=latex alt='a_b'>", "$a_b$"),
        ("<p><span style='display: none' class=mwe-math-mathml-a11y><math alttext='x'></math></span>"
         "<img class=mwe-math-fallback-image-inline alt='x'>", "$x$"),
        ("<p><math><mi>x</mi><mo>=</mo><mn>2</mn></math>", "x=2"),
        ("<p><mjx-container><mjx-math><mjx-mi>x</mjx-mi></mjx-math><mjx-assistive-mml><math><mi>x</mi></math>"
         "</mjx-assistive-mml></mjx-container>", "x"),
    ],
)  # fmt: skip
def test_a_formula_is_its_tex_once(html: str, found: str) -> None:
    assert text(html, format="markdown") == found
    assert text(html) == found.replace("$", "")


def test_text_has_a_block_a_line_and_cells_of_a_row_in_one() -> None:
    html = "<h1>a</h1>\n\n<p>b<br>c<table><tr><td>1<td>2<tr><td>3</table><ul><li>。<li>—</ul>"
    assert text(html) == "a\nb\nc\n1\t2\n3\n。\n—"


def test_landmarks_and_what_is_hidden_are_left_out_and_given_back_where_nothing_else_is() -> None:
    html = "<nav>n</nav><p>main text<p hidden>h<p style='color:red; display :none'>d<footer>f</footer>"
    assert text(html) == "main text"
    assert text("<nav>only</nav>") == "only"


def test_linked_headings_and_paragraphs_of_links_stay_with_the_text_beside_them() -> None:
    words = "<p>The keeper wrote down the weather every evening, and nobody ever asked him why.</p>"
    page = f"<article><h2><a href=#t>Tides</a></h2>{words}<p><a href=x>Tides</a> — <a href=y>Harbours</a></p></article>"
    assert text(page).split("\n")[0] == "Tides" and text(page).endswith("Tides — Harbours")
    assert text(f"<article>{words}</article><ul><li><a href=x>Elsewhere</a></ul>").count("\n") == 0


def test_batches_keep_their_order_and_their_nulls() -> None:
    import pyarrow as pa

    bodies = pa.array([b"<p>a", None, "<p>ы".encode("cp1251")], pa.large_binary())
    kinds = pa.array([None, None, "text/html; charset=windows-1251"])
    assert texts(bodies, kinds).to_pylist() == ["a", None, "ы"]


def test_another_format_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no format 'rtf'"):
        text("a", format="rtf")
