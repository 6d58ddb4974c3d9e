"""Exact and near duplicates of whole articles, and addresses captured twice."""

from generator.crawl import Web, Writer, html_capture
from generator.html import bare_page
from generator.text import Article, edited, jaccard
from generator.warc import Capture

NEAR_LEVELS = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3)
PAIRS_PER_LEVEL = 5
CHAIN_STEP = 0.78  # similarity of neighbours in a chain A~B~C; its ends come out near .6


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
    """Addresses captured twice, the same or differing only in what normalisation may remove; half the pages changed."""
    writer = Writer(web, "duplicated_addresses")
    for number in range(count):
        site = writer.site()
        first = writer.page(site, writer.article(site.topic))
        variant, url = (
            ("same", first.url),
            ("tracking", first.url + "?utm_source=feed"),
            ("scheme", first.url.replace("https:", "http:")),
            ("fragment", first.url + "#comments"),
        )[number % 4]
        changed = number % 2 == 1
        again = writer.page(site, writer.article(site.topic)) if changed else first
        urls = [web.add("duplicated_addresses", page) for page in (first, Capture(url, again.body))]
        web.note("duplicated_addresses", {"variant": variant, "changed": changed, "urls": urls})
