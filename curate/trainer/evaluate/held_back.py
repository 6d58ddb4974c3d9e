"""The validation texts of runs themselves: documents that their shards hold back from training, written out by source.

Knows shards and a tokenizer; knows no model.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from curate.errors import ConfigError
from curate.shards import ShardError, ShardReader
from curate.storage import is_safe_name
from curate.text.chance import draw
from curate.tokens import load_recorded
from curate.trainer.evaluate.own_tasks import write_rows

MOST_TEXTS = 1000
"""Texts of a source that are drawn where no limit says otherwise: enough that seeds, not texts, are the larger noise."""


def write_held_back(runs: Iterable[str], folder: Path, limit: int | None = None) -> dict[str, str]:
    """A file of texts for each source of the runs' validation shards, by the source's name.

    Of a source with more documents than `limit`, those of smallest draw by their ids, whichever run holds them back.
    Raises ConfigError where a run holds none back.
    """
    most = MOST_TEXTS if limit is None else limit
    found: dict[str, dict[bytes, tuple[int, str]]] = {}
    for run in runs:
        for source, documents in _drawn(run, most).items():
            found.setdefault(source, {}).update(documents)
    texts = {}
    for source, all_of in found.items():
        chosen = heapq.nsmallest(most, ((drawn, name, text) for name, (drawn, text) in all_of.items()))
        path = folder / f"{source}.jsonl.gz"
        write_rows(path, [{"id": name.hex(), "text": text} for _, name, text in chosen])
        texts[source] = str(path)
    return texts


def _drawn(run: str, most: int) -> dict[str, dict[bytes, tuple[int, str]]]:
    """By source and id, the draw and the text of the documents of smallest draw that a run holds back."""
    reader = ShardReader(run)
    try:
        entries = reader.split("validation")
    except ShardError:
        raise ConfigError(
            f"evaluation.texts: {run} holds no documents back (shards.validation is 0): name files of texts"
        ) from None
    tokenizer = load_recorded(reader.tokenizer)
    kept: dict[str, list[tuple[int, bytes, str]]] = {}
    for entry in entries:
        view = reader.open(entry)
        ids, sources = view.batch.column("id"), view.batch.column("source").to_numpy(zero_copy_only=False)
        draws = draw(ids, 0, "held-back")
        for source in sorted(set(sources.tolist())):
            if not is_safe_name(source):  # shards come from anywhere, and a file is named by it
                raise ConfigError(f"evaluation.texts: {run} names a source {source!r}, which can name no file")
            rows = np.flatnonzero(sources == source)
            rows = rows[np.argsort(draws[rows], kind="stable")[:most]]
            mine = kept.setdefault(source, [])
            for row in rows.tolist():
                text = tokenizer.text(view.tokens[view.offsets[row] : view.offsets[row + 1]], reader.tokenizer)
                mine.append((int(draws[row]), ids[row].as_py(), text))
            kept[source] = heapq.nsmallest(most, mine)
    return {source: {name: (drawn, text) for drawn, name, text in mine} for source, mine in kept.items()}
