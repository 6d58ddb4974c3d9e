"""Text in data for scripts: taken where the markup holds little of it, once, and whatever stands in the data."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.extract.html import parse_page, text
from curate.extract.html.embedded import _runs_of, _share_of_runs, held_in_data
from curate.extract.html.judging import learned
from curate.extract.html.work import MOST_DATA

PARAGRAPHS = [
    " ".join(f"{word}{number}" for word in ("tea", "water", "kettle", "leaf", "steam", "cup", "minute", "taste"))
    + f" and this is sentence {number}."
    for number in range(12)
]
WHOLE = "\n".join(PARAGRAPHS)


def ld_json(value: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(value)}</script>'


def article(body: str, **more: object) -> str:
    return ld_json({"@context": "https://schema.org", "@type": "NewsArticle", "articleBody": body, **more})


def discourse(posts: list[str], title: str = "How long to steep") -> str:
    topic = {"title": title, "post_stream": {"posts": [{"cooked": post, "username": "u"} for post in posts]}}
    value = json.dumps({"topic_7": json.dumps(topic), "site": json.dumps({"name": "x"})})
    return f'<div id="data-preloaded" data-preloaded="{value.replace("&", "&amp;").replace(chr(34), "&quot;")}"></div>'


def test_the_article_of_a_page_without_it_is_the_one_in_its_data() -> None:
    page = "<title>Tea</title><div id=app></div>" + article(WHOLE, headline="On tea")
    assert text(page).splitlines() == ["On tea", *PARAGRAPHS]
    assert text(page, format="markdown") == "# On tea\n\n" + "\n\n".join(PARAGRAPHS)
    assert text(page, paragraphs="blank") == "\n\n".join(["On tea", *PARAGRAPHS])


def test_an_article_with_tags_or_references_is_read_as_markup() -> None:
    for body in ("<p>" + "</p><p>".join(PARAGRAPHS), "&lt;p&gt;" + "&lt;/p&gt;&lt;p&gt;".join(PARAGRAPHS)):
        assert text(f"<div></div>{article(body)}").splitlines() == PARAGRAPHS
    bare = article(WHOLE.replace("and this", "&amp; that, 1 < 2,"))
    assert "& that, 1 < 2, is sentence 3." in text(f"<div></div>{bare}")


def test_what_a_page_shows_of_an_article_is_not_told_twice() -> None:
    page = f"<h1>On tea</h1><p>By A. Lee</p><p>{PARAGRAPHS[0]}</p><p>{PARAGRAPHS[1][:60]}…</p><p>Log in to go on</p>"
    found = text(page + article(WHOLE, headline="On tea"))
    assert found.splitlines() == ["On tea", "By A. Lee", *PARAGRAPHS, "Log in to go on"]


def test_the_markup_is_believed_where_it_holds_the_text_or_more_than_the_data() -> None:
    shown = "".join(f"<p>{paragraph}</p>" for paragraph in PARAGRAPHS)
    for page in (
        shown + article(WHOLE),  # all of it
        shown + article(f"{WHOLE}\n{PARAGRAPHS[0].replace('0', 'x')}"),  # nearly all of it
        shown + article(" ".join(f"other{i}" for i in range(60))),  # something else, and shorter
        shown.replace("<p>", "<p class=comment>") + article("Too short to be an article."),
    ):
        assert text(page).splitlines() == PARAGRAPHS


def test_of_several_articles_none_is_the_page_s() -> None:
    page = "<div></div>" + article(WHOLE) + article(WHOLE[::-1])
    assert text(page) == ""
    assert text("<div></div>" + 2 * article(WHOLE)).splitlines() == PARAGRAPHS


def test_posts_that_discourse_preloads_are_blocks_of_their_own() -> None:
    posts = [f"<p>{paragraph}</p><ul><li>one</li><li>two</li></ul>" for paragraph in PARAGRAPHS[:6]]
    found = text("<div id=main></div>" + discourse(posts), format="markdown")
    assert found.startswith(f"# How long to steep\n\n{PARAGRAPHS[0]}\n\n- one\n- two\n\n{PARAGRAPHS[1]}")
    crawler = "<noscript>" + "".join(f"<div itemprop=text>{post}</div>" for post in posts) + "</noscript>"
    assert text(crawler + discourse(posts)).count(PARAGRAPHS[3]) == 1


def test_a_question_with_its_answers_and_a_post_with_its_comments_are_threads() -> None:
    answers = [{"@type": "Answer", "text": PARAGRAPHS[1]}, {"@type": "Answer", "text": PARAGRAPHS[2]}]
    question = {"@type": "Question", "name": "Why?", "text": PARAGRAPHS[0], "suggestedAnswer": answers}
    asked = ld_json({"@type": "QAPage", "mainEntity": question | {"acceptedAnswer": {"text": WHOLE}}})
    assert text(f"<b>x</b>{asked}").splitlines()[:3] == ["x", "Why?", PARAGRAPHS[0]]
    comment = {"@type": "Comment", "text": WHOLE, "comment": [{"@type": "Comment", "text": "Last. " + WHOLE}]}
    posted = ld_json({"@type": ["DiscussionForumPosting"], "headline": "H", "text": PARAGRAPHS[0], "comment": comment})
    assert text(f"<b></b>{posted}").splitlines()[:2] == ["H", PARAGRAPHS[0]] and "Last. tea0" in text(posted)
    answers_for_a_shop = ld_json({"@type": "FAQPage", "mainEntity": [question]})
    assert text(f"<b></b>{answers_for_a_shop}") == ""


def test_sentences_of_a_state_are_read_where_the_page_is_an_empty_shell() -> None:
    state = {
        "props": {"pageProps": {"title": "Tea", "post": {"excerpt": PARAGRAPHS[0], "content": WHOLE}, "css": "a{b}"}}
    }
    script = f'<script id="__NEXT_DATA__" type="application/json">{json.dumps(state)}</script>'
    assert text(f"<div id=__next></div>{script}").splitlines() == PARAGRAPHS
    shown = "".join(f"<p>{paragraph[::-1]}</p>" for paragraph in PARAGRAPHS)
    assert "tea0" not in text(f"<div id=__next>{shown}</div>{script}")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.sampled_from((WHOLE, "<p>", "\ud800", "&lt;")),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(("articleBody", "@type", "text", "comment", "mainEntity", "topic_1", "post_stream", "posts")),
        inner, max_size=4,
    ),
    max_leaves=15,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(JSON, st.sampled_from(("application/ld+json", "x' id='__NEXT_DATA__")), st.integers(0, 40))
def test_any_json_gives_a_text_or_none(value: object, kind: str, cut: int) -> None:
    dumped = json.dumps(value)
    text(f"<p>a</p><script type='{kind}'>{dumped[: len(dumped) - cut]}</script>", format="markdown", links=True)
    text(f"<p>a</p><div data-preloaded='{dumped.replace(chr(39), '')}'></div>")


@pytest.mark.parametrize(
    "data",
    [
        '<script type="application/ld+json">' + "[" * 500_000,
        '<script type="application/ld+json">' + '{"a":' * 200_000,
        '<script type="application/ld+json">{"articleBody": "' + "<p " * 300_000 + '"}',
        '<script type="application/ld+json">{"articleBody": "' + "&" * 900_000 + '"}',
        '<script type="application/ld+json">[1' + ", " * 400_000 + "]",
        '<script type="application/ld+json">{"a": ' + "1" * 900_000 + "}",
        article("<plaintext>" * 50 + "<!-- " + WHOLE),
        ld_json([{"@type": "DiscussionForumPosting", "text": f"{i} {WHOLE}"} for i in range(500)]),
        ld_json({"@graph": [{"@type": "QAPage", "mainEntity": [{"text": str(i)}] * 50} for i in range(500)]}),
    ],
    ids=["deep lists", "deep objects", "open tags", "references", "commas", "a number", "plaintext", "threads", "questions"],
)  # fmt: skip
def test_hostile_data_is_read_within_limits_and_costs_its_page_nothing(data: str) -> None:
    assert "kept" in text(f"<p>kept</p>{data}</script>")


def test_so_many_pieces_of_data_are_looked_at() -> None:
    page = parse_page(("<script type='application/ld+json'>{}</script>" * (MOST_DATA + 9)).encode())
    assert len(page.data) == MOST_DATA and held_in_data(page, learned(page)) is None


def pages_with_people_s_text(shared_data: Path) -> list[tuple[str, str]]:
    found = []
    for name in ("realweb-dev", "realweb-more"):
        with gzip.open(shared_data / f"{name}.gold.jsonl.gz") as lines:
            gold = {row["record_id"]: row for row in map(json.loads, lines)}
        with open(shared_data / f"{name}.warc.gz", "rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
                row = gold[record.headers["WARC-Record-ID"]]
                source = record.reader.read()
                if row["gold_kind"] == "human" and row["text"] and re.search(rb'"articleBody"\s*:', source):
                    found.append((source.decode("utf-8", "replace"), row["text"]))
    return found


def f1(found: str, wanted: str) -> float:
    got, want = (Counter(re.findall(r"\w+", side.lower())) for side in (found, wanted))
    return 2 * (got & want).total() / max(1, got.total() + want.total())


def test_articles_in_data_come_near_the_text_by_people_where_nothing_else_is_left(shared_data: Path) -> None:
    """Real pages as they were without their bodies, had a script built those; some data holds a teaser only."""
    whole = []
    for source, wanted in pages_with_people_s_text(shared_data):
        data = "".join(re.findall(r"<script[^>]*ld\+json.*?</script>", source, re.S | re.I))
        found = text(f"<body><div id=app></div>{data}")
        if len(found.split()) > 0.8 * len(wanted.split()):
            whole.append(f1(found, wanted))
    assert len(whole) >= 8 and sum(whole) > 0.95 * len(whole)


def test_pages_that_show_their_text_are_extracted_as_if_they_had_no_data(shared_data: Path) -> None:
    """On none of these pages is the data the better evidence; with it they would lose."""
    for source, _ in pages_with_people_s_text(shared_data):
        page = parse_page(source.encode())
        assert len(page.data) and held_in_data(page, learned(page)) is None


@settings(deadline=None)
@given(*[st.lists(st.lists(st.sampled_from("abc"), max_size=9), max_size=6)] * 2)
def test_the_share_of_runs_that_others_have_is_that_of_their_sets(
    parts: list[list[str]], others: list[list[str]]
) -> None:
    runs, theirs = set(_runs_of(parts)), set(_runs_of(others))
    assert _share_of_runs(parts, others) == (len(runs & theirs) / len(runs) if runs else 1.0)
