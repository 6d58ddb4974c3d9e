"""The documents nearest to where a quality score decides, on both sides, to be read: what the rule really parts.

Knows the ledger and the keep rules; judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.rendering import Answer, Passage, Table
from curate.audit.shown import snippet
from curate.records.quality import SCORE
from curate.verdicts.bounds import BoundsRule
from curate.verdicts.rules import DrawRule

_COLUMNS = ["id", "url", "quality_score", "kept"]


@dataclass(frozen=True)
class Borderline:
    """A scored document: where it lies, and how far from the deciding score."""

    part: str
    document: int
    id: str
    url: str | None
    score: float
    kept: bool


def deciding_score(run: OpenedRun, source: str) -> float | None:
    """The score where a source's rule decides: its threshold, or where the draw keeps every other document. None
    where no quality step keeps by it."""
    rules = (rule for step in run.verdict_steps(source) for rule in step.rules)
    for rule in rules:
        if isinstance(rule, BoundsRule | DrawRule) and SCORE in rule.columns():
            return rule.deciding_value()
    return None


def nearest(run: OpenedRun, source: str, score: float, size: int) -> list[Borderline]:
    """The `size` documents just below a score and as many from it on, by score."""
    below: list[Borderline] = []
    above: list[Borderline] = []
    for part, path in zip(run.parts, run.ledger, strict=True):
        if part.source != source:
            continue
        table = pq.read_table(path, columns=_COLUMNS)
        table = table.filter(pc.is_valid(table.column("quality_score")))  # every document has one, in their order
        scores = table.column("quality_score").to_numpy()
        order = np.argsort(scores, kind="stable")
        cut = int(np.searchsorted(scores[order], np.float32(score)))
        for side, chosen in ((below, order[max(cut - size, 0) : cut]), (above, order[cut : cut + size])):
            for document, row in zip(chosen.tolist(), table.take(chosen).to_pylist(), strict=True):
                side.append(
                    Borderline(part.name, document, row["id"].hex(), row["url"], row["quality_score"], row["kept"])
                )
    below.sort(key=lambda each: (each.score, each.id))
    above.sort(key=lambda each: (each.score, each.id))
    return [*below[max(len(below) - size, 0) :], *above[:size]]


def borderline(run: OpenedRun, size: int) -> Answer:
    """Per source whose quality step keeps by the score: the deciding score, and the documents about it with their text.

    Raises AuditError where no source has a quality step.
    """
    if not any(numbers["quality"] for numbers in run.stats["sources"].values()):
        raise AuditError("no source of this run has a quality step")
    blocks: list[Table | Passage] = []
    data = {}
    for source in run.pipeline.sources:
        score = deciding_score(run, source)
        if score is None:
            continue
        found = nearest(run, source, score, size)
        blocks.append(Table(f"{source}: documents about the score {score:.4f}, which decides", (), ()))
        rows = []
        for each in found:
            text = snippet(run, each.part, each.document)
            title = f"{each.score:.4f} {'kept' if each.kept else 'dropped'}  {each.url or each.id}"
            blocks.append(Passage(title, text))
            rows.append({"id": each.id, "url": each.url, "score": each.score, "kept": each.kept, "text": text})
        data[source] = {"score": score, "documents": rows}
    if not data:
        says = "no source of this run has a quality step that keeps by its score: alpha, minimum or keep_share"
        blocks.append(Table(says, (), ()))
    return Answer(tuple(blocks), data)
