"""What tasks count and later stages rely on, as their manifests hold it. Knows names and types only.

What only one task counts stands beside the task, unless it is more of what is counted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict


class DocumentCounts(TypedDict):
    """How many documents a task looked at, or rows it wrote."""

    documents: int


class WrittenCounts(DocumentCounts):
    """Documents written as text."""

    chars: int
    """Of their texts."""


class SpanCounts(TypedDict):
    """Of a span of a file, what shows whether it is one: see curate.ingest.spans."""

    place: Sequence[int] | None
    """Where its first record begins and where the first after it does; None where none begins in it."""
    whole: bool
    """Whether the file has to be read whole."""


class SelectCounts(DocumentCounts):
    """`documents` are the places that were written."""

    rows: int
    """Of the index."""
    refused: int
    """Rows that hold no place, or could not be read."""
    bytes: int
    """Of the records, as they are stored."""


class LineCounts(DocumentCounts):
    """`documents` are the line ends of a span."""

    plain: bool
    """Whether the file is stored as it is and can be cut by lines."""


class DrawCounts(DocumentCounts):
    """`documents` are the draws that were kept."""

    span: NotRequired[SpanCounts]
    """Of a part that is a span of a file."""


class ReadCounts(TypedDict):
    """A part after reading and extracting."""

    records: int
    documents: int
    """Records that go on."""
    chars: int
    """Of their texts."""
    bytes: int
    """Of the files, or the span of one, as they are stored."""
    others: dict[str, int]
    """Records of other kinds than those that hold documents, by kind."""
    failed: dict[str, int]
    """By `step/rule`."""
    dropped: dict[str, int]
    """By step."""
    metadata: dict[str, dict[str, int]]
    """By column carried along, values of each kind; see curate.records.metadata."""
    span: NotRequired[SpanCounts]
    """Of a part that is a span of a file."""


class EvaluatedCounts(TypedDict):
    """A part after its steps."""

    documents: int
    edited_chars: dict[str, int]
    """Characters removed, by `step/kind`."""
    statistics: dict[str, dict[str, float]]
    """What steps counted of their own, by step."""


class EngineNumbers(TypedDict):
    """Of the texts that one of several engines found: all, those that pass every rule, those of them where no other
    engine's text passes, and those that were chosen."""

    texts: int
    """All that it found."""
    passing: int
    """Those that pass every rule."""
    only: int
    """Those of them where no other engine's text passes."""
    chosen: int
    """Those that were chosen."""


class ChosenCounts(DocumentCounts):
    """A part after one of several texts was chosen for each document."""

    chars: int
    """Of the chosen texts, as extracted."""
    edited_chars: dict[str, int]
    """Characters removed from them, by `step/kind`."""
    engines: dict[str, EngineNumbers]


class DecisionCounts(TypedDict):
    """A part after a stage that drops documents: `documents` = `kept` + the sum of `dropped`."""

    documents: int
    kept: int
    dropped: dict[str, int]
    """By step."""
    failed: dict[str, int]
    """By `step/rule`."""
    alone: dict[str, int]
    """By `step/rule`: those that failed nothing else."""


class LinesCounts(DecisionCounts):
    """A part after recurring lines were removed."""

    edited_chars: dict[str, int]
    """Characters removed, by `step/kind`."""


class ContaminationCounts(DecisionCounts):
    """A part after evaluation items were cut out."""

    contaminated: int
    """Documents with a match."""


class ScrubbedCounts(DecisionCounts):
    """A part after scrubbing."""

    findings: dict[str, int]
    """By type."""
    documents_with_findings: int


class NamedCounts(DocumentCounts):
    """A part after topics were named."""

    topics: dict[str, int]
    """Documents by topic, of every topic that there is."""
    without: int
    """Documents without one."""


class ScoredCounts(TypedDict):
    """A part after scoring."""

    documents: int
    scores: list[int]
    """Documents by bin of the score."""
    seen: int
    """Documents whose very text the model that scored them was trained on."""


class TokenCounts(TypedDict):
    """A part, or a shard, in tokens."""

    documents: int
    tokens: int


class EncodedCounts(TokenCounts):
    """A part in tokens, and how many of its documents were encoded by the reference too."""

    proved: int


class LedgerCounts(TypedDict):
    """A part's ledger."""

    records: int
    kept: int
