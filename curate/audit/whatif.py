"""What a change of thresholds would do, answered from the ledger without a run.

Exact up to deduplication. After it the number of documents kept lies between bounds, because a document let in may be a
near-copy of one kept, and a survivor that goes may free its duplicates. Says so where only a run can tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow.parquet as pq

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.redecide import Steps, changed_steps
from curate.audit.rendering import Answer, Cell, Passage, Table
from curate.audit.shown import snippet
from curate.audit.sums import Flip, Sums, add_up
from curate.audit.token_estimate import SAMPLE, Estimate, count_tokens, estimate_tokens
from curate.config.document import write_document
from curate.config.models import Pipeline, Source
from curate.config.step_params import evaluation_steps, read_params, text_choice, verdict_steps
from curate.config.steps import StepModel
from curate.dedup.step import Deduplicate
from curate.quality.plan import rules_before_scores
from curate.quality.step import Quality
from curate.quality.topics.plan import rules_before_topics
from curate.quality.topics.step import Topic
from curate.records.metadata import META
from curate.steps import Carried, source_steps

_SHOWN_GROUPS = 30

Group = tuple[str, str | None]
"""A source and a language."""


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, both possible."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"


@dataclass(frozen=True)
class Outcome:
    """A change decided on the whole ledger. `exact`: nothing after the verdicts can alter the number of documents."""

    steps: Mapping[str, Steps]
    sums: Sums
    outputs: tuple[str, ...]
    exact: bool
    counted: Mapping[bytes, int] | None
    """Tokens of the sampled documents that are let in, by id; None where their texts are gone."""
    unit: str
    """What `tokens` counts: tokens, or the characters of texts where the run makes none."""

    @property
    def before(self) -> tuple[int, int]:
        """(documents, tokens) kept by the run."""
        return self.sums.total("kept", self.outputs), self.sums.total("kept_tokens", self.outputs)

    def documents(self, groups: Sequence[Group] | None = None) -> Range:
        """Documents kept after the change, of all output sources or of these (source, language) groups.

        Which group a copy is of that its survivor's going frees, or that is displaced, the sums do not say: it may be any.
        """
        mine = self._of(groups)
        staying, admitted = mine.total("staying"), mine.total("admitted")
        if self.exact:
            return Range(staying + admitted, staying + admitted)
        freed = min(self.sums.total("freed_at_most"), mine.total("copies"))
        return Range(max(0, staying - self.sums.total("displaced_at_most")), staying + admitted + freed)

    def tokens(self, groups: Sequence[Group] | None = None) -> Estimate:
        """Tokens after the change, without those let in where their texts are gone; characters of a run without tokens.

        Counted where nothing follows the rules and every document let in was tokenized. Else estimated: between those of
        what stays, less what may be displaced, and those of all that may be let in or freed, each copy taken to be as long
        as its survivor. An estimate of what is let in widens both ends by its 95 % interval.
        """
        mine = self._of(groups)
        staying = mine.total("staying_tokens")
        let_in = self._let_in(mine)
        if self.exact and other_texts(self.sums):  # tokens of a text that was not kept are not known
            return replace(let_in.plus(staying), counted=False)
        if self.exact:
            return let_in.plus(staying)
        whole = self.sums
        freed = whole.total("freed_tokens_at_most") if mine.total("copies") else 0
        displaced = whole.total("displaced_tokens_at_most")
        return Estimate(
            staying + let_in.tokens, max(0, staying - displaced), staying + let_in.high + freed, counted=False
        )

    def let_in(self) -> Estimate:
        """Tokens of the documents let in."""
        return self._let_in(self._of(None))

    def _let_in(self, mine: Sums) -> Estimate:
        if self.unit == "characters":
            chars = mine.total("admitted_chars")
            return Estimate.exactly(chars)
        return estimate_tokens(self.counted or {}, self.sums, list(mine.groups))

    def _of(self, groups: Sequence[Group] | None) -> Sums:
        chosen = [key for key in self.sums.groups if key[0] in self.outputs] if groups is None else groups
        return Sums({key: self.sums.groups[key] for key in chosen}, samples=self.sums.samples)


def needs_run(run: OpenedRun, pipeline: Pipeline) -> list[str]:
    """What a change reaches that the ledger cannot answer: the stages a run would do again, first to last."""
    old = run.pipeline
    if pipeline.sources.keys() != old.sources.keys():
        return ["everything of the sources added or left out"]
    for name, source in pipeline.sources.items():
        before = old.sources[name]
        carried = _carried(run) if source.read.metadata else ()
        if source.read != before.read or read_params(name, source) != read_params(name, before):
            return [f"read and extract {name}", "evaluate", "verdicts", "and all that follows"]
        if evaluation_steps(source, carried) != evaluation_steps(before, carried):
            return [f"evaluate {name} (its edits, metrics or models change)", "verdicts", "and all that follows"]
        if _chooses_before_scores(run, pipeline, name):
            return [f"score {name} (the texts that its scores are of may change)", "verdicts", "and all that follows"]
        again = _found_among_what_passes(old, pipeline, name)
        if again:
            return [f"{again} of {name} (found among other documents)", "verdicts", "and all that follows"]
        if _without_thresholds(source) != _without_thresholds(before):
            return [f"the steps of {name}", "verdicts", "and all that follows"]
    for setting in ("seed", "removals", "combine", "tokens"):
        if getattr(pipeline, setting) != getattr(old, setting):
            return [f"{setting}", "and all that follows"]
    return []


def _found_among_what_passes(old: Pipeline, new: Pipeline, name: str) -> str:
    """What decides in a source and is found among the documents that pass its other rules, where these rules change."""
    topic, quality = new.sources[name].setting(Topic), new.sources[name].setting(Quality)
    if topic is not None and topic.clusters is not None and source_steps()["topic"].rules("topic", topic, {}, None):
        sharing = (each for each, source in new.sources.items() if source.setting(Topic) is not None)
        if any(rules_before_topics(old, each) != rules_before_topics(new, each) for each in sharing):
            return "the clusters"
    decides = quality is not None and quality.minimum_bucket is not None
    return "the buckets" if decides and rules_before_scores(old, name) != rules_before_scores(new, name) else ""


def _chooses_before_scores(run: OpenedRun, pipeline: Pipeline, name: str) -> bool:
    """Whether another text may be chosen of a document whose quality score, which no other text has, decides."""
    source = pipeline.sources[name]
    before, after = text_choice(run.pipeline, name), text_choice(pipeline, name)
    if before is None or after is None or source.setting(Quality) is None:
        return False
    old, new = run.verdict_steps(name), verdict_steps(pipeline, name, 0.0)
    return before != after or before.judging(old) != after.judging(new)


def _carried(run: OpenedRun) -> Carried:
    """The columns that the run's ledger carries from the input."""
    schema = pq.read_schema(run.ledger[0]) if run.ledger else []
    return tuple((field.name, str(field.type)) for field in schema if field.name.startswith(META))


def _without_thresholds(source: Source) -> list[tuple[str, dict[str, Any]]]:
    """A source's steps without what only verdicts look at."""
    return [
        (step.name, step.setting.model_dump(exclude=set(source_steps()[step.kind].thresholds))) for step in source.steps
    ]


def decide(run: OpenedRun, pipeline: Pipeline) -> Outcome:
    """Decide the whole ledger under a changed pipeline. Raises AuditError where only a run can answer."""
    redo = needs_run(run, pipeline)
    if redo:
        raise AuditError(
            f"this change needs a run; what was committed before stays, and it would redo: {', '.join(redo)}"
        )
    steps = changed_steps(run, pipeline)
    (sums,) = add_up(run, [steps], SAMPLE)
    return outcome_of(run, steps, sums)


def outcome_of(run: OpenedRun, steps: Mapping[str, Steps], sums: Sums) -> Outcome:
    """What the sums come to, with the tokens of the documents sampled."""
    outputs = tuple(name for name, source in run.pipeline.sources.items() if source.role == "training")
    counted: Mapping[bytes, int] | None
    try:
        counted = count_tokens(run, [flip for flip in sums.sample("admitted") if flip.source in outputs])
    except AuditError:
        counted = None
    unit = "characters" if run.pipeline.tokens is None else "tokens"
    return Outcome(steps, sums, outputs, not run.pipeline.combine, counted, unit)


def what_if(run: OpenedRun, sets: Sequence[str], samples: int) -> Answer:
    """The answer to `curate whatif --set ...`."""
    outcome = decide(run, run.changed(sets))
    changes = list_changes(outcome.steps)
    if not changes:
        raise AuditError("these settings are what the run had already")
    sums, (documents, tokens), after = outcome.sums, outcome.before, outcome.documents()
    estimate = outcome.tokens()
    blocks: list[Table | Passage] = [
        Table("What changes", ("rule", "was", "becomes"), tuple(changes)),
        Table(
            "Yield",
            ("", "before", "after", "let in", "dropped"),
            (
                (
                    "pass every rule (exact)", sums.total("passed", outcome.outputs),
                    sums.total("passes", outcome.outputs), sums.total("admitted", outcome.outputs),
                    sums.total("removed", outcome.outputs),
                ),
                ("documents kept", documents, str(after), None, None),
                (f"{outcome.unit} kept", tokens, str(estimate), None, None),
            ),
            _explain_bounds(run, outcome),
        ),
        *_engines(sums),
        _groups(outcome),
        *_topics(sums),
        _flips(outcome),
    ]  # fmt: skip
    shown = {kind: _samples(run, sums.sample(kind)[:samples]) for kind in ("admitted", "removed")}
    for kind, title in (("admitted", "Let in"), ("removed", "Dropped")):
        blocks += [Passage(f"{title}: {name}", text) for name, text in shown[kind]]
    data = {
        "changes": [dict(zip(("rule", "was", "becomes"), change, strict=True)) for change in changes],
        "passed": {name: sums.total(name, outcome.outputs) for name in ("passed", "passes", "admitted", "removed")},
        "kept": {"before": documents, "after": [after.low, after.high], "exact": outcome.exact},
        outcome.unit: {
            "before": tokens,
            "after": estimate.tokens,
            "low": estimate.low,
            "high": estimate.high,
            "counted": estimate.counted,
            "complete": outcome.counted is not None,
        },
        "by": [dict(zip(_group_columns(outcome), row, strict=True)) for row in _group_rows(outcome)],
        "topics": [dict(zip(_TOPIC_COLUMNS, row, strict=True)) for row in _topic_rows(sums)],
        "engines": [
            {"source": source, "engine": engine, "before": before, "after": after}
            for (source, engine), (before, after) in sorted(passing_texts(sums).items())
        ],
        "other_texts": other_texts(sums),
        "admitted_by": dict(sums.admitted_by),
        "removed_by": dict(sums.removed_by),
        "samples": {kind: [{"record": name, "text": text} for name, text in texts] for kind, texts in shown.items()},
    }
    return Answer(tuple(blocks), data)


def _explain_bounds(run: OpenedRun, outcome: Outcome) -> str:
    tokens = explain_tokens([outcome])
    if outcome.exact:
        return f"Documents are exact: nothing after the rules drops any. {tokens}"
    why = "Which documents let in are near-copies or contaminated is not known before a run."
    if run.pipeline.combined(Deduplicate) is not None:
        why += " A duplicate is freed where its survivor goes."
        if outcome.sums.total("admitted"):
            why += " The bounds assume that no document let in replaces two survivors."
    return f"Exact up to deduplication, bounds after it. {why} {tokens}"


def explain_tokens(outcomes: Sequence[Outcome]) -> str:
    """How far the tokens told can be trusted."""
    if any(outcome.unit == "characters" for outcome in outcomes):
        return "Characters are those of the texts after the sources' own edits."
    if any(outcome.counted is None for outcome in outcomes):
        return "Tokens of documents let in are left out: their texts are gone with the run's .work folder."
    estimates = [outcome.tokens() for outcome in outcomes]
    if all(each.counted for each in estimates):
        return "Tokens are counted, not estimated."
    sampled = any(not outcome.let_in().counted for outcome in outcomes)
    how = "from a sample of them (95 % interval)" if sampled else "on their texts as the rules saw them"
    if all(outcome.exact for outcome in outcomes):
        return f"Tokens are estimated: those of documents let in {how}."
    return (
        f"Tokens are estimated: those of documents let in {how}, before personal data in them is replaced; the interval "
        "reaches from none of them staying to all, and to every copy freed that may be."
    )


def list_changes(steps: Mapping[str, Steps]) -> list[tuple[Cell, ...]]:
    """(rule, was, becomes) of every rule whose bounds differ, once for all sources that share it."""
    rows: dict[tuple[Cell, ...], None] = {}
    for mine in steps.values():
        if mine.chosen_by is not None:
            rows["extract/choose", *mine.chosen_by] = None
        old, new = ({step.name: step.settings() for step in side} for side in (mine.old, mine.new))
        for name in sorted(mine.changed):
            before, after = (side.get(name, {}) for side in (old, new))
            for key in dict.fromkeys([*before, *after]):
                if before.get(key) != after.get(key):
                    rows[(f"{name}/{key}", before.get(key, ""), after.get(key, ""))] = None
    return list(rows)


def _group_columns(outcome: Outcome) -> tuple[str, ...]:
    return (
        "source", "language", "documents", "passed", "passes", "let in", "dropped", "kept", "kept after", outcome.unit,
        f"{outcome.unit} after",
    )  # fmt: skip


def _group_rows(outcome: Outcome) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for source, language in sorted(outcome.sums.groups, key=lambda key: (key[0], key[1] is None, key[1] or "")):
        group = (source, language)
        one = Sums({group: outcome.sums.groups[group]})
        counts = [one.total(name) for name in ("documents", "passed", "passes", "admitted", "removed", "kept")]
        after = ("no output", "no output")
        if source in outcome.outputs:
            after = str(outcome.documents([group])), str(outcome.tokens([group]))
        rows.append((source, language or "-", *counts, after[0], one.total("kept_tokens"), after[1]))
    return rows


_TOPIC_COLUMNS = ("source", "topic", "documents", "passed", "passes", "let in", "dropped", "kept")


def _topic_rows(sums: Sums) -> list[tuple[Cell, ...]]:
    """Documents by source and the run's topic, the most frequent first."""
    rows: list[tuple[Cell, ...]] = []
    for (source, topic), row in sums.topics.items():
        one = Sums({(source, topic): row})
        names = ("documents", "passed", "passes", "admitted", "removed", "kept")
        rows.append((source, topic or "-", *(one.total(name) for name in names)))
    return sorted(rows, key=lambda row: (-int(row[2] or 0), str(row[0]), str(row[1])))


def _topics(sums: Sums) -> list[Table]:
    rows = _topic_rows(sums)
    note = f"the {_SHOWN_GROUPS} largest of {len(rows):,}; --format json has all" if len(rows) > _SHOWN_GROUPS else ""
    return [Table("By source and topic", _TOPIC_COLUMNS, tuple(rows[:_SHOWN_GROUPS]), note)] if rows else []


def _groups(outcome: Outcome) -> Table:
    rows = sorted(_group_rows(outcome), key=lambda row: -int(row[2] or 0))
    note = f"the {_SHOWN_GROUPS} largest of {len(rows):,}; --format json has all" if len(rows) > _SHOWN_GROUPS else ""
    return Table("By source and language", _group_columns(outcome), tuple(rows[:_SHOWN_GROUPS]), note)


def _engines(sums: Sums) -> list[Table]:
    """Whose texts pass every rule before and after, where several engines gave some."""
    rows = [
        (source, engine, before, after) for (source, engine), (before, after) in sorted(passing_texts(sums).items())
    ]
    if not rows:
        return []
    moved = other_texts(sums)
    note = f"{moved:,} documents that pass on both sides have another engine's text; {OTHER_TEXT}" if moved else ""
    return [Table("Texts that pass every rule, by engine", ("source", "engine", "before", "after"), tuple(rows), note)]


OTHER_TEXT = "tokens are those of the texts that the run kept."


def passing_texts(sums: Sums) -> dict[tuple[str, str], tuple[int, int]]:
    """By source and engine, the documents of its texts that pass every rule before and after."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for (source, before, after, passed, passes), count in sums.engines.items():
        for engine, pair in ((before, (count * passed, 0)), (after, (0, count * passes))):
            old = found.get((source, engine), (0, 0))
            found[source, engine] = (old[0] + pair[0], old[1] + pair[1])
    return found


def other_texts(sums: Sums) -> int:
    """Documents that go on before and after, with another engine's text."""
    return sum(count for (_, before, after, old, new), count in sums.engines.items() if old and new and before != after)


def _flips(outcome: Outcome) -> Table:
    rules = dict.fromkeys([*outcome.sums.admitted_by, *outcome.sums.removed_by])
    rows = [(rule, outcome.sums.admitted_by[rule], outcome.sums.removed_by[rule]) for rule in rules]
    return Table(
        "By rule",
        ("rule", "let in, had failed it", "dropped, fail it now"),
        tuple(row for row in rows if row[1] or row[2]),
    )


def _samples(run: OpenedRun, chosen: Sequence[Flip]) -> list[tuple[str, str]]:
    return [(flip.id.hex(), snippet(run, flip.part, flip.document)) for flip in chosen]


def write_changed(pipeline: Pipeline) -> str:
    """The changed pipeline as YAML, as `--write` saves it."""
    return write_document(written_tree(pipeline))


def written_tree(pipeline: Pipeline) -> dict[str, Any]:
    """A pipeline as its file has it, without what is a default."""
    tree: dict[str, Any] = pipeline.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for name, source in pipeline.sources.items():
        tree["sources"][name]["steps"] = [_written(step) for step in source.steps]
    tree |= {"combine": [_written(step) for step in pipeline.combine]} if pipeline.combine else {}
    return tree


def _written(step: StepModel) -> dict[str, Any]:
    """A step as a pipeline file has it: its one key, and of its settings those that are no defaults."""
    return {step.kind: step.setting.model_dump(mode="json", by_alias=True, exclude_defaults=True)}
