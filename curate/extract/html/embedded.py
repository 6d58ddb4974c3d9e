"""Text that a page holds in data for its scripts and not in its markup: an article, a thread, a page that a script builds.

Read are the `articleBody` of JSON-LD, its threads of questions and posts, the posts that Discourse preloads, and the state
of Next.js. What is visible is believed first: data comes in only where it holds more text than was found, and the markup
holds less than half of that text. Knows a parsed page and what was kept of it; nothing of how blocks are written.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.extract.html.blocks import IN_TITLE, JSON_LD, NEXT_DATA, PRELOADED, SAYS_HIDDEN, Page
from curate.extract.html.page import parse_page
from curate.extract.html.structured import MOST_JSON, load_json, objects_of, types_of, values_of

LEAST_WORDS = 50
"""Words of data below which it is a teaser or a label."""
LITTLE = 0.5
"""Share of the data's runs of four words that the markup holds, from which on it holds the text."""
SAME = 0.8
"""Share of a block's runs of four words from which on it is the same as what the runs are of."""
SHELL_WORDS = 100
"""Words of a page in all, below which it is a shell that a script fills; only then a state's strings are its text."""
STRING_WORDS = 15
"""Words of a string of a state from which on it may be text of the page; most shorter ones are labels and settings."""
MOST_TEXT = 1 << 20
"""Bytes of a page's own text, beyond which it is not one whose text lies elsewhere."""
_RUN = 4
_END, _FILLING = "", " "
"""No words: between texts, and behind those that are shorter than a run."""

_WORD = re.compile(r"[^\W\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff]+|[\u3005-\u9fff\uac00-\ud7ff\uf900-\ufaff]")
"""A word; each character of Chinese, Japanese and Korean is one."""
_MARKUP = re.compile(r"</?(?:p|br|div|span|a|b|i|em|strong|h[1-6]|[uo]l|li|blockquote|img|figure|table)[\s/>]", re.I)
_SENTENCE = re.compile(r"[.!?\u3002\uff01\uff1f]")
_THREADS = frozenset({"DiscussionForumPosting", "SocialMediaPosting"})
_SIGNS = tuple(sign.encode() for sign in ("articleBody", "QAPage", *sorted(_THREADS)))
"""What JSON-LD has somewhere that is looked at; most of it says who made a page, and is not read."""
_REPLIES = ("acceptedAnswer", "suggestedAnswer", "comment")


class Held(NamedTuple):
    """Blocks from data, and which of them and of the page's own are kept: some of the page's before them, some after."""

    page: Page
    kept: NDArray[np.bool_]
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]


class _Text(NamedTuple):
    title: str
    parts: list[str]


def held_in_data(page: Page, kept: NDArray[np.bool_], wanted: int = 0) -> Held | None:
    """What of a page's text lies in data alone, if anything does: `wanted` is that of `parse_page`.

    >>> page = parse_page(b'<div id=app></div><script type="application/ld+json">{"articleBody": "%s"}</script>'
    ...                   % b" ".join(b"word%d" % i for i in range(60)))
    >>> held_in_data(page, np.zeros(0, bool)).page.block_text(0)[:17]
    'word0 word1 word2'
    """
    if not len(page.data) or len(page.text) > MOST_TEXT:
        return None
    length = int(page.blocks["characters"][kept].sum() + page.blocks["words"][kept].sum())
    if int((page.data[:, 2] - page.data[:, 1]).sum()) <= length:
        return None
    words: list[list[str]] = []
    for text in _texts(page):
        if sum(map(len, text.parts)) <= length:
            continue
        words = words or _words_of_blocks(page)
        found = sum(len(words[number]) for number in np.flatnonzero(kept))
        fragment = "".join(_fragment(part) for part in text.parts)
        parsed = parse_page(fragment.encode("utf-8", "replace"))
        parts = [part for part, is_shown in zip(_words_of_blocks(parsed), _shown(parsed), strict=True) if is_shown]
        if sum(map(len, parts)) < max(LEAST_WORDS, found + 1):
            continue
        if _share_of_runs(parts, words) < LITTLE:
            return _beside(page, kept, words, text.title, parts[0], fragment, wanted)
    return None


def _shown(page: Page) -> NDArray[np.bool_]:
    shown: NDArray[np.bool_] = page.blocks["flags"] & (IN_TITLE | SAYS_HIDDEN) == 0
    return shown


def _beside(
    page: Page,
    kept: NDArray[np.bool_],
    words: list[list[str]],
    title: str,
    first: list[str],
    fragment: str,
    wanted: int,
) -> Held:
    """The data's blocks, what the page says too left out on one side or the other; `first` are its first block's words."""
    told = [words[number] for number in np.flatnonzero(kept)]
    heading = _words(html.unescape(title))
    if heading not in told and heading != first[: len(heading)]:
        fragment = f"<h1>{html.escape(html.unescape(title))}</h1>{fragment}"
    parsed = parse_page(fragment.encode("utf-8", "replace"), wanted=wanted)
    parts = _words_of_blocks(parsed)
    runs, lines = set(_runs_of(parts)), {tuple(part) for part in parts}
    doubled = np.array([_is_held(words[i], runs, lines) if kept[i] else False for i in range(len(words))], np.bool_)
    left = kept & ~doubled
    runs, lines = (
        set(_runs_of([words[i] for i in np.flatnonzero(left)])),
        {tuple(words[i]) for i in np.flatnonzero(left)},
    )
    shown = _shown(parsed) & np.array([not _is_held(part, runs, lines) for part in parts], np.bool_)
    place = int(np.argmax(doubled)) if doubled.any() else len(words)
    behind = np.arange(len(words)) > place
    return Held(parsed, shown, left & ~behind, left & behind)


def _words_of_blocks(page: Page) -> list[list[str]]:
    text = page.text.tobytes()
    places = zip(page.blocks["start"].tolist(), page.blocks["end"].tolist(), strict=True)
    return [_words(text[start:end].decode()) for start, end in places]


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _runs_of(parts: Iterable[list[str]]) -> Iterator[tuple[str, ...]]:
    """The runs of four words of some texts; a shorter text is one run."""
    for part in parts:
        if 0 < len(part) < _RUN:
            yield tuple(part)
        yield from zip(part, part[1:], part[2:], part[3:], strict=False)


def _share_of_runs(parts: list[list[str]], others: list[list[str]]) -> float:
    """Which share of the runs of some texts others have too, each counted once: runs as numbers, of pairs of words."""
    numbers = {_END: 0, _FILLING: 1}
    told = _numbered(parts, numbers)
    own = len(told)
    words = np.array(told + _numbered(others, numbers), np.int64)
    inside = words > numbers[_END]
    whole = inside[:-3] & inside[1:-2] & inside[2:-1] & inside[3:]
    _, pairs = np.unique(words[:-1] * len(numbers) + words[1:], return_inverse=True)
    runs = pairs[:-2] * len(pairs) + pairs[2:]
    once = np.unique(runs[:own][whole[:own]])
    return float(np.isin(once, runs[own:][whole[own:]]).mean()) if len(once) else 1.0


def _numbered(parts: list[list[str]], numbers: dict[str, int]) -> list[int]:
    """The words of all parts as numbers, new ones entered; a part shorter than a run is filled up, and each has an end."""
    return [
        numbers.setdefault(word, len(numbers))
        for part in parts
        if part
        for word in (*part, *[_FILLING] * (_RUN - len(part)), _END)
    ]


def _is_held(part: list[str], runs: set[tuple[str, ...]], lines: set[tuple[str, ...]]) -> bool:
    """Whether a block says what others say: those of the runs, or one of the lines."""
    if len(part) < _RUN:
        return tuple(part) in lines
    own = list(_runs_of([part]))
    return sum(run in runs for run in own) >= SAME * len(own)


def _fragment(value: str) -> str:
    """A value as markup: as it is where it has tags, or else a paragraph a line. References may be escaped twice."""
    for _ in range(2):
        if "&" in value and not _MARKUP.search(value):
            value = html.unescape(value)
    if _MARKUP.search(value):
        return f"<div>{value}</div>"
    return "".join(f"<p>{html.escape(line)}</p>" for line in value.splitlines() if line.strip())


def _texts(page: Page) -> Iterator[_Text]:
    """What may be the page's text, the most believed first: threads of Discourse, JSON-LD, a state."""
    data: dict[int, list[Any]] = {PRELOADED: [], JSON_LD: [], NEXT_DATA: []}
    is_shell = page.blocks["words"][page.blocks["flags"] & IN_TITLE == 0].sum() < SHELL_WORDS
    size = 0
    for kind, first, last in page.data.tolist():
        size += last - first
        if size > MOST_JSON:
            break
        content = page.source[first:last].tobytes() if kind != NEXT_DATA or is_shell else b""
        if (kind == JSON_LD and not any(sign in content for sign in _SIGNS)) or not content:
            continue
        told = content.decode("utf-8", "replace")
        data[kind].append(load_json(html.unescape(told) if kind == PRELOADED else told))
    for texts in (
        [text for value in data[PRELOADED] for text in _topics(value)],
        _threads(data[JSON_LD]),
        _articles(data[JSON_LD]),
    ):
        if len(texts) == 1:  # of several, none is the page's: it lists them
            yield texts[0]
    if data[NEXT_DATA]:
        yield _Text("", _sentences(data[NEXT_DATA]))


def _topics(value: Any) -> list[_Text]:
    """The topics that Discourse preloads: JSON whose values are JSON again."""
    found = []
    for key, inner in value.items() if isinstance(value, dict) else ():
        topic = load_json(inner) if key.startswith("topic_") and isinstance(inner, str) else None
        stream = topic.get("post_stream") if isinstance(topic, dict) else None
        posts = stream.get("posts") if isinstance(stream, dict) else None
        if isinstance(topic, dict) and isinstance(posts, list):
            cooked = [_string(post, "cooked") for post in posts if isinstance(post, dict)]
            found.append(_Text(_string(topic, "title"), [f"<div>{post}</div>" for post in cooked if post]))
    return found


def _articles(values: list[Any]) -> list[_Text]:
    """The articles of JSON-LD; one that is told twice is one."""
    found: dict[str, _Text] = {}
    for item in objects_of(values):
        if body := _string(item, "articleBody"):
            found.setdefault(body, _Text(_string(item, "headline") or _string(item, "name"), [body]))
    return list(found.values())


def _threads(values: list[Any]) -> list[_Text]:
    """The threads of JSON-LD, those within another left out: posts with comments, and questions that a page is for. One that
    is told twice is one."""
    found: dict[tuple[str, ...], _Text] = {}
    seen: set[int] = set()
    for item in objects_of(values):
        types = types_of(item)
        asked = item.get("mainEntity") if "QAPage" in types else None
        for post in [item] if types & _THREADS else asked if isinstance(asked, list) else [asked]:
            if isinstance(post, dict) and id(post) not in seen:
                title = _string(post, "headline") or _string(post, "name")
                text = _Text(title, _thread(post, seen))
                found.setdefault(tuple(text.parts), text)
    return list(found.values())


def _thread(item: dict[str, Any], seen: set[int]) -> list[str]:
    """The text of a post, its answers and comments; each once."""
    found: dict[str, None] = {}
    waiting: list[Any] = [item]
    while waiting:
        post = waiting.pop()
        if isinstance(post, list):
            waiting += reversed(post)
        elif isinstance(post, dict):
            seen.add(id(post))
            found.setdefault(_string(post, "text") or _string(post, "articleBody"))
            waiting += [post[key] for key in reversed(_REPLIES) if key in post]
    return [text for text in found if text]


def _sentences(values: list[Any]) -> list[str]:
    """The strings of a state that are running text, each once, and none that another has told."""
    found: list[str] = []
    told: set[tuple[str, ...]] = set()
    for value in values_of(values):
        if not isinstance(value, str) or len(value) < STRING_WORDS or not _SENTENCE.search(value):
            continue
        words = _words(re.sub(r"<[^<>]*>", " ", value))
        if len(words) >= STRING_WORDS and value.lstrip()[:1] not in "{[" and not _is_held(words, told, set()):
            found.append(value)
            told.update(_runs_of([words]))
    return found


def _string(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    return value if isinstance(value, str) else ""
