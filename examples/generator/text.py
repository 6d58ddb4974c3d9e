"""Invented prose from the grammars in grammar/: articles, edited copies, and the exact similarity of two texts.

A grammar file holds sections `[symbol]` whose alternatives are separated by ` | ` or line ends; `{symbol}` in an
alternative is replaced by one of that symbol's. Knows nothing of pages, hosts or WARC files.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from random import Random

GRAMMARS = Path(__file__).parent / "grammar"
TOPICS = ("gardening", "astronomy", "history", "cooking", "software", "travel", "books", "health", "economics", "music")
LANGUAGES = ("de", "fr", "es", "it", "nl", "pt", "ru", "ja", "zh")
SHINGLE = 5  # words; the n-gram of the pipeline's deduplication
BOUND = (
    "here",
    "who",
    "subject",
    "region",
    "ware",
    "worker",
    "vessel",
)  # chosen once per text, so that it keeps to one place, person and subject

Grammar = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Article:
    title: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.paragraphs)


def load_grammar(*names: str) -> Grammar:
    """The union of the named grammar files; a later file's section replaces an earlier one's."""
    grammar: Grammar = {}
    for name in names:
        sections: dict[str, list[str]] = {}
        symbol = ""
        for line in (GRAMMARS / f"{name}.txt").read_text("utf-8").splitlines():
            if line.startswith("["):
                symbol = line.strip("[]")
            elif line and not line.startswith("#"):
                sections.setdefault(symbol, []).extend(line.split(" | "))
        grammar.update({symbol: tuple(alternatives) for symbol, alternatives in sections.items()})
    return grammar


class Prose:
    """Writes one text: deals each symbol's alternatives from a shuffled deck, so that none repeats before all were used."""

    def __init__(self, grammar: Grammar, rng: Random) -> None:
        self._grammar = grammar
        self._rng = rng
        self._decks: dict[str, list[str]] = {}
        self._bound: dict[str, str] = {}

    def phrase(self, symbol: str) -> str:
        """One expansion of a symbol, as the grammar writes it."""
        if symbol in self._bound:
            return self._bound[symbol]
        deck = self._decks.setdefault(symbol, [])
        if not deck:
            deck.extend(self._grammar[symbol])
            self._rng.shuffle(deck)
        text = re.sub(r"\{(\w+)\}", lambda match: self.phrase(match[1]), deck.pop())
        if symbol in BOUND:
            self._bound[symbol] = text
        return text

    def sentence(self, symbol: str = "sentence") -> str:
        """One expansion with capitals at the start of its sentences and `a` or `an` as the next word wants."""
        text = re.sub(r"\b([Aa]) (?=[aeioAEIO]|u(?!ni|se|su))(?!one\b|eu)", r"\1n ", self.phrase(symbol))
        return re.sub(r"(^|[.?!] )([\"']?)(\w)", lambda match: match[1] + match[2] + match[3].upper(), text)

    def paragraphs(self, words: int, opening: str | None = None, joiner: str = " ") -> tuple[str, ...]:
        """Paragraphs of three to six sentences until there are `words` words."""
        done: list[str] = []
        count = 0
        while count < words:
            sentences = [self.sentence() for _ in range(self._rng.randint(3, 6))]
            if opening and not done:
                sentences[0] = self.sentence(opening) + "."
            done.append(joiner.join(sentences))
            count += len(done[-1].split())
        return tuple(done)

    def article(self, words: int) -> Article:
        return Article(self.sentence("title"), self.paragraphs(words))


def article_length(rng: Random) -> int:
    """Words of an article: 90 to 900, most of them short."""
    return int(90 + 810 * rng.random() ** 4)


def words_of(text: str) -> list[str]:
    """Lower-cased runs of letters and digits."""
    return re.findall(r"\w+", text.lower())


def jaccard(left: str, right: str) -> float:
    """Exact Jaccard similarity of the two texts' sets of word 5-grams; 0 where a text has none."""

    def shingles(text: str) -> set[tuple[str, ...]]:
        words = words_of(text)
        return {tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}

    a, b = shingles(left), shingles(right)
    return len(a & b) / len(a | b) if a and b else 0.0


def edited(article: Article, similarity: float, rng: Random, phase: float = 0.5) -> Article:
    """A copy with words replaced at even distances, to come near the given 5-gram Jaccard similarity.

    One replaced word changes five shingles. Where a share s of shingles is left, the Jaccard similarity is s / (2 - s).
    """
    left = 2 * similarity / (1 + similarity)
    distance = SHINGLE / (1 - left)
    position = phase * distance
    index = 0
    paragraphs = []
    for paragraph in article.paragraphs:
        words = paragraph.split(" ")
        for i, word in enumerate(words):
            if index >= position:
                words[i] = re.sub(r"\w+", "".join(rng.choice(_SYLLABLES) for _ in range(3)), word, count=1)
                position += distance
            index += 1
        paragraphs.append(" ".join(words))
    return Article(article.title, tuple(paragraphs))


_SYLLABLES = ("lo", "ra", "mi", "ten", "sol", "va", "ner", "qui", "dor", "pe", "lan", "ost", "fi", "gar", "um", "bel")


def slug(title: str) -> str:
    """A title as the last part of an address."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower())) or "page"
