"""Words of a language, as datatrove splits them: by spaCy, jieba, PyThaiNLP and others, which its table assigns.

Rules whose numbers were found on such words need them: punctuation marks are tokens of their own, and scripts without
spaces have words at all. spaCy's rules look at one run without white space at a time, so each different run is split once
and remembered. Knows texts and languages; knows no rule.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import DISTRIBUTION, ConfigError, MissingExtra
from curate.text.characters import LETTER, SYMBOL, tables
from curate.text.columns import text_column
from curate.text.hashing import word_code
from curate.text.scan import Words
from curate.text.view import TextView
from curate.text.word_spans import word_spans

_WHOLE_TEXT = ("zh", "ja", "ko", "th", "vi")
"""spaCy's languages whose words do not end at white space only: these read the whole text."""
_MOST_KNOWN = 1 << 20
"""Different runs remembered at once: some 100 MB. What is forgotten is split again, alike."""

_LONGEST_RUN = 256
"""Characters of a run that are given to spaCy at once. On longer runs, of marks above all, its rules take time that grows
with the square of the length; such runs are cut, and only there tokens can differ from datatrove's."""

_log = logging.getLogger(__name__)
_MOST_NAMED = 5  # languages named in an error

Tokens = list[str]


class Described(NamedTuple):
    """Tokens: the code and the characters of each, whether it has a letter, and whether a character that is no SYMBOL."""

    codes: NDArray[np.uint64]
    lengths: NDArray[np.int32]
    letters: NDArray[np.bool_]
    plain: NDArray[np.bool_]


BROUGHT = frozenset({"spacy", "jieba", "indicnlp", "pythainlp"})
"""The modules that the extra `languages` brings."""
_MODULES = {
    "SpaCyTokenizer": "spacy",
    "WhitespaceTokenizer": "spacy",
    "StanzaTokenizer": "stanza",
    "IndicNLPTokenizer": "indicnlp",
    "ThaiTokenizer": "pythainlp",
    "KiwiTokenizer": "kiwipiepy",
    "KhmerTokenizer": "khmernltk",
    "LaoTokenizer": "laonlp",
    "TibetanTokenizer": "botok",
    "BurmeseTokenizer": "pyidaungsu",
}
"""By datatrove's class, the module that it splits with."""
_MORE = {"zh": ("jieba",), "ja": ("sudachipy", "sudachidict_core"), "vi": ("pyvi",)}
"""What spaCy needs besides."""


def modules(language: str) -> tuple[str, ...]:
    """The modules that split words of a language, `iso3_Script`; none where datatrove's table has no such language.

    >>> modules("deu_Latn"), modules("jpn_Jpan")
    (('spacy',), ('spacy', 'sudachipy', 'sudachidict_core'))
    """
    from datatrove.utils.word_tokenizers import load_tokenizer_assignments

    made = load_tokenizer_assignments().get(language)
    kind, code = made.args if made is not None else ("", "")
    return (_MODULES[kind], *(_MORE.get(code, ()) if kind == "SpaCyTokenizer" else ())) if kind else ()


def check_words(languages: Iterable[str]) -> None:
    """Raise MissingExtra where words of a language cannot be split here, naming what is to be installed."""
    wanted: dict[str, list[str]] = {}
    for language in languages:
        for module in modules(language):
            if find_spec(module) is None:
                wanted.setdefault(module, []).append(language)
    if not wanted:
        return
    told = "; ".join(f"{module} for {', '.join(of[:_MOST_NAMED])}" for module, of in wanted.items())
    extra = f": pip install '{DISTRIBUTION}[languages]'" if set(wanted) <= BROUGHT else ""
    raise MissingExtra(f"words cannot be split without {told}{extra}")


@cache
def splitter(language: str) -> Splitter:
    """What splits texts of a language, `iso3_Script`.

    Raises ConfigError for a language that datatrove's table does not have, and MissingExtra where the library is not
    installed.
    """
    from datatrove.utils.word_tokenizers import SpaCyTokenizer, WhitespaceTokenizer, load_word_tokenizer

    if not modules(language):
        raise ConfigError(f"datatrove splits no words of {language!r}; languages are written iso3_Script, as deu_Latn")
    try:
        tokenizer = load_word_tokenizer(language)
        if "jieba" in modules(language):
            import_module("jieba").setLogLevel(logging.WARNING)  # importing it sets it to tell how its dictionary loads
        tokenizer.word_tokenize("a")  # what is loaded late is loaded now
    except ImportError as error:
        raise MissingExtra(
            f"words of {language} cannot be split: {error} (pip install '{DISTRIBUTION}[languages]' brings spaCy, Indic "
            "NLP, PyThaiNLP and jieba)"
        ) from error
    by_runs = type(tokenizer) in (SpaCyTokenizer, WhitespaceTokenizer) and tokenizer.language not in _WHOLE_TEXT
    return Splitter(tokenizer.word_tokenize, by_runs)


class Splitter:
    """Splits texts into tokens. `by_runs`: the function treats each run without white space by itself."""

    def __init__(self, tokenize: Callable[[str], Tokens], by_runs: bool) -> None:
        self._tokenize = tokenize
        self._by_runs = by_runs
        self._tokens: dict[str, tuple[int, int, bool, bool]] = {}
        self._forget()

    def _forget(self) -> None:
        self._runs = np.zeros(0, np.uint64)  # codes of known runs, sorted
        self._first = np.zeros(0, np.int64)  # of each, its first token in the four arrays below
        self._count = np.zeros(0, np.int64)
        self._told = _columns([])

    def view(self, texts: TextView) -> TextView:
        """The same texts with these words in place of those at white space."""
        found, offsets = self._by_run(texts) if self._by_runs else self._by_text(texts)
        return texts.with_words(Words(found.codes, found.lengths, offsets), found.letters, found.plain)

    def _by_run(self, texts: TextView) -> tuple[Described, NDArray[np.int64]]:
        words = texts.scan.words
        different, first_at, which = np.unique(words.codes, return_index=True, return_inverse=True)
        self._learn(texts, different, first_at)
        row = np.searchsorted(self._runs, different)
        counts = self._count[row][which]
        ends = np.cumsum(counts)
        token = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(
            self._first[row][which] - (ends - counts), counts
        )
        offsets = np.concatenate([[0], ends])[words.offsets].astype(np.int64)
        told = self._told
        return Described(told.codes[token], told.lengths[token], told.letters[token], told.plain[token]), offsets

    def _learn(self, texts: TextView, different: NDArray[np.uint64], first_at: NDArray[np.int64]) -> None:
        """Split the runs that were not seen before."""
        if len(self._runs) > _MOST_KNOWN:
            self._forget()
            self._tokens.clear()
        new = np.flatnonzero(~np.isin(different, self._runs, assume_unique=True))
        if not len(new):
            return
        starts, ends = word_spans(texts.model.data, texts.model.offsets, len(texts.scan.words.codes))
        data = texts.model.data
        split = [
            self._described(self._tokens_of_run(data[start:end].tobytes().decode("utf-8", "replace")))
            for start, end in zip(starts[first_at[new]].tolist(), ends[first_at[new]].tolist(), strict=True)
        ]
        counts = np.array([len(tokens) for tokens in split], np.int64)
        first = len(self._told[0]) + np.concatenate([[0], np.cumsum(counts)[:-1]])
        told = _columns([token for tokens in split for token in tokens])
        self._told = Described(
            np.concatenate([self._told.codes, told.codes]),
            np.concatenate([self._told.lengths, told.lengths]),
            np.concatenate([self._told.letters, told.letters]),
            np.concatenate([self._told.plain, told.plain]),
        )
        runs = np.concatenate([self._runs, different[new]])
        order = np.argsort(runs, kind="stable")
        self._runs = runs[order]
        self._first = np.concatenate([self._first, first])[order]
        self._count = np.concatenate([self._count, counts])[order]

    def _by_text(self, texts: TextView) -> tuple[Described, NDArray[np.int64]]:
        if len(self._tokens) > _MOST_KNOWN:
            self._tokens.clear()
        bounds = texts.model.offsets
        data = texts.model.data[bounds[0] : bounds[-1]]
        column = text_column(data, bounds - bounds[0], pa.large_string())
        split = [self._described(self._tokens_of(text)) for text in column.to_pylist()]
        offsets = np.zeros(len(split) + 1, np.int64)
        np.cumsum([len(tokens) for tokens in split], out=offsets[1:])
        return _columns([token for tokens in split for token in tokens]), offsets

    def _tokens_of(self, text: str) -> Tokens:
        """The library's tokens; on a text at which it raises, words at white space, so that none ends a run."""
        try:
            return self._tokenize(text)
        except Exception as error:
            _log.warning("a text of %d characters is split at white space: %s", len(text), error)
            return text.split()

    def _tokens_of_run(self, run: str) -> Tokens:
        if len(run) <= _LONGEST_RUN:
            return self._tokens_of(run)
        pieces = [run[start : start + _LONGEST_RUN] for start in range(0, len(run), _LONGEST_RUN)]
        known = {piece: self._tokens_of(piece) for piece in dict.fromkeys(pieces)}
        return [token for piece in pieces for token in known[piece]]

    def _described(self, tokens: Sequence[str]) -> list[tuple[int, int, bool, bool]]:
        known = self._tokens
        for token in tokens:
            if token not in known:
                known[token] = _describe(token)
        return [known[token] for token in tokens]


def _describe(token: str) -> tuple[int, int, bool, bool]:
    """(code, characters, whether there is a letter, whether there is a character that is no symbol)."""
    flags = tables().flags
    kinds = [int(flags[ord(character)]) for character in token]
    return word_code(token), len(token), any(kind & LETTER for kind in kinds), any(not kind & SYMBOL for kind in kinds)


def _columns(tokens: Sequence[tuple[int, int, bool, bool]]) -> Described:
    codes, lengths, letters, plain = zip(*tokens, strict=True) if tokens else ((), (), (), ())
    return Described(
        np.array(codes, np.uint64), np.array(lengths, np.int32), np.array(letters, np.bool_), np.array(plain, np.bool_)
    )
