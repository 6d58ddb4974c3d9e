"""Who extracts a batch of pages: the project's own engine in the process that asks, any other in a child.

The own parse is linear in a page's bytes and writes within arrays whose sizes follow from them, so no child process, clock
or memory limit is needed. Where a process was killed at this all the same, the pages are first put through a child, one
that may be killed, and those it died of are left out. Knows Arrow batches and limits; nothing of how text is found.
"""

from __future__ import annotations

import functools

import pyarrow as pa

from curate.extract.engines import DEFAULT, OWN
from curate.extract.forms import Form
from curate.extract.html.extracting import Extracted, extract_page
from curate.extract.html.metadata import FIELDS
from curate.extract.limits import CRASH, MEMORY, TIMEOUT, Limits
from curate.extract.sandbox import EXTRACTED, Extractor

_KILLED = frozenset({CRASH, MEMORY, TIMEOUT})
"""Reasons of the pages that a child died of."""


SAID = pa.schema([(f"meta.{field}", pa.string()) for field in FIELDS])
"""What pages say of themselves, as columns of the ledger."""


class OwnExtractor:
    """Extracts with the project's own engine: exact limits on bytes, tags and blocks, no child, no clock.

    `form` says how text is written; with `metadata` rows have the columns of SAID too. `guarded` puts each batch through
    a child first: for pages of which one killed its process before.
    """

    def __init__(
        self, form: Form | None = None, limits: Limits | None = None, guarded: bool = False, metadata: bool = False
    ) -> None:
        self.form = form or Form()
        self.metadata = metadata
        self.limits = limits or Limits()
        self._guard = Extractor(OWN, self.limits) if guarded else None

    def extract(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows of EXTRACTED, and of SAID with metadata, one per row of `batch`, in its order.

        `batch` has `body: large_binary`, the page's bytes, and `content_type: string`, the HTTP header's value or null;
        for metadata also `robots: string`, what the header says to robots.
        """
        bodies, kinds = batch.column("body"), batch.column("content_type").to_pylist()
        robots = batch.column("robots").to_pylist() if "robots" in batch.schema.names else [None] * len(bodies)
        deadly = [None] * len(bodies) if self._guard is None else self._guard.extract(batch)["reason"].to_pylist()
        rows = [
            self._row(memoryview(body.as_buffer()) if body.is_valid else None, kind, death, told)
            for body, kind, death, told in zip(bodies, kinds, deadly, robots, strict=True)
        ]
        columns = {field.name: pa.array([getattr(row, field.name) for row in rows], field.type) for field in EXTRACTED}
        if self.metadata:
            said = [row.said or {} for row in rows]
            columns |= {f"meta.{name}": pa.array([each.get(name) for each in said], pa.string()) for name in FIELDS}
        return pa.record_batch(columns)

    def close(self) -> None:
        """End the child of a guarded extractor, if there is one."""
        if self._guard is not None:
            self._guard.close()

    def _row(
        self, body: memoryview | None, content_type: str | None, death: str | None, robots: str | None
    ) -> Extracted:
        if death in _KILLED:
            return Extracted(None, None, death)
        if body is None:
            return Extracted(None, None, None)
        return extract_page(body, content_type, self.limits, self.form, with_metadata=self.metadata, robots=robots)


@functools.cache
def extractor(
    engine: str = DEFAULT,
    limits: Limits | None = None,
    version: str = "",
    form: Form | None = None,
    guarded: bool = False,
    metadata: bool = False,
) -> Extractor | OwnExtractor:
    """This process's extractor for an engine; of another than the project's own, one child for the life of a worker.

    `version` names the source of an engine from outside: the child of another version runs other code. `form`,
    `guarded` and `metadata` are for the project's own engine: see OwnExtractor.
    """
    if engine == OWN:
        return OwnExtractor(form, limits, guarded, metadata)
    return Extractor(engine, limits)
