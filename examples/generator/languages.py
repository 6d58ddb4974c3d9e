"""Pages in nine other languages, in UTF-8 and in older charsets."""

from generator.crawl import Web, Writer, html_capture
from generator.html import Site, bare_page
from generator.text import LANGUAGES, Article
from generator.warc import Capture

LEGACY = (("windows-1252", "de"), ("windows-1252", "fr"), ("windows-1251", "ru"), ("shift_jis", "ja"))


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
