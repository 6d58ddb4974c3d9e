"""A pack of several languages at work: each document is measured on the words of its language.

The line is chosen by the ledger's `language`, and by the script of the text where a language has several. A document
without one is measured on words at white space and fails the rule `without_thresholds`. Knows packs and batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from curate.errors import ConfigError
from curate.filters.packs import Pack
from curate.filters.step import CHOSEN, WITHOUT, unchanged
from curate.steps import Applied
from curate.text.view import TextView

_LANGUAGE = "language"
_SAMPLE = "Kernels are compiled here, before the tasks need them."


class _Evaluator:
    """The packs of all languages, ready."""

    statistics: Mapping[str, float] = {}
    changes_text = False

    def __init__(self, name: str, params: Mapping[str, Any]) -> None:
        self._name = name
        self._pack = unchanged(params)
        self._of: dict[str | None, Pack] = {None: self._pack}
        self._of |= {language: self._pack.of_language(language) for language in params["languages"]}

    def apply(self, view: TextView, batch: pa.RecordBatch) -> Applied:
        """See Evaluator.apply."""
        if _LANGUAGE not in batch.schema.names:
            raise ConfigError(
                f"{self._name}: a pack of several languages needs a `language` step before it, or `language` of its own"
            )
        chosen = self._choose(batch.column(_LANGUAGE).to_pylist(), view.texts)
        found: dict[str, np.ndarray[Any, Any]] = {}
        for language in sorted(set(chosen), key=str):
            rows = np.flatnonzero([each == language for each in chosen])
            part = view if len(rows) == len(chosen) else TextView(view.texts.take(pa.array(rows)))
            for metric, values in self._of[language].apply(part).metrics.items():
                numbers = np.asarray(values)
                found.setdefault(metric, np.zeros(len(chosen), numbers.dtype))[rows] = numbers
        for metric, kind in self._pack.metric_types().items():
            found.setdefault(metric, np.zeros(0, kind.to_pandas_dtype()))  # a batch without a document
        columns: dict[str, pa.Array] = {f"{self._name}.{metric}": pa.array(values) for metric, values in found.items()}
        columns[f"{self._name}.{CHOSEN}"] = pa.array(chosen, pa.string())
        columns[f"{self._name}.{WITHOUT}"] = pa.array([each is None for each in chosen], pa.bool_())
        return Applied(view, columns)

    def _choose(self, codes: list[str | None], texts: pa.Array) -> list[str | None]:
        """Per document, the line that it is judged by."""
        table = self._pack.languages
        chosen: list[str | None] = []
        for row, code in enumerate(codes):
            meant = table.meant_by(code) if table and code else ()
            if table and code and len(meant) > 1:
                line = table.of_text(code, texts[row].as_py())
            else:
                line = meant[0] if meant else None
            chosen.append(line if line in self._of else None)
        return chosen


def evaluator(name: str, params: Mapping[str, Any]) -> _Evaluator:
    """The step made ready from `Evaluation.params`. Raises CurateError where the pack is not what it was."""
    return _Evaluator(name, params)


def compile_kernels(params: Mapping[str, Any]) -> None:
    """Compile what the pack's metrics run, once per machine."""
    unchanged(params).apply(pa.array([_SAMPLE]))
