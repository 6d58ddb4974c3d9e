"""stats.json: every number of a run that a person is shown, and what a kept rate is. Knows names and types only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from curate.records.counts import EngineNumbers
from curate.records.findings import Finding
from curate.records.metadata import CarriedNumbers
from curate.records.quality import ScoreDrift
from curate.records.topics import TopicNumbers


class RuleNumbers(TypedDict):
    """Records that failed a rule, and those that failed nothing else."""

    failed: int
    """Records that fail it, whatever else they fail."""
    alone: int
    """Those that fail nothing else."""


# Named by call, as `in` is a word of Python.
FunnelRow = TypedDict(
    "FunnelRow", {"step": str, "in": int, "dropped": int, "kept": int, "rules": dict[str, RuleNumbers]}
)
"""A step's records in, dropped and kept, and its rules by name."""


class QualityNumbers(TypedDict):
    """Documents by twentieth of the score, the least kept of a share, and what the model says of itself."""

    scores: NotRequired[list[int]]
    """Documents by twentieth of the score, from 0 to 1."""
    least_score: NotRequired[float | None]
    """Where a share is kept, the least score that is."""
    sampled: NotRequired[int]
    """Documents of the source that its classifier learned from, where the run trained it."""
    seen: NotRequired[int]
    """Documents whose very text the model that scored them was trained on: with folds, only copies on several hosts."""
    drift: NotRequired[ScoreDrift]
    """Of a model that was brought, how far the scores lie from those of the documents that its card was measured on."""
    model: NotRequired[Mapping[str, Any]]
    """What the model says of itself: kind, what it learned from, how well it tells held-out documents apart."""


class SourceNumbers(TypedDict):
    """A source from its files to its tokens."""

    role: str
    """training, or reference: then it is no output."""
    files: int
    """Input files."""
    bytes: int
    """Of the files as they are stored."""
    records: int
    """Rows of the ledger."""
    other_records: dict[str, int]
    """By kind, records of WARC files that have no row: requests, metadata, ..."""
    documents: int
    """Records with text."""
    chars: int
    """Characters of their texts as extracted."""
    funnel: list[FunnelRow]
    """Its steps in order."""
    edited_chars: dict[str, int]
    """By step/edit, characters cut out."""
    steps: dict[str, dict[str, float]]
    """By step, what it counted of its own: statistics of datatrove's blocks, errors of others' functions."""
    quality: QualityNumbers
    """Of a quality step."""
    topics: NotRequired[Mapping[str, TopicNumbers]]
    """By topic, where the source has the step."""
    kept: int
    """Documents in the product."""
    tokens: int
    """Their tokens, each document once, end-of-text not counted."""
    metadata: NotRequired[dict[str, CarriedNumbers]]
    """Columns carried from the input."""
    engines: NotRequired[dict[str, EngineNumbers]]
    """By engine its texts, where several engines extract."""
    kept_chars: NotRequired[int]
    """Of the documents kept, where the run makes text and no tokens."""


class SplitNumbers(TypedDict):
    """A split's shards."""

    shards: int
    """Files."""
    documents: int
    """Documents in them, repetitions counted."""
    tokens: int
    """Tokens in them, end-of-text counted."""


class TokenizerNumbers(TypedDict):
    """A tokenizer beside the first: tokens by source, end-of-text not counted, and its shards by split."""

    tokenizer: str
    """As the pipeline names it."""
    tokens: dict[str, int]
    """By source, end-of-text not counted."""
    shards: dict[str, SplitNumbers]
    """By split."""


class EvaluationSetNumbers(TypedDict):
    """Items of a set, those too short to look for, those found, and the documents that hold them."""

    items: int
    """Items of the set."""
    too_short: int
    """Items too short to look for."""
    found: int
    """Items found."""
    documents: int
    """Documents that hold some."""


class ContaminationNumbers(TypedDict):
    """How evaluation items were looked for, and what was found of each set."""

    ngram: int
    """Words of a run that is looked for."""
    mode: str
    """What is done where one is found."""
    sets: dict[str, EvaluationSetNumbers]
    """By evaluation set."""


class RunNumbers(TypedDict):
    """A whole run."""

    name: str
    """The pipeline's name."""
    sources: dict[str, SourceNumbers]
    """By source."""
    shards: dict[str, SplitNumbers]
    """By split; empty where the run makes text."""
    tokenizers: NotRequired[dict[str, TokenizerNumbers]]
    """By name, those beside the one that counts, where there are any."""
    mixture: Mapping[str, Any] | None
    """What was asked for and what was achieved; see `curate.mixture.solve`."""
    contamination: ContaminationNumbers | None
    """Of a run that decontaminates."""
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
