"""Broken pages, and damage to a WARC file itself. Each case is noted with the name of its damage."""

import gzip
from collections.abc import Sequence

from generator.crawl import Web, Writer
from generator.html import article_page
from generator.text import Article
from generator.warc import Capture, Header, gzip_member

DEPTH = 5_000  # nested elements of the deeply nested pages
CASES = 3  # pages of each kind


def broken_pages(web: Web) -> None:
    """Pages whose bytes, headers or markup are wrong in one way each."""
    writer = Writer(web, "broken_pages")
    for damage in _DAMAGES:
        for _ in range(CASES):
            site = writer.site()
            article = writer.article(site.topic, 200)
            html = article_page(site, article).encode()
            body, headers = _damaged(damage, html, article)
            web.plant("broken_pages", Capture(writer.url(site, article.title), body, headers=headers), damage=damage)


def _damaged(damage: str, html: bytes, article: Article) -> tuple[bytes, tuple[Header, ...]]:
    middle = html.index(b"<h1>") + 200
    chunked = (("Transfer-Encoding", "chunked"),)
    zipped = (("Content-Encoding", "gzip"),)
    match damage:
        case "truncated_html":
            return html[: len(html) * 6 // 10], ()
        case "deep_nesting":
            return html.replace(b"<h1>", b"<div>" * DEPTH + b"<h1>"), ()
        case "nul_bytes":
            return html[:middle] + b"\x00\x00\x00" + html[middle:], ()
        case "invalid_utf8":
            return html[:middle] + b"\xff\xfe\xc3(" + html[middle:], ()
        case "unclosed_tags":
            return f"<title>{article.title}<b><i><p>{'<p><em>'.join(article.paragraphs)}".encode(), ()
        case "no_markup":
            return article.text.encode(), ()
        case "empty_body":
            return b"", ()
        case "chunked":
            return _chunks(html), chunked
        case "chunked_but_plain":
            return html, chunked
        case "chunk_size_wrong":
            return _chunks(html).replace(b"200\r\n", b"2f0\r\n", 1), chunked
        case "gzipped":
            return gzip_member(html), zipped
        case "gzipped_but_plain":
            return html, zipped
        case "gzip_truncated":
            return gzip_member(html)[:-200], zipped
    raise ValueError(f"no such damage: {damage!r}; known: {', '.join(_DAMAGES)}")


_DAMAGES = (
    "truncated_html", "deep_nesting", "nul_bytes", "invalid_utf8", "unclosed_tags", "no_markup", "empty_body", "chunked",
    "chunked_but_plain", "chunk_size_wrong", "gzipped", "gzipped_but_plain", "gzip_truncated",
)  # fmt: skip


def _chunks(body: bytes) -> bytes:
    """The body in chunks of 512 bytes (RFC 9112, section 7.1)."""
    parts = [body[i : i + 512] for i in range(0, len(body), 512)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def damaged_file(members: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """The members joined, with one response in the middle corrupted and the last response cut short.

    Returns the bytes and the indices of the two members. What follows the cut response is not written.
    """
    responses = [i for i, member in enumerate(members) if b"WARC-Type: response" in gzip.decompress(member)]
    corrupt, cut = responses[len(responses) // 2], responses[-1]
    half = len(members[corrupt]) // 2
    broken = (
        members[corrupt][:half]
        + bytes(byte ^ 0xFF for byte in members[corrupt][half : half + 16])
        + members[corrupt][half + 16 :]
    )
    whole = [*members[:corrupt], broken, *members[corrupt + 1 : cut], members[cut][: len(members[cut]) // 2]]
    return b"".join(whole), [corrupt, cut]
