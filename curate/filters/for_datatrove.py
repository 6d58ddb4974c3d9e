"""A pack as one filter block of a datatrove pipeline. Knows packs and datatrove's filter interface."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter

from curate.filters.loading import load
from curate.text.columns import as_column

_BATCH = 512
"""Documents evaluated together: enough to spread the cost of a call, few enough to hold in memory."""


class CurateFilter(BaseFilter):  # type: ignore[misc]
    """Edits documents by a pack and drops those that fail a rule; the reason is the first rule that fails.

    Every rule that fails is counted in the block's statistics as `failed_RULE`. A kept document has the pack's edits in
    its text and its metrics in `metadata["curate"]`; a dropped one keeps the text it came with.
    """

    name = "Curate pack"

    def __init__(
        self,
        pack: str,
        *,
        base: str | Path | None = None,
        overrides: Mapping[str, Mapping[str, float | None]] | None = None,
        lists: Mapping[str, str] | None = None,
        exclusion_writer: Any = None,
        batch_size: int = _BATCH,
    ) -> None:
        """Arguments as `curate.filters.load`; `exclusion_writer` and `batch_size` as datatrove's filters have them."""
        self.pack = load(pack, base=base, overrides=overrides, lists=lists)
        self.name = f"Curate pack: {self.pack.name}"
        super().__init__(exclusion_writer, batch_size)

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """One document; see `filter_batch`."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        """Per document True, or (False, the name of the first rule that fails)."""
        applied = self.pack.apply(as_column([document.text for document in batch]))
        verdicts = self.pack.verdicts(applied.metrics)
        texts = applied.texts.to_pylist()
        metrics = {name: column.to_pylist() for name, column in applied.metrics.items()}
        results: list[bool | tuple[bool, str]] = []
        for row, document in enumerate(batch):
            failed = [rule for rule, fails in verdicts.items() if fails[row]]
            for rule in failed:
                self.stat_update(f"failed_{rule}")
            if failed:
                results.append((False, failed[0]))
                continue
            document.text = texts[row]
            document.metadata["curate"] = {name: column[row] for name, column in metrics.items()}
            results.append(True)
        return results
