"""Thresholds and stop words by language: the file that a pack of several languages names, and which line is whose.

The file has a JSON object a line. The first says where the numbers come from; each other has `language` (`iso3_Script`),
`code` (ISO 639-1, or empty), `stopwords`, and numbers by name. Lines of one code come largest first. Knows languages and
scripts; knows no rule.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

from curate.errors import nearest
from curate.filters.errors import PackError

STOP_WORDS = "stopwords"
_ALIASES = MappingProxyType({"no": "nb", "iw": "he", "in": "id", "sh": "sr"})
"""ISO 639-1 codes of a macrolanguage or of old that models give, and the code of the line that is meant."""
_LOOKED_AT = 2000
"""Characters of a text by which its script is told; enough for a page of two scripts to show the larger."""
_SCRIPT_NAMES = MappingProxyType({
    "LATIN": "Latn", "CYRILLIC": "Cyrl", "ARABIC": "Arab", "DEVANAGARI": "Deva", "BENGALI": "Beng", "GURMUKHI": "Guru",
    "GUJARATI": "Gujr", "ORIYA": "Orya", "TAMIL": "Taml", "TELUGU": "Telu", "KANNADA": "Knda", "MALAYALAM": "Mlym",
    "CJK": "Hani", "HIRAGANA": "Jpan", "KATAKANA": "Jpan", "HANGUL": "Hang", "GREEK": "Grek", "HEBREW": "Hebr",
    "ARMENIAN": "Armn", "GEORGIAN": "Geor", "THAI": "Thai", "LAO": "Laoo", "TIBETAN": "Tibt", "MYANMAR": "Mymr",
    "KHMER": "Khmr", "ETHIOPIC": "Ethi", "SINHALA": "Sinh", "MONGOLIAN": "Mong", "TIFINAGH": "Tfng", "NKO": "Nkoo",
    "SYRIAC": "Syrc", "CHEROKEE": "Cher", "THAANA": "Thaa",
})  # fmt: skip
"""First word of a letter's name in Unicode's data, and ISO 15924's code of its script."""


@dataclass(frozen=True)
class LanguageValues:
    """One language's line: `numbers` by name, and its stop words."""

    language: str
    code: str
    numbers: Mapping[str, float]
    stop_words: tuple[str, ...]


@dataclass(frozen=True)
class LanguageTable:
    """All lines of a file, in its order. `source` is what its first line says."""

    path: str
    source: str
    lines: tuple[LanguageValues, ...]

    @cached_property
    def by_language(self) -> Mapping[str, LanguageValues]:
        """The lines by `iso3_Script`."""
        return {line.language: line for line in self.lines}

    @cached_property
    def _named(self) -> Mapping[str, tuple[str, ...]]:
        """By code, ISO 639-1 or 639-3: the lines that it can mean, one a script, largest first."""
        found: dict[str, dict[str, str]] = {}
        for line in self.lines:
            iso3, _, script = line.language.partition("_")
            for code in {line.code, iso3} - {""}:
                found.setdefault(code, {}).setdefault(script, line.language)
        return {code: tuple(scripts.values()) for code, scripts in found.items()}

    def meant_by(self, code: str) -> tuple[str, ...]:
        """The lines that a code can mean, one a script, largest first: `sr` is srp_Cyrl or srp_Latn. Empty: none."""
        if code in self.by_language:
            return (code,)
        return self._named.get(_ALIASES.get(code, code), ())

    def of_text(self, code: str, text: str) -> str | None:
        """The line for a text in a language: that of its script, else the largest. None where there is none."""
        meant = self.meant_by(code)
        if len(meant) < 2:
            return meant[0] if meant else None
        script = script_of(text)
        return next((each for each in meant if each.endswith(f"_{script}")), meant[0])

    def largest(self, code: str) -> LanguageValues:
        """The largest line that a code can mean. Raises PackError where there is none."""
        meant = self.meant_by(code)
        if not meant:
            raise PackError(f"{self.path}: no language {code!r}{nearest(code, self._named)}")
        return self.by_language[meant[0]]

    def chosen(self, codes: Iterable[str]) -> tuple[LanguageValues, ...]:
        """The lines that codes can mean, in the file's order. Raises PackError for a code that means none."""
        named = set()
        for code in codes:
            self.largest(code)
            named |= set(self.meant_by(code))
        return tuple(line for line in self.lines if line.language in named)


@lru_cache(maxsize=8)
def _read(path: str, changed: int) -> LanguageTable:
    try:
        head, *lines = Path(path).read_text(encoding="utf-8").splitlines()
        told = json.loads(head)
        values = tuple(_values(json.loads(line)) for line in lines)
    except (ValueError, KeyError, TypeError) as error:
        raise PackError(f"{path}: not a file of languages ({type(error).__name__}: {error})") from None
    return LanguageTable(path, f"{told.get('source', '')} {told.get('commit', '')}".strip(), values)


def _values(line: Mapping[str, object]) -> LanguageValues:
    numbers = {key: float(value) for key, value in line.items() if isinstance(value, int | float)}
    words = line[STOP_WORDS]
    if not isinstance(words, Sequence) or isinstance(words, str):
        raise ValueError(f"{STOP_WORDS} of {line['language']} is no list")
    return LanguageValues(str(line["language"]), str(line["code"]), numbers, tuple(map(str, words)))


def read_languages(path: Path) -> LanguageTable:
    """The file's lines. Raises PackError where it cannot be read or is no such file."""
    try:
        return _read(str(path), path.stat().st_mtime_ns)
    except OSError as error:
        raise PackError(f"cannot be read: {error.strerror or error}", file=str(path)) from None


@lru_cache(maxsize=1 << 16)
def _script(character: str) -> str:
    return _SCRIPT_NAMES.get(unicodedata.name(character, "").split(" ")[0].split("-")[0], "")


def script_of(text: str) -> str:
    """ISO 15924's code of the script that most letters of a text's beginning are of; empty where it has none.

    >>> script_of("Добар дан"), script_of("Dobar dan 12")
    ('Cyrl', 'Latn')
    """
    counts: dict[str, int] = {}
    for character in text[:_LOOKED_AT]:
        script = _script(character) if character.isalpha() else ""
        if script:
            counts[script] = counts.get(script, 0) + 1
    return max(counts, key=lambda script: (counts[script], script), default="")
