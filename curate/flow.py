"""What passes between the stages of a run: parts of sources, and what was committed of them so far. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from curate.config.models import Pipeline
from curate.engine.task import Committed, File
from curate.records.counts import (
    ChosenCounts,
    DecisionCounts,
    DocumentCounts,
    EvaluatedCounts,
    LedgerCounts,
    ReadCounts,
    ScoredCounts,
    TokenCounts,
    WrittenCounts,
)
from curate.records.quality import Card
from curate.records.topics import TopicNumbers
from curate.storage import SourceFile


@dataclass(frozen=True)
class Part:
    """Input files on their way, or a span of one: what was committed of it so far. `file` is the first of them. `documents`
    and `verdicts` are the newest."""

    source: str
    number: int
    file: SourceFile
    read: Committed[ReadCounts]
    documents: File
    verdicts: File | None = None
    columns: tuple[File, ...] = ()
    group: File | None = None
    decided: tuple[Committed[DecisionCounts], ...] = ()
    """Results whose counts say what was dropped, in order: verdicts, deduplicate, decontaminate, scrub."""
    scored: Committed[ScoredCounts] | None = None
    tokens: Committed[TokenCounts] | None = None
    further_tokens: Mapping[str, Committed[TokenCounts]] = field(default_factory=dict)
    """The token stores of tokenizers beside the first, by their names."""
    evaluated: Committed[EvaluatedCounts] | None = None
    also: tuple[Committed[EvaluatedCounts], ...] = ()
    """What was evaluated of further engines' texts, in the engines' order."""
    chosen: Committed[ChosenCounts] | None = None
    """The choice between the texts of several engines."""
    metadata: Committed[DocumentCounts] | None = None
    """The columns carried from the input: `rows`, a row per record, and `metadata`, a row per document."""
    way: tuple[Committed[Any], ...] = ()
    """Every task that was done for this part, in order: audits go back along it."""
    more: tuple[SourceFile, ...] = ()
    """The files of a bundle beside the first."""

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Every file of it, in their order."""
        return (self.file, *self.more)

    @property
    def name(self) -> str:
        """What the part's published files are called."""
        return f"{self.source}-{self.number:05d}"

    @property
    def extracted(self) -> File:
        """The documents' texts as they were extracted."""
        return (self.chosen or self.read).file("documents")

    def after(self, *results: Committed[Any], **changes: Any) -> Part:
        """The part once these tasks are done for it."""
        return replace(self, way=(*self.way, *results), **changes)


class Statement(Protocol):
    """What a mixture asked for and got."""

    def statement(self) -> dict[str, Any]:
        """The same as JSON."""
        ...


@dataclass(frozen=True)
class Classified:
    """A source's quality classifier: its model, what the model says of itself, the least score kept of a share."""

    model: File
    card: Card
    least_score: float | None = None
    trained_here: bool = False
    """Whether the run trained it, on documents of the source."""


@dataclass(frozen=True)
class Flow:
    """What a run has made."""

    parts: tuple[Part, ...]
    metrics: tuple[tuple[str, str], ...] = ()
    carried: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """By source, (`meta.NAME`, Arrow type's name) of the columns carried from the input."""
    selected: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By source whose records an index names, its rows, and those of them that name no place."""
    quality: Mapping[str, Classified] = field(default_factory=dict)
    """What scored the documents, by source."""
    topics: Mapping[str, Mapping[str, TopicNumbers]] = field(default_factory=dict)
    """The topics of documents, by source and name."""
    opt_outs: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """What was found of opt-outs, by source."""
    clusters: Mapping[str, File] = field(default_factory=dict)
    """By source, the file of clusters that were found here."""
    contamination: Committed[Any] | None = None
    """The report on evaluation items that were found."""
    removals: bool = False
    """Whether documents on lists of removals were marked."""
    shards: Mapping[str, tuple[Committed[TokenCounts], ...]] = field(default_factory=dict)
    """By split."""
    further_shards: Mapping[str, Mapping[str, tuple[Committed[TokenCounts], ...]]] = field(default_factory=dict)
    """By name of a tokenizer beside the first, and split."""
    phases: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """The phase of each training shard by its number, by name of a tokenizer, `""` for the first; empty without."""
    mixture: Statement | None = None
    ledger: tuple[Committed[LedgerCounts], ...] = ()
    documents: Mapping[str, Mapping[str, Committed[WrittenCounts]]] = field(default_factory=dict)
    """Documents kept as Parquet, by the step after which they were and the part's name."""

    def least_score(self, source: str) -> float | None:
        """The least quality score kept, where a share of the highest is."""
        return self.quality[source].least_score if source in self.quality else None


def files_of(parts: Iterable[Part]) -> list[tuple[str, SourceFile]]:
    """(source, file) of parts, each once, in their order: a file that was cut is in several."""
    return list(dict.fromkeys((part.source, file) for part in parts for file in part.files))


def is_output(pipeline: Pipeline, part: Part) -> bool:
    """Whether a part's documents may go into the shards."""
    return pipeline.sources[part.source].role == "training"
