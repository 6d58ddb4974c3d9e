"""Independent judges of the filter packs: other programs' own blocks, and definitions written down once more in plain
Python, slow and obvious. Nothing here comes from the package."""

import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from string import punctuation

import pytest

CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
POLICY = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
GOPHER_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}


def punkt() -> Callable[[str], int]:
    """NLTK's own sentence counter; skips the test where NLTK or its English parameters are not installed."""
    nltk = pytest.importorskip("nltk")
    if not any((Path(folder) / "tokenizers/punkt_tab").is_dir() for folder in nltk.data.path):
        core = pytest.importorskip("llama_index.core", reason="carries punkt_tab")
        os.environ["NLTK_DATA"] = str(Path(core.__file__).parent / "_static/nltk_cache")
        nltk.data.path.append(os.environ["NLTK_DATA"])
    return lambda text: len(nltk.sent_tokenize(text))


def c4_lines(text: str, bad_words: Iterable[str] = ()) -> tuple[list[str], set[str]]:
    """The lines that C4's reference code keeps, and the conditions on which it drops the page (Raffel et al. 2020)."""
    words = "|".join(re.escape(word) for word in bad_words)
    bad = re.compile(f"[^a-z]({words})[^a-z]") if words else None
    kept, dropped = [], set()
    for line in text.splitlines():
        line = line.strip()
        if any(len(word) > 1000 for word in line.split()):
            continue
        line = CITATION.sub("", line)
        if not line.endswith((".", "?", "!", '"')) or line.endswith("..."):
            continue
        if len(line.split()) < 5:
            continue
        lower = line.lower()
        if "lorem ipsum" in lower:
            dropped.add("lorem_ipsum")
        if "javascript" in lower:
            continue
        if "{" in line:
            dropped.add("curly_bracket")
        if any(phrase in lower for phrase in POLICY):
            continue
        if bad and bad.search(lower):
            dropped.add("bad_words")
        kept.append(line)
    return kept, dropped


def blocks(text: str) -> list[str]:
    """Paragraphs: the text's lines that hold more than white space, joined where no blank line parts them."""
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found if lines]


def as_lines(text: str) -> str:
    """The text as the extractors of those who wrote the rules give it: one line feed between blocks."""
    return "\n".join(blocks(text))


def gopher_quality(text: str) -> set[str]:
    """Rules of Gopher that a text fails (Rae et al. 2021, appendix A1), words split at white space."""
    words, lines = text.split(), as_lines(text).splitlines()
    count = len(words) or math.inf
    plain = {word.lower().translate(str.maketrans("", "", punctuation)) for word in words}
    bullets = tuple("*-·–•‣■□▪▫▶◀◦")
    failed = {
        "min_words": len(words) < 50,
        "max_words": len(words) > 100_000,
        "min_mean_word_length": sum(map(len, words)) / count < 3,
        "max_mean_word_length": sum(map(len, words)) / count > 10,
        "hashes": text.count("#") / count > 0.1,
        "ellipses": (text.count("...") + text.count("…")) / count > 0.1,
        "bullet_lines": sum(line.lstrip().startswith(bullets) for line in lines) / (len(lines) or 1) > 0.9,
        "ellipsis_lines": sum(line.rstrip().endswith(("...", "…")) for line in lines) / (len(lines) or 1) > 0.3,
        "alphabetic_words": sum(any(map(str.isalpha, word)) for word in words) / count < 0.8,
        "stop_words": len(GOPHER_WORDS & plain) < 2,
    }
    return {rule for rule, fails in failed.items() if fails}


def grams(words: list[str], size: int) -> list[tuple[str, ...]]:
    """All n-grams, in order."""
    return [tuple(words[place : place + size]) for place in range(len(words) - size + 1)]


def covered(words: list[str], size: int) -> int:
    """Characters of words in repeated n-grams, each once."""
    found = grams(words, size)
    counts = Counter(found)
    marked = {place + step for place, gram in enumerate(found) if counts[gram] > 1 for step in range(size)}
    return sum(len(words[place]) for place in marked)


def top(words: list[str], size: int) -> int:
    """Characters of all occurrences of the most frequent repeated n-gram, the longest of equals."""
    counts = Counter(grams(words, size))
    most = max(counts.values(), default=0)
    return 0 if most < 2 else most * max(sum(map(len, gram)) for gram, count in counts.items() if count == most)


def gopher_repetition(text: str) -> set[str]:
    """Rules of Gopher's table A1 that a text fails: coverage for n-grams, repetitions but the first for lines."""
    given, text = text, as_lines(text)
    words = text.split()
    characters, word_characters = len(text) or 1, sum(map(len, words)) or 1
    lines = [line for line in text.split("\n") if line.strip()]
    paragraphs = blocks(given.strip()) or [""]

    def later(items: list[str]) -> list[str]:
        seen: set[str] = set()
        return [item for item in items if item in seen or seen.add(item)]  # type: ignore[func-returns-value]

    failed = {
        "duplicate_lines": len(later(lines)) / (len(lines) or 1) > 0.3,
        "duplicate_line_characters": sum(map(len, later(lines))) / characters > 0.2,
        "duplicate_paragraphs": len(later(paragraphs)) / len(paragraphs) > 0.3,
        "duplicate_paragraph_characters": sum(map(len, later(paragraphs))) / characters > 0.2,
    }
    for size, bound in ((2, 0.2), (3, 0.18), (4, 0.16)):
        failed[f"top_{size}gram"] = top(words, size) / word_characters > bound
    for size, bound in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.1)):
        failed[f"duplicate_{size}grams"] = covered(words, size) / word_characters > bound
    return {rule for rule, fails in failed.items() if fails}


def dolma(text: str) -> dict[str, float]:
    """The repetition attributes of Dolma's Gopher tagger."""
    words, lines = text.split(), text.split("\n")
    characters = sum(map(len, words)) or 1
    counts = Counter(lines)
    found = {
        "fraction_duplicate_lines_dolma": sum(n for n in counts.values() if n > 1) / len(lines),
        "fraction_characters_duplicate_lines_dolma": sum(len(k) * n for k, n in counts.items() if n > 1) / characters,
    }
    for size in range(2, 11):
        tally = Counter(grams(words, size))
        sizes = {gram: sum(map(len, gram)) for gram in tally}
        if size < 5:
            gram, count = tally.most_common(1)[0] if tally else ((), 0)
            found[f"fraction_characters_top_{size}gram_dolma"] = count * sizes.get(gram, 0) / characters
        else:
            whole = sum(sizes[gram] * count for gram, count in tally.items())
            again = sum(sizes[gram] * count for gram, count in tally.items() if count > 1)
            found[f"fraction_characters_duplicate_{size}grams_dolma"] = again / whole if whole else 0.0
    return found


def redpajama(text: str) -> dict[str, float]:
    """RedPajama-v2's natural-language and repetition signals, unrounded, null as 0."""
    normal = unicodedata.normalize("NFD", text.translate(str.maketrans("", "", punctuation)).lower())
    plain, raw = normal.split(), re.findall(r"\w+|[^\w\s]+", text)
    lines = re.findall(r"[^\n]*\n|[^\n]+$", text)
    counts, total, letters = Counter(plain), len(plain) or 1, sum(map(len, plain)) or 1
    found: dict[str, float] = {
        "rps_doc_word_count": len(plain),
        "rps_doc_mean_word_length": sum(map(len, plain)) / total,
        "rps_doc_num_sentences": len(re.findall(r"\b[^.!?]+[.!?]*", text)),
        "rps_doc_symbol_to_word_ratio": sum(map(text.count, ("#", "...", "…"))) / (len(raw) or 1),
        "rps_doc_frac_no_alph_words": 1 - sum(bool(re.search("[a-zA-Z]", word)) for word in raw) / len(raw)
        if raw
        else 0,
        "rps_doc_frac_all_caps_words": sum(map(str.isupper, raw)) / (len(raw) or 1),
        "rps_doc_frac_unique_words": len(counts) / total,
        "rps_doc_unigram_entropy": -sum(n / total * math.log(n / total) for n in counts.values()),
        "rps_doc_curly_bracket": (text.count("{") + text.count("}")) / (len(text) or 1),
        "rps_doc_frac_lines_end_with_ellipsis": sum(x.rstrip().endswith(("...", "…")) for x in lines)
        / (len(lines) or 1),
        "rps_lines_ending_with_terminal_punctuation_mark": sum(x.rstrip().endswith((".", "!", "?", "”")) for x in lines)
        / (len(lines) or 1),
    }
    for size in (2, 3, 4):
        gram, count = (Counter(grams(plain, size)).most_common(1) or [((), 0)])[0]
        found[f"rps_doc_frac_chars_top_{size}gram"] = sum(map(len, gram)) * count / letters if count > 1 else 0.0
    for size in range(5, 11):
        found[f"rps_doc_frac_chars_dupe_{size}grams"] = covered(plain, size) / letters
    return found


def fineweb_paper(text: str, terminal: Iterable[str]) -> set[str]:
    """FineWeb's rules as the paper's text words them (Penedo et al. 2024, section 3.6)."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return {"terminal_lines"}
    seen: set[str] = set()
    repeated = 0
    for line in lines:
        repeated += len(line) if line in seen else 0
        seen.add(line)
    failed = {
        "terminal_lines": sum(line.endswith(tuple(terminal)) for line in lines) / len(lines) <= 0.12,
        "duplicate_line_characters": repeated / len(text.replace("\n", "")) >= 0.1,
        "short_lines": sum(len(line) <= 30 for line in lines) / len(lines) >= 0.67,
    }
    return {rule for rule, fails in failed.items() if fails}


def datatrove_failure(block: object, text: str) -> str | None:
    """The reason for which a datatrove filter drops a text, or None."""
    from datatrove.data import Document

    try:
        result = block.filter(Document(text=text, id="0"))  # type: ignore[attr-defined]
    except ZeroDivisionError:
        return "ZeroDivisionError"
    return None if result is True else str(result[1])
