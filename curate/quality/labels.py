"""Labels of documents from any table of JSON Lines or Parquet: numbers, or words with the numbers that they stand for.

Several columns are several properties, each brought to 0..1, and their mean is learned. Several rows of one document, by as
many labellers, are one label, their mean. Knows tables; knows no classifier.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate import ingest
from curate.errors import ConfigError
from curate.records.documents import DOCUMENTS
from curate.records.metadata import RAW
from curate.storage import list_files

_PARQUET = (".parquet", ".pq")
_MOST_SHOWN = 5  # values named in a message


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold the text, the properties, who labelled, and the group (a language, say)."""

    targets: tuple[str, ...]
    text: str = "text"
    labeller: str | None = None
    group: str | None = None
    words: Mapping[str, float] | None = None
    """What words stand for, such as good: 4."""


@dataclass(frozen=True)
class Labelled:
    """Documents with labels from 0 to 1: `ids` binary(16), `urls` string with nulls, `texts` large_string."""

    ids: pa.Array
    urls: pa.Array
    texts: pa.Array
    labels: NDArray[np.float64]
    groups: NDArray[np.str_]
    lowest: float
    highest: float
    """What 0 and 1 stand for; of several properties 0 and 1 themselves."""

    def take(self, rows: NDArray[Any]) -> Labelled:
        """These rows, in this order."""
        chosen = pa.array(rows)
        ids, urls, texts = (column.take(chosen) for column in (self.ids, self.urls, self.texts))
        return Labelled(ids, urls, texts, self.labels[rows], self.groups[rows], self.lowest, self.highest)


def read_labels(patterns: Sequence[str], columns: Columns) -> Labelled:
    """The labelled documents of these files; rows of one text are one document, its label their mean.

    Raises ConfigError naming a value that is no number and no known word, or where nothing is labelled.
    """
    sums: dict[str, list[Any]] = {}
    unknown: Counter[str] = Counter()
    for row in _rows(patterns, columns):
        values = [_number(row.carried.get(name), columns.words) for name in columns.targets]
        given = [value for value in values if value is not None]
        if len(given) < len(values):
            unknown.update(
                str(row.carried.get(name)) for name, value in zip(columns.targets, values, strict=True) if value is None
            )
            continue
        known = sums.setdefault(row.text, [row, np.zeros(len(given)), 0])
        known[1] = known[1] + given
        known[2] += 1
    if not sums:
        raise ConfigError(_nothing(columns, unknown))
    if any(value not in ("None", "") for value in unknown):
        raise ConfigError(_unread(columns, unknown))
    rows = [known[0] for known in sums.values()]
    labels = np.stack([known[1] / known[2] for known in sums.values()])
    lowest, highest = labels.min(axis=0), labels.max(axis=0)
    if not (highest > lowest).all():
        constant = columns.targets[int(np.argmin(highest > lowest))]
        raise ConfigError(f"every document has the same {constant!r}: there is nothing to learn")
    table = pa.Table.from_pydict(
        {"id": [row.id for row in rows], "url": [row.url for row in rows], "text": [row.text for row in rows]},
        schema=DOCUMENTS,
    ).combine_chunks()
    groups = np.array([str(row.carried.get(columns.group) or "") if columns.group else "" for row in rows])
    one = len(columns.targets) == 1
    return Labelled(
        table.column("id").combine_chunks(),
        table.column("url").combine_chunks(),
        table.column("text").combine_chunks(),
        ((labels - lowest) / (highest - lowest)).mean(axis=1),
        groups,
        float(lowest[0]) if one else 0.0,
        float(highest[0]) if one else 1.0,
    )


def labels_by_labeller(patterns: Sequence[str], columns: Columns) -> dict[str, dict[str, float]]:
    """The labels (their own numbers) by labeller and document, the last where one labelled a text twice."""
    assert columns.labeller is not None
    found: dict[str, dict[str, float]] = {}
    for row in _rows(patterns, columns):
        value = _number(row.carried.get(columns.targets[0]), columns.words)
        if value is not None:
            found.setdefault(str(row.carried.get(columns.labeller)), {})[row.text] = value
    return found


@dataclass(frozen=True)
class _Row:
    id: bytes
    url: str | None
    text: str
    carried: Mapping[str, Any]


def _rows(patterns: Sequence[str], columns: Columns) -> Iterator[_Row]:
    wanted = [*columns.targets, *(name for name in (columns.labeller, columns.group) if name)]
    for file in list_files(patterns):
        format = "parquet" if file.path.endswith(_PARQUET) else "jsonl"
        tables = ingest.Columns(text=columns.text, metadata=wanted)
        for pages in ingest.read(file, "labels", format, tables, Counter()):
            rows = zip(*(pages.column(name).to_pylist() for name in (*DOCUMENTS.names, RAW)), strict=True)
            for id, url, text, carried in rows:
                if text:
                    yield _Row(id, url, text, json.loads(carried) if carried else {})


def _number(value: Any, words: Mapping[str, float] | None) -> float | None:
    if isinstance(value, str) and words and value.strip().lower() in words:
        return words[value.strip().lower()]
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _shown(values: Mapping[str, int]) -> str:
    return ", ".join(map(repr, sorted(values, key=lambda value: -values[value])[:_MOST_SHOWN]))


def _nothing(columns: Columns, unknown: Mapping[str, int]) -> str:
    if any(value not in ("None", "") for value in unknown):
        return _unread(columns, unknown)
    return f"no row of the labels has a text in {columns.text!r} and a value in {', '.join(map(repr, columns.targets))}"


def _unread(columns: Columns, unknown: Mapping[str, int]) -> str:
    words = {value: count for value, count in unknown.items() if value not in ("None", "")}
    return (
        f"{', '.join(map(repr, columns.targets))}: {sum(words.values()):,} values are no numbers, such as {_shown(words)}: "
        "say what words stand for, as in --values good=2,fair=1,poor=0"
    )
