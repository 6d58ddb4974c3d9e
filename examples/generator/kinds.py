"""Ordinary articles, and pages of the kinds that quality and address rules exist for: spam, notices, lists, code."""

from collections.abc import Callable
from html import escape

from generator.crawl import Web, Writer, html_capture
from generator.html import Site, article_page, links, make_site, paragraphs_html, whole_page
from generator.text import TOPICS, Article

LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, "
    "sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.",
    "Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat.",
)


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
        (
            "code_in_prose",
            30,
            lambda writer, site: _with_line(
                writer, site, "<p>As always, the block opens with { on a line of its own.</p>"
            ),
        ),
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
