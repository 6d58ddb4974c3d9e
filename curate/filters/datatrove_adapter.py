"""datatrove's blocks as steps: any filter, formatter or extractor by its dotted name, run by datatrove's own code.

A document that a block drops keeps its text and gets the block's reason; one on which the block raises gets the error
as its reason, and its neighbours go on. Knows datatrove's interface; knows no pack.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import pyarrow as pa
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.utils.stats import Stats

from curate.errors import nearest
from curate.filters.errors import PackError

NO_REASON = "dropped"
"""The reason of a document that a block drops without giving one."""
_MOST_ERROR_CHARACTERS = 200  # an error's message may quote the document


class _Excluded:
    """Takes the place of a filter's exclusion writer: notes what was dropped, and why."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def __enter__(self) -> "_Excluded":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def write(self, document: Any, rank: int = 0) -> None:
        self.reasons[document.id] = str(document.metadata.get("filter_reason", NO_REASON))


@dataclass(frozen=True)
class DatatroveStep:
    """A datatrove block, ready to be applied to columns of texts."""

    name: str
    block: Any

    def apply(
        self, texts: pa.Array, ids: Sequence[str] | pa.Array, urls: Sequence[str | None] | pa.Array
    ) -> tuple[pa.Array, list[str | None], dict[str, float]]:
        """(texts, reasons, statistics): the texts in the input's type, changed where the block changed a document that
        it let pass; per row why it was dropped, or None; the totals of the block's own statistics, without timings.

        A block sees documents with the id (bytes in hexadecimal) and, where there is one, metadata `url`.
        """
        before = texts.to_pylist()
        names = [str(place) for place in range(len(before))]
        given = zip(_python(ids), _python(urls), strict=True)
        metadata = [
            {"record_id": name.hex() if isinstance(name, bytes) else str(name)} | ({"url": url} if url else {})
            for name, url in given
        ]
        self.block.stats = Stats(str(self.block))
        excluded = _Excluded()
        if isinstance(self.block, BaseFilter):
            self.block.exclusion_writer = excluded
        passed: dict[str, str] = {}
        errors: dict[str, str] = {}
        waiting = [
            Document(text, name, metadata=about) for text, name, about in zip(before, names, metadata, strict=True)
        ]
        while waiting:
            waiting = self._run(waiting, passed, errors)
        reasons = [
            None if name in passed else errors.get(name) or excluded.reasons.get(name, NO_REASON) for name in names
        ]
        after = [passed.get(name, text) for name, text in zip(names, before, strict=True)]
        changed = texts if after == before else pa.array(after, texts.type)
        return changed, reasons, {label: float(stat.total) for label, stat in sorted(self.block.stats.stats.items())}

    def _run(self, documents: list[Any], passed: dict[str, str], errors: dict[str, str]) -> list[Any]:
        """Run the block until it ends or raises; returns the documents it has not seen because it raised."""
        taken = 0

        def feed() -> Iterator[Any]:
            nonlocal taken
            for document in documents:
                taken += 1
                yield document

        try:
            for document in self.block.run(feed(), 0, 1):
                passed[document.id] = document.text
        except Exception as error:
            culprits = documents[max(0, taken - getattr(self.block, "batch_size", 1)) : taken]
            if len(culprits) > 1:  # the block takes batches: find the culprit by itself
                for document in culprits:
                    if document.id not in passed:
                        self._run([document], passed, errors)
            elif culprits:
                message = f"{type(error).__name__}: {error}"
                errors[culprits[0].id] = "error: " + message[:_MOST_ERROR_CHARACTERS]
            return documents[taken:]
        return []


def _python(values: Sequence[Any] | pa.Array) -> Sequence[Any]:
    return values.to_pylist() if isinstance(values, pa.Array | pa.ChunkedArray) else values


_FILTERS = "datatrove.pipeline.filters"


def _filters_like(block: str) -> str:
    """datatrove's own filter of nearly this name, with its module."""
    there = [name for name in dir(importlib.import_module(_FILTERS)) if name.endswith("Filter")]
    begin = [name for name in there if name.startswith(block.removesuffix("Filter"))]
    if block and begin:
        names = " or ".join(f"'{_FILTERS}.{name}'" for name in begin)
        return f"; did you mean {names}?"
    near = nearest(block, [name for name in there if name != "BaseFilter"])
    return near.replace("mean '", f"mean '{_FILTERS}.") if "mean" in near else f", as in {_FILTERS}.GopherQualityFilter"


def datatrove_step(block: str, args: Mapping[str, Any] | None = None) -> DatatroveStep:
    """A datatrove block by its dotted name, made with keyword arguments.

    Raises PackError where there is no such block, or where it refuses the arguments.
    """
    module_name, _, class_name = block.rpartition(".")
    if not module_name:
        raise PackError(f"datatrove block {block!r}: write its module too{_filters_like(block)}")
    try:
        module = importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        raise PackError(f"datatrove block {block!r}: cannot import {module_name!r}: {error}") from None
    kind = getattr(module, class_name, None)
    if not (isinstance(kind, type) and issubclass(kind, PipelineStep)):
        known = [
            name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, PipelineStep)
        ]
        raise PackError(
            f"datatrove block {block!r}: {module_name} has no block {class_name!r}{nearest(class_name, known)}"
        )
    try:
        return DatatroveStep(block, kind(**(args or {})))
    except (TypeError, ValueError, ImportError) as error:
        raise PackError(f"datatrove block {block!r}: cannot be made with {dict(args or {})!r}: {error}") from None
