"""Who extracts a batch of pages: the project's own engine in the process that asks, any other in a child.

The own parse is linear in a page's bytes and writes within arrays whose sizes follow from them, so no child process, clock
or memory limit is needed. Where a process was killed at this all the same, the pages are first put through a child, one
that may be killed, and those it died of are left out. Knows Arrow batches and limits; nothing of how text is found.
"""

from __future__ import annotations

import functools

import pyarrow as pa

from curate.extract.engines import DEFAULT, OWN
from curate.extract.html.extracting import extract_page
from curate.extract.limits import CRASH, MEMORY, TIMEOUT, Limits
from curate.extract.sandbox import EXTRACTED, Extractor

_KILLED = frozenset({CRASH, MEMORY, TIMEOUT})
"""Reasons of the pages that a child died of."""


class OwnExtractor:
    """Extracts with the project's own engine: exact limits on bytes, tags and blocks, no child, no clock.

    `format` is `text` or `markdown`. `guarded` puts each batch through a child first: for pages of which one killed its
    process before.
    """

    def __init__(self, format: str = "text", limits: Limits | None = None, guarded: bool = False) -> None:
        self.format = format
        self.limits = limits or Limits()
        self._guard = Extractor(OWN, self.limits) if guarded else None

    def extract(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows of EXTRACTED, one per row of `batch`, in its order.

        `batch` has `body: large_binary`, the page's bytes, and `content_type: string`, the HTTP header's value or null.
        """
        bodies, kinds = batch.column("body"), batch.column("content_type").to_pylist()
        deadly = [None] * len(bodies) if self._guard is None else self._guard.extract(batch)["reason"].to_pylist()
        texts, charsets, reasons = [], [], []
        for body, kind, death in zip(bodies, kinds, deadly, strict=True):
            text = charset = reason = None
            if death in _KILLED:
                reason = death
            elif body.is_valid:
                text, charset, reason = extract_page(memoryview(body.as_buffer()), kind, self.limits, self.format)
            texts.append(text)
            charsets.append(charset)
            reasons.append(reason)
        columns = [pa.array(texts, pa.large_string()), pa.array(charsets, pa.string()), pa.array(reasons, pa.string())]
        return pa.RecordBatch.from_arrays(columns, schema=EXTRACTED)


@functools.cache
def extractor(
    engine: str = DEFAULT,
    limits: Limits | None = None,
    version: str = "",
    format: str = "text",
    guarded: bool = False,
) -> Extractor | OwnExtractor:
    """This process's extractor for an engine; of another than the project's own, one child for the life of a worker.

    `version` names the source of an engine from outside: the child of another version runs other code. `format` is for
    the project's own engine, as is `guarded`: see OwnExtractor.
    """
    if engine == OWN:
        return OwnExtractor(format, limits, guarded)
    return Extractor(engine, limits)
