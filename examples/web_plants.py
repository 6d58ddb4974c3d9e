"""Pages planted on purpose: duplicates, boilerplate, spam, notices, languages, personal data, evaluation passages, other records.

Each function adds its pages to a `Web` and notes what it planted, so that a run on the example can be checked by counting.
Damage to pages and files is in web_damage.py.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from random import Random
from typing import Any

from web_html import Site, article_page, bare_page, links, make_site, paragraphs_html, whole_page
from web_personal import SENTENCES, VALUES
from web_text import LANGUAGES, TOPICS, Article, Prose, article_length, edited, jaccard, load_grammar, slug
from web_warc import Capture

NEAR_LEVELS = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3)
PAIRS_PER_LEVEL = 5
CHAIN_STEP = 0.78  # similarity of neighbours in a chain A~B~C; its ends come out near .6
LEGACY = (("windows-1252", "de"), ("windows-1252", "fr"), ("windows-1251", "ru"), ("shift_jis", "ja"))
LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.",
    "Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat.",
)


@dataclass
class Web:
    """The pages made so far, in order, and what was planted in them."""

    seed: int
    sites: list[Site]
    captures: list[Capture] = field(default_factory=list)
    pages: dict[str, int] = field(default_factory=dict)
    planted: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, category: str, capture: Capture) -> str:
        """Adds a page, counts it under its category, and returns its address."""
        self.captures.append(capture)
        self.pages[category] = self.pages.get(category, 0) + 1
        return capture.url

    def plant(self, category: str, capture: Capture, **note: Any) -> None:
        """Adds a page and notes its address, with `note` where there is more to say."""
        url = self.add(category, capture)
        self.note(category, {"url": url, **note} if note else url)

    def note(self, category: str, entry: Any) -> None:
        self.planted.setdefault(category, []).append(entry)


class Writer:
    """A source of sites and articles for one planted category, drawn from (seed, category) alone."""

    def __init__(self, web: Web, category: str) -> None:
        self.rng = Random(f"{web.seed}/{category}")
        self._sites = web.sites
        self._category = category
        self._made = 0

    def site(self) -> Site:
        return self.rng.choice(self._sites)

    def article(self, topic: str, words: int | None = None) -> Article:
        return self.prose("general", topic).article(words or article_length(self.rng))

    def prose(self, *grammars: str) -> Prose:
        return Prose(load_grammar(*grammars), self.rng)

    def url(self, site: Site, title: str) -> str:
        """An address that no other page has."""
        self._made += 1
        return site.url(f"{self._category}/{self._made}-{slug(title)[:30]}")

    def page(self, site: Site, article: Article, extra: str = "", comments: Sequence[str] = ()) -> Capture:
        return html_capture(self.url(site, article.title), article_page(site, article, extra, comments))

    def comments(self, topic: str, most: int) -> list[str]:
        prose = self.prose("general", topic)
        return [prose.sentence("comment") for _ in range(self.rng.randint(1, most))]


def html_capture(url: str, html: str) -> Capture:
    return Capture(url, html.encode())


def articles(web: Web, count: int) -> None:
    """Ordinary articles; a quarter have comments, a fifth a list of links."""
    writer = Writer(web, "article")
    for _ in range(count):
        site = writer.site()
        article = writer.article(site.topic)
        comments = writer.comments(site.topic, 3) if writer.rng.random() < 0.25 else ()
        more = (
            [writer.prose("general", site.topic).sentence("title") for _ in range(4)]
            if writer.rng.random() < 0.2
            else ()
        )
        extra = f'<ul class="related">{links(more)}</ul>' if more else ""
        web.add("article", writer.page(site, article, extra, comments))


def exact_duplicates(web: Web, groups: int) -> None:
    """The same text at two to four addresses, on different hosts and in different layouts."""
    writer = Writer(web, "exact_duplicates")
    for _ in range(groups):
        sites = writer.rng.sample(web.sites, writer.rng.choice((2, 2, 3, 4)))
        article = writer.article(sites[0].topic)
        pages = [html_capture(writer.url(site, article.title), bare_page(site, article)) for site in sites]
        web.note("exact_duplicates", [web.add("exact_duplicates", page) for page in pages])


def near_duplicates(web: Web) -> None:
    """Edited copies at known similarity, syndicated copies with a line of their own, and chains A~B~C."""
    writer = Writer(web, "near_duplicates")

    def group(kind: str, versions: list[Article]) -> None:
        urls = []
        for version in versions:
            site = writer.site()
            page = html_capture(writer.url(site, version.title), bare_page(site, version))
            urls.append(web.add("near_duplicates", page))
        similarity = [round(jaccard(versions[0].text, other.text), 4) for other in versions[1:]]
        web.note("near_duplicates", {"kind": kind, "urls": urls, "jaccard_to_first": similarity})

    for level in NEAR_LEVELS:
        for _ in range(PAIRS_PER_LEVEL):
            article = writer.article(writer.site().topic, 200 + writer.rng.randrange(300))
            group("edited", [article, edited(article, level, writer.rng)])
    for _ in range(15):
        article = writer.article(writer.site().topic, 150 + writer.rng.randrange(300))
        lines = [writer.prose("general").sentence("place") for _ in range(2)]
        copies = [
            Article(
                article.title,
                (f"First printed in the {line} Weekly Messenger; reprinted here with thanks.", *article.paragraphs),
            )
            for line in lines
        ]
        group("syndicated", [article, *copies])
    for _ in range(10):
        first = writer.article(writer.site().topic, 350)
        second = edited(first, CHAIN_STEP, writer.rng, phase=0.25)
        group("chain", [first, second, edited(second, CHAIN_STEP, writer.rng, phase=0.75)])


def duplicated_addresses(web: Web, count: int) -> None:
    """Addresses captured twice: the same address, or one that differs only in what normalisation removes."""
    writer = Writer(web, "duplicated_addresses")
    for number in range(count):
        site = writer.site()
        first = writer.page(site, writer.article(site.topic))
        url = (
            first.url,
            first.url + "?utm_source=feed",
            first.url.replace("https:", "http:"),
            first.url + "#comments",
        )[number % 4]
        again = writer.page(site, writer.article(site.topic)) if number % 2 else first
        second = Capture(url, again.body)
        web.note(
            "duplicated_addresses", [web.add("duplicated_addresses", first), web.add("duplicated_addresses", second)]
        )


def page_kinds(web: Web) -> None:
    """Pages that a quality rule should drop whole, and articles that hold one bad line or element."""
    kinds: tuple[tuple[str, int, Callable[[Writer, Site], str]], ...] = (
        ("navigation_only", 120, _navigation_only),
        (
            "cookie_only",
            60,
            lambda writer, site: whole_page(site, "Your choices", f"<p>{site.banner}</p><p>Please make a choice</p>"),
        ),
        ("keyword_spam", 90, _keyword_spam),
        ("lorem_ipsum", 40, lambda writer, site: _with_line(writer, site, f"<p>{LOREM[0]}</p><p>{LOREM[1]}</p>")),
        ("code", 30, _code),
        ("code_in_prose", 30, lambda writer, site: _with_line(writer, site, "<p>As always, the block opens with { on a line of its own.</p>")),
        (
            "javascript_notice",
            40,
            lambda writer, site: _with_line(writer, site, "<p>Please enable JavaScript to see the comments.</p>"),
        ),
        (
            "javascript_only",
            20,
            lambda writer, site: whole_page(site, "Loading", "<p>This application needs JavaScript to run.</p>"),
        ),
        (
            "policy_line",
            40,
            lambda writer, site: _with_line(
                writer, site, "<p>This site uses cookies to remember what you read last.</p>"
            ),
        ),
        ("bullet_list", 60, _bullet_list),
        ("repetition", 40, _repetition),
        (
            "stub",
            80,
            lambda writer, site: article_page(
                site, Article("Notice", (writer.prose("general", site.topic).sentence(),))
            ),
        ),
        ("ellipsis", 20, _ellipsis),
        ("citation_marks", 20, _citation_marks),
        (
            "long_word",
            5,
            lambda writer, site: _with_line(writer, site, f"<p>The key is {'q7x' * 400} and nothing else.</p>"),
        ),
    )
    for category, count, make in kinds:
        writer = Writer(web, category)
        for _ in range(count):
            site = writer.site()
            html = make(writer, site)
            web.plant(category, html_capture(writer.url(site, ""), html))


def _with_line(writer: Writer, site: Site, extra: str) -> str:
    return article_page(site, writer.article(site.topic), extra)


def _navigation_only(writer: Writer, site: Site) -> str:
    titles = [writer.prose("general", site.topic).sentence("title") for _ in range(writer.rng.randint(6, 12))]
    return whole_page(site, "Archive", f"<h1>Archive</h1><ul>{links(titles)}</ul>")


def _keyword_spam(writer: Writer, site: Site) -> str:
    words = writer.rng.sample(
        (
            "cheap",
            "discount",
            "pills",
            "loans",
            "watches",
            "replica",
            "casino",
            "bonus",
            "free",
            "shipping",
            "buy",
            "online",
        ),
        5,
    )
    places = [writer.prose("general").sentence("place") for _ in range(6)]
    lines = [
        f"{' '.join(writer.rng.sample(words, 4))} {place} {' '.join(words[:3])}" for place in places for _ in range(3)
    ]
    return whole_page(site, " ".join(words), paragraphs_html(lines))


def _code(writer: Writer, site: Site) -> str:
    name = writer.rng.choice(("total", "merge", "parse", "scan", "fold", "count"))
    lines = [
        f"function {name}(rows) {{",
        "  let sum = 0;",
        f"  for (const row of rows) {{ sum += row.{name}; }}",
        "  return sum;",
        "}",
    ]
    return _with_line(writer, site, f"<pre><code>{escape(chr(10).join(lines))}</code></pre>")


def _bullet_list(writer: Writer, site: Site) -> str:
    prose = writer.prose("general", site.topic)
    items = "".join(
        f"<li>{escape(prose.phrase('clause'), quote=False)}</li>" for _ in range(writer.rng.randint(14, 25))
    )
    return whole_page(site, "Checklist", f"<h1>Checklist</h1><ul>{items}</ul>")


def _repetition(writer: Writer, site: Site) -> str:
    article = writer.article(site.topic, 100)
    line = article.paragraphs[0]
    return article_page(site, Article(article.title, (line, *article.paragraphs, *([line] * writer.rng.randint(4, 9)))))


def _ellipsis(writer: Writer, site: Site) -> str:
    prose = writer.prose("general", site.topic)
    teasers = [prose.sentence().rstrip('.?!"') + "..." for _ in range(12)]
    return whole_page(site, "Latest", paragraphs_html(teasers))


def _citation_marks(writer: Writer, site: Site) -> str:
    article = writer.article(site.topic, 200)
    marked = [
        f"{paragraph[:-1]}[{i}]. It was noted again later.[citation needed]."
        for i, paragraph in enumerate(article.paragraphs, start=1)
    ]
    return article_page(site, Article(article.title + " [edit]", tuple(marked)))


def blocked_hosts(web: Web, count: int) -> None:
    """Harmless articles on hosts whose names an address filter should refuse."""
    writer = Writer(web, "blocked_hosts")
    hosts = (
        "casino-bonus.example",
        "online-poker-777.example",
        "xxx-cams.example",
        "adult-dating.example",
        "porn-tube.example",
        "warez-crack.example",
    )
    for number in range(count):
        host = hosts[number % len(hosts)]
        site = make_site(host, writer.rng.choice(TOPICS), host, writer.rng)
        web.plant("blocked_hosts", writer.page(site, writer.article(site.topic)))


def other_languages(web: Web, pages_each: int) -> None:
    """Short pages in nine other languages, all UTF-8."""
    writer = Writer(web, "languages")
    for language in LANGUAGES:
        for _ in range(pages_each):
            site, article = _foreign(writer, language)
            page = html_capture(writer.url(site, article.title), bare_page(site, article))
            web.plant("languages", page, language=language)


def _foreign(writer: Writer, language: str) -> tuple[Site, Article]:
    prose = writer.prose(f"language-{language}")
    joiner = "" if language in ("ja", "zh") else " "
    paragraphs = tuple(joiner.join(prose.sentence() for _ in range(writer.rng.randint(2, 4))) for _ in range(3))
    return writer.site(), Article(prose.sentence("title"), paragraphs)


def legacy_charsets(web: Web, pages_each: int) -> None:
    """Pages in older charsets, named in the header, in a meta element, in both or nowhere."""
    writer = Writer(web, "legacy_charsets")
    for charset, language in LEGACY:
        for number in range(pages_each):
            declared = ("header", "meta", "both", "nowhere")[number % 4]
            site, article = _foreign(writer, language)
            html = bare_page(site, article, charset if declared in ("meta", "both") else None)
            content_type = f"text/html; charset={charset}" if declared in ("header", "both") else "text/html"
            capture = Capture(writer.url(site, article.title), html.encode(charset, "xmlcharrefreplace"), content_type)
            web.plant(
                "legacy_charsets",
                capture,
                charset=charset,
                declared=declared,
                language=language,
                begins=article.paragraphs[0][:60],
            )


def personal_data(web: Web) -> None:
    """Articles with one invented personal value each, real in form (`valid`) or only alike."""
    writer = Writer(web, "personal_data")
    for number, (kind, value, valid) in enumerate(VALUES):
        site = writer.site()
        sentence = SENTENCES[kind][number % len(SENTENCES[kind])].format(value)
        article = writer.article(site.topic, 120 + writer.rng.randrange(150))
        planted = Article(article.title, (*article.paragraphs, sentence))
        web.plant("personal_data", writer.page(site, planted), type=kind, value=value, valid=valid)


def evaluation_passages(web: Web, items: Sequence[dict[str, str]], per_form: int) -> None:
    """Passages of the evaluation set in the middle of long articles: verbatim, upper-cased, re-punctuated, split in two."""
    writer = Writer(web, "evaluation_passages")
    forms: tuple[tuple[str, Callable[[str], tuple[str, ...]]], ...] = (
        ("verbatim", lambda text: (text,)),
        ("recased", lambda text: (text.upper(),)),
        ("repunctuated", lambda text: (text.replace(",", " -").replace(";", ",").replace(":", " --"),)),
        ("split", lambda text: (" ".join(text.split()[:22]), " ".join(text.split()[22:]))),
    )
    chosen = iter(writer.rng.sample(list(items), per_form * len(forms)))
    for form, change in forms:
        for _ in range(per_form):
            item = next(chosen)
            site = writer.site()
            article = writer.article(site.topic, 450)
            half = len(article.paragraphs) // 2
            mixed = Article(
                article.title, (*article.paragraphs[:half], *change(item["text"]), *article.paragraphs[half:])
            )
            web.plant("evaluation_passages", writer.page(site, mixed), item=item["id"], form=form)


def other_responses(web: Web) -> None:
    """Statuses other than 200, content other than HTML, and the record kinds that hold no new page."""
    writer = Writer(web, "other")
    for status, count in (("301 Moved Permanently", 50), ("404 Not Found", 50), ("500 Internal Server Error", 15)):
        for _ in range(count):
            site = writer.site()
            body = whole_page(site, status, f"<h1>{status}</h1>").encode() if status[0] != "3" else b""
            headers = (("Location", site.url("")),) if status[0] == "3" else ()
            web.plant(
                "status",
                Capture(writer.url(site, "gone"), body, status=status, headers=headers),
                status=int(status[:3]),
            )
    bodies = (
        ("application/pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"),
        ("application/json", json.dumps({"items": [1, 2, 3], "next": None}).encode()),
        ("image/png", bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")),
        ("text/css", b"body { margin: 0 }\n"),
        ("text/plain; charset=utf-8", b"User-agent: *\nDisallow: /private\n"),
    )
    for content_type, body in bodies:
        for _ in range(10):
            web.plant(
                "not_html", Capture(writer.url(writer.site(), "file"), body, content_type), content_type=content_type
            )
    for number in range(10):
        web.plant("revisit", Capture(web.captures[number * 7].url, web.captures[number * 7].body, kind="revisit"))
    for _ in range(5):
        site = writer.site()
        text = writer.article(site.topic, 120).text
        web.plant("resource", Capture(writer.url(site, "note"), text.encode(), "text/plain", kind="resource"))
    for site in web.sites[:3]:
        web.plant(
            "dns",
            Capture(f"dns:{site.host}", f"20260301000000\n{site.host}. 300 IN A 203.0.113.7\n".encode(), kind="dns"),
        )
