"""Articles with one invented personal value each; values and sentences are in grammar/personal.txt."""

from generator.crawl import Web, Writer
from generator.text import Article, load_grammar

TYPES = ("EMAIL", "PHONE", "IP_ADDRESS", "CREDIT_CARD", "IBAN", "SSN", "MAC_ADDRESS", "API_KEY", "CRYPTO")


def personal_data(web: Web) -> None:
    """Plants every value in a sentence at the end of an article.

    `valid` says whether a careful detector should report it: its form, its check digits and, for addresses of machines, a
    public range. The others are lookalikes.
    """
    grammar = load_grammar("personal")
    values = [
        (kind, value, valid)
        for kind in TYPES
        for section, valid in ((kind, True), (f"{kind}_lookalike", False))
        for value in grammar.get(section, ())
    ]
    writer = Writer(web, "personal_data")
    for number, (kind, value, valid) in enumerate(values):
        site = writer.site()
        sentences = grammar[f"{kind}_sentence"]
        sentence = sentences[number % len(sentences)].replace("{value}", value)
        article = writer.article(site.topic, 120 + writer.rng.randrange(150))
        planted = Article(article.title, (*article.paragraphs, sentence))
        web.plant("personal_data", writer.page(site, planted), type=kind, value=value, valid=valid)
