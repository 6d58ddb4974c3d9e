"""stats.json: every number of a run that a person is shown, and what a kept rate is. Knows names and types only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from curate.records.counts import EngineNumbers
from curate.records.findings import Finding
from curate.records.metadata import CarriedNumbers


class RuleNumbers(TypedDict):
    """Records that failed a rule, and those that failed nothing else."""

    failed: int
    alone: int


# Named by call, as `in` is a word of Python.
FunnelRow = TypedDict(
    "FunnelRow", {"step": str, "in": int, "dropped": int, "kept": int, "rules": dict[str, RuleNumbers]}
)
"""A step's records in, dropped and kept, and its rules by name."""


class QualityNumbers(TypedDict):
    """Documents by twentieth of the score, the least kept of a share, and what the model says of itself."""

    scores: NotRequired[list[int]]
    least_score: NotRequired[float | None]
    sampled: NotRequired[int]
    """Documents of the source that its classifier learned from, where the run trained it."""
    seen: NotRequired[int]
    """Documents whose very text the model that scored them was trained on: with folds, only copies on several hosts."""
    model: NotRequired[Mapping[str, Any]]


class SourceNumbers(TypedDict):
    """A source from its files to its tokens."""

    role: str
    files: int
    bytes: int
    records: int
    other_records: dict[str, int]
    documents: int
    chars: int
    funnel: list[FunnelRow]
    edited_chars: dict[str, int]
    steps: dict[str, dict[str, float]]
    quality: QualityNumbers
    kept: int
    tokens: int
    metadata: NotRequired[dict[str, CarriedNumbers]]
    """Columns carried from the input."""
    engines: NotRequired[dict[str, EngineNumbers]]
    """By engine its texts, where several engines extract."""
    kept_chars: NotRequired[int]
    """Of the documents kept, where the run makes text and no tokens."""


class SplitNumbers(TypedDict):
    """A split's shards."""

    shards: int
    documents: int
    tokens: int


class TokenizerNumbers(TypedDict):
    """A tokenizer beside the first: tokens by source, end-of-text not counted, and its shards by split."""

    tokenizer: str
    tokens: dict[str, int]
    shards: dict[str, SplitNumbers]


class EvaluationSetNumbers(TypedDict):
    """Items of a set, those too short to look for, those found, and the documents that hold them."""

    items: int
    too_short: int
    found: int
    documents: int


class ContaminationNumbers(TypedDict):
    """How evaluation items were looked for, and what was found of each set."""

    ngram: int
    mode: str
    sets: dict[str, EvaluationSetNumbers]


class RunNumbers(TypedDict):
    """A whole run."""

    name: str
    sources: dict[str, SourceNumbers]
    shards: dict[str, SplitNumbers]
    tokenizers: NotRequired[dict[str, TokenizerNumbers]]
    """By name, those beside the one that counts, where there are any."""
    mixture: Mapping[str, Any] | None
    """What was asked for and what was achieved; see `curate.mixture.solve`."""
    contamination: ContaminationNumbers | None
    audit: Mapping[str, Any]
    """Counts of the ledger by source; see `curate.audit.aggregates`."""
    findings: NotRequired[list[Finding]]
    """What the run has to say of itself; a run of version 0.1 has none."""


Sources = Mapping[str, SourceNumbers]
"""Sources by name."""


def outputs(sources: Sources) -> tuple[str, ...]:
    """The sources whose documents are output: those of the role `reference` train a classifier, and are no candidates."""
    return tuple(name for name, source in sources.items() if source["role"] == "training")


def kept_rate(documents: int, kept: int) -> float | None:
    """The kept rate, wherever one is told: kept documents by the documents that the rules judged. None where there are
    none. Of several sources, both are sums over `outputs`.

    >>> kept_rate(2225, 995)
    0.44719101123595506
    """
    return kept / documents if documents else None


def text_out(stats: RunNumbers) -> bool:
    """Whether the run makes text and no tokens: then amounts are characters."""
    return any("kept_chars" in source for source in stats["sources"].values())
