"""One validation set for all mixes: texts of which none is a copy of another, nor in any mix. Knows texts and shards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from curate.errors import ConfigError
from curate.shards import ShardReader
from curate.tokens import load_recorded
from curate.trainer.evaluate.evaluate import encode
from curate.trainer.evaluate.overlap import overlaps
from curate.trainer.evaluate.tasks import read_lines


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
    texts: Mapping[str, str], mixes: Mapping[str, str], overlap: float, limit: int | None
) -> tuple[Domain, ...]:
    """The texts of each domain's file that are in no mix: of which none holds more than `overlap` of the runs of 13 tokens.

    Raises ValueError where a domain has fewer than two texts left: from one no error can be estimated.
    """
    seen: set[bytes] = set()
    domains = []
    for name, path in texts.items():
        rows = [row["text"] for row in read_lines(path)]
        kept: list[int] = []
        copies = 0
        for line, text in enumerate(rows):
            if limit is not None and len(kept) == limit:
                break
            digest = hashlib.sha256(" ".join(text.lower().split()).encode()).digest()
            if not text.strip() or digest in seen:
                copies += 1
                continue
            seen.add(digest)
            kept.append(line)
        inside = {mix: _inside(data, [rows[line] for line in kept], overlap) for mix, data in mixes.items()}
        out = np.any(list(inside.values()), axis=0)
        items = tuple(line for line, gone in zip(kept, out.tolist(), strict=True) if not gone)
        counts = {mix: int(gone.sum()) for mix, gone in inside.items()}
        if len(items) < 2:
            raise ConfigError(
                f"evaluation.texts.{name}: {len(items)} of {len(kept)} texts are in no mix ({counts}); at least 2 are needed"
            )
        domains.append(Domain(name, path, items, copies, counts))
    return tuple(domains)


def _inside(data: str, rows: list[str], overlap: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    tokenizer = load_recorded(ShardReader(data).tokenizer)
    shares = overlaps(data, encode(tokenizer, rows))
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.nan_to_num(shares) > overlap
    return inside
