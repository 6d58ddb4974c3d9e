"""tiktoken's encodings taken apart, put together, and written as a `tokenizer.json`.

The only place that touches the library's private attributes. Knows ranks and patterns; knows no text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tiktoken
from tiktoken_ext.openai_public import r50k_pat_str  # type: ignore[import-untyped]

END_OF_TEXT = "<|endoftext|>"
_BYTES = 256


_PRINTABLE = (range(ord("!"), ord("~") + 1), range(ord("¡"), ord("¬") + 1), range(ord("®"), ord("ÿ") + 1))
_CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]|\s+(?!\S)|\s+"
)
_R50K = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


@dataclass(frozen=True)
class Scheme:
    """A way of splitting text: how tiktoken's pattern for it begins, gigatoken's name, a `tokenizer.json`'s expression."""

    begins: str
    name: str
    expression: str | None


SCHEMES = (
    Scheme(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}", "gpt2", _R50K),
    Scheme(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?", "gpt4", _CL100K),
    Scheme(r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s", "o200k", None),
)
"""Those of tiktoken's encodings; an expression of None is the pattern itself. What is chosen here is proved before use."""


@dataclass(frozen=True)
class Parts:
    """What an encoding is made of: tokens' bytes with their ranks, which are their ids, and the special tokens."""

    pattern: str
    ranks: Mapping[bytes, int]
    special: Mapping[str, int]

    @property
    def scheme(self) -> Scheme | None:
        """How the text is split, where the pattern is a known one."""
        return next((scheme for scheme in SCHEMES if self.pattern.startswith(scheme.begins)), None)

    @property
    def digest(self) -> str:
        """SHA-256 over every token's bytes in order of rank, the pattern and the special tokens."""
        digest = hashlib.sha256(self.pattern.encode())
        for token, rank in by_rank(self.ranks):
            digest.update(b"%d %d " % (rank, len(token)) + token)
        digest.update(repr(sorted(self.special.items())).encode())
        return digest.hexdigest()

    def to_json(self) -> bytes:
        """The same as a `tokenizer.json`. Raises ValueError where the pattern is not a known one.

        A rank file says which tokens there are; which two a token is merged from follows from merging its bytes by the
        ranks below its own.
        """
        if self.scheme is None:
            raise ValueError(f"no tokenizer.json can say the splitting pattern {self.pattern!r}")
        letters = byte_letters()
        spell = {token: "".join(letters[value] for value in token) for token in self.ranks}
        merges = [_last_merge(token, rank, self.ranks) for token, rank in by_rank(self.ranks) if len(token) > 1]
        added = [
            {"id": rank, "content": name, "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            for name, rank in sorted(self.special.items(), key=lambda item: item[1])
        ]
        split = {"Regex": self.scheme.expression or self.pattern}
        levels = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        content: dict[str, Any] = {
            "version": "1.0",
            "added_tokens": added,
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [{"type": "Split", "pattern": split, "behavior": "Isolated", "invert": False}, levels],
            },
            "decoder": levels | {"use_regex": True},
            "model": {
                "type": "BPE",
                "vocab": {spell[token]: rank for token, rank in by_rank(self.ranks)}
                | dict(self.special),  # at their own ids
                "merges": [[spell[part] for part in merge] for merge in merges if merge],
            },
        }
        return json.dumps(content, ensure_ascii=False).encode()


def by_rank(ranks: Mapping[bytes, int]) -> list[tuple[bytes, int]]:
    """Tokens' bytes with their ranks, in order of rank."""
    return sorted(ranks.items(), key=lambda item: item[1])


def to_file(ranks: Mapping[bytes, int]) -> bytes:
    """The ranks as lines of a token in base64 and its rank; what `from_file` reads."""
    return b"".join(base64.b64encode(token) + b" %d\n" % rank for token, rank in by_rank(ranks))


_MOST_RANKS = 1 << 24
"""Ranks are below: the largest vocabularies published have some 2^18 tokens, and tables are as long as the largest id."""


def take_apart(encoding: tiktoken.Encoding) -> Parts:
    """The parts of an encoding."""
    return Parts(encoding._pat_str, encoding._mergeable_ranks, encoding._special_tokens)


def from_file(name: str, content: bytes) -> tiktoken.Encoding:
    """The encoding of lines of a token in base64 and its rank: GPT-2's pattern, end-of-text after the last token.

    Raises ValueError where a line is something else.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(content.splitlines(), 1):
        try:
            if line:
                token, number_text = line.split()
                rank = int(number_text)
                if not 0 <= rank < _MOST_RANKS:
                    raise ValueError(rank)
                ranks[base64.b64decode(token, validate=True)] = rank
        except ValueError as error:
            found = f"{name}, line {number}: expected a token in base64 and its rank, found {line[:40]!r}"
            raise ValueError(found) from error
    if len(set(ranks.values())) < len(ranks):
        raise ValueError(f"{name}: two tokens have the same rank, so one of them could not be told from the other")
    if any(bytes([value]) not in ranks for value in range(_BYTES)):
        raise ValueError(f"{name}: not every byte has a token, so not every text could be encoded")
    special = {END_OF_TEXT: max(ranks.values()) + 1}
    return tiktoken.Encoding(name, pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens=special)


def byte_letters() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary (GPT-2's release, src/encoder.py, by which
    printable Latin-1 stands for itself and the other bytes, in order, for the characters from U+0100 on)."""
    printable = {value for values in _PRINTABLE for value in values}
    others = iter(range(_BYTES, 2 * _BYTES))
    return [chr(value if value in printable else next(others)) for value in range(_BYTES)]


def _last_merge(token: bytes, rank: int, ranks: Mapping[bytes, int]) -> tuple[bytes, bytes] | None:
    """The two tokens of lower rank that a token is made of last; None where merging does not get there."""
    parts = [token[index : index + 1] for index in range(len(token))]
    while len(parts) > 2:
        joined = [ranks.get(parts[index] + parts[index + 1], rank) for index in range(len(parts) - 1)]
        least = min(joined)
        if least >= rank:
            return None
        at = joined.index(least)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]
