"""The invented evaluation set, and pages that quote it."""

from collections.abc import Callable, Sequence
from random import Random

from generator.crawl import Web, Writer
from generator.text import Article, Prose, load_grammar

ITEMS = 200


def evaluation_items(seed: int) -> list[dict[str, str]]:
    """Half questions with their answers, half passages of two sentences: `id`, `kind`, `text`."""
    grammar = load_grammar("general", "evaluation")
    items = []
    for number in range(ITEMS):
        prose = Prose(grammar, Random(f"{seed}/evaluation/{number}"))
        kind = ("question", "passage")[number % 2]
        text = " ".join(prose.sentence(kind) for _ in range(1 + number % 2))
        items.append({"id": f"invented-{number:03d}", "kind": kind, "text": text})
    return items


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
