"""One validation set for all mixes: texts of which none is a copy of another, nor in any mix. Knows texts and shards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curate.errors import ConfigError
from curate.shards import ShardReader
from curate.tokens import load_recorded
from curate.trainer.evaluate.evaluate import encode
from curate.trainer.evaluate.overlap import overlaps
from curate.trainer.evaluate.rows import read_texts


@dataclass(frozen=True)
class Domain:
    """A domain's texts: which lines of its file are used, and how many were left out why."""

    name: str
    path: str
    items: tuple[int, ...]
    copies: int
    """Equal to an earlier text, or empty."""
    in_mixes: Mapping[str, int]
    """Left out because of each mix; a text may count for several."""


def choose_texts(
    texts: Mapping[str, str], mixes: Mapping[str, str], overlap: float, limit: int | None, *, held_back: bool = False
) -> tuple[Domain, ...]:
    """The texts of each domain's file that are in no mix: of which none holds more than `overlap` of the runs of 13 tokens.

    With a `limit` as many texts of a file as that are looked at, those of smallest hash, wherever they stand. Raises
    ConfigError where a domain has fewer than two texts left, since from one no error can be estimated; of texts that runs
    held back, where no domain has two.
    """
    seen: set[bytes] = set()
    domains: list[Domain] = []
    short: list[str] = []
    for name, path in texts.items():
        rows = read_texts(path)
        digests = {line: _digest(text) for line, text in enumerate(rows) if text.strip()}
        first: dict[int, bytes] = {}
        for line, digest in digests.items():
            if digest not in seen:
                seen.add(digest)
                first[line] = digest
        copies = len(rows) - len(first)
        kept = sorted(sorted(first, key=lambda line: first[line])[:limit])
        inside = {mix: _inside(data, [rows[line] for line in kept], overlap) for mix, data in mixes.items()}
        out = np.any(list(inside.values()), axis=0)
        items = tuple(line for line, gone in zip(kept, out.tolist(), strict=True) if not gone)
        counts = {mix: int(gone.sum()) for mix, gone in inside.items()}
        if len(items) >= 2:
            domains.append(Domain(name, path, items, copies, counts))
        else:
            short.append(f"evaluation.texts.{name}: {len(items)} of {len(kept)} texts are in no mix ({counts})")
            if not held_back:
                raise ConfigError(f"{short[0]}; at least 2 are needed")
    if not domains:
        raise ConfigError(
            f"{'; '.join(short)}; at least 2 are needed of one source: name files of texts, make the runs with a larger "
            f"shards.validation, or let evaluation.overlap be more than {overlap:g}"
        )
    return tuple(domains)


def draw_texts(texts: Sequence[str], limit: int | None) -> list[str]:
    """At most `limit` of the texts, those of smallest hash, in their order."""
    digests = [_digest(text) for text in texts]
    return [texts[line] for line in sorted(sorted(range(len(texts)), key=lambda line: digests[line])[:limit])]


def _digest(text: str) -> bytes:
    """Equal for texts that differ in case and white space only."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).digest()


def _inside(data: str, rows: list[str], overlap: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    tokenizer = load_recorded(ShardReader(data).tokenizer)
    shares = overlaps(data, encode(tokenizer, rows))
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.nan_to_num(shares) > overlap
    return inside
