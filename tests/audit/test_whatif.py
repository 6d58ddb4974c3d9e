"""What-if answers what a run would: the same documents, by source, language and rule, without running anything."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
import yaml

from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.redecide import changed_steps, redecide_part
from curate.audit.sums import add_up
from curate.audit.sweep import points, sweep
from curate.audit.token_estimate import Estimate
from curate.audit.whatif import decide, needs_run, outcome_of, what_if, write_changed
from curate.config.reading import read_pipeline
from curate.filters.errors import PackError
from tests.support.audited import audited_run, kept

CHANGES = [
    ["filters.c4.min_sentences.min=10"],
    ["filters.gopher-quality.min_words.min=120", "filters.c4.lorem_ipsum.max=5"],
    ["language.minimum=0.99999", "filters.c4.curly_bracket.max=99"],
    ["language.keep=[de]"],
    [
        "filters.gopher-quality.stop_words.min=null",
        "filters.gopher-quality.min_words.min=20",
        "filters.c4.min_sentences.min=null",
        "language.keep=all",
        "language.minimum=0",
    ],
]


def verdicts(run: OpenedRun) -> dict[bytes, bool]:
    """By document, whether it passed every rule."""
    found = {}
    for path in run.ledger:
        table = pq.read_table(path, columns=["id", "dropped_at"])
        for id, step in zip(*(column.to_pylist() for column in table.columns), strict=True):
            if step not in ("read", "url", "extract"):
                found[id] = step is None
    return found


@pytest.mark.parametrize("sets", CHANGES, ids=lambda sets: sets[0])
def test_what_if_is_what_a_run_would_do(sets: list[str]) -> None:
    """Document by document, and in every total by source."""
    before, after = audited_run(), audited_run(*sets)
    steps = changed_steps(before, before.changed(sets))
    foreseen = {}
    for part, path in zip(before.parts, before.ledger, strict=True):
        for (decided,) in redecide_part(part, path, [steps[part.source]]):
            foreseen |= dict(zip(decided.documents.column("id").to_pylist(), decided.passes.tolist(), strict=True))
    assert foreseen == verdicts(after)
    assert foreseen != verdicts(before)
    outcome = decide(before, before.changed(sets))
    assert outcome.exact
    assert (outcome.documents().low, outcome.documents().high) == (kept(after), kept(after))


def test_tokens_are_those_of_a_run() -> None:
    """Tokens of documents let in are counted where they are few."""
    before = audited_run()
    for sets in CHANGES:
        after = audited_run(*sets)
        actual = sum(source["tokens"] for source in after.stats["sources"].values())
        assert decide(before, before.changed(sets)).tokens() == Estimate.exactly(actual)


def test_tokens_of_many_documents_lie_in_the_interval_given() -> None:
    """Where only a sample of the documents let in is tokenized, the estimate says how far off it may be."""
    before, sets = audited_run(), CHANGES[-1]
    steps = changed_steps(before, before.changed(sets))
    (sums,) = add_up(before, [steps], most=50)
    estimate = outcome_of(before, steps, sums).tokens()
    actual = sum(source["tokens"] for source in audited_run(*sets).stats["sources"].values())
    assert not estimate.counted and 0 < estimate.high - estimate.low < actual / 5
    assert abs(estimate.tokens - actual) < 0.75 * (estimate.high - estimate.low)


def test_flips_are_shown_by_rule_with_records_to_read() -> None:
    """Who is let in had failed a changed rule; who is dropped fails one now."""
    answer = what_if(audited_run(), CHANGES[1], samples=2)
    assert isinstance(answer.data, dict)
    assert answer.data["admitted_by"]["c4/lorem_ipsum"] >= answer.data["passed"]["admitted"] > 0
    assert answer.data["removed_by"]["gopher-quality/min_words"] == answer.data["passed"]["removed"] > 0
    assert len(answer.data["samples"]["admitted"]) == len(answer.data["samples"]["removed"]) == 2
    assert {row["source"] for row in answer.data["by"]} == {"web", "reference"}


def test_what_only_a_run_can_tell_is_said_so() -> None:
    """Changed text, tokenizers and engines are refused with what would be done again."""
    run = audited_run()
    assert "evaluate web" in needs_run(run, run.changed(["sources.web.steps=[{extract: {}}, {filter: fineweb}]"]))[0]
    for change, stage in (
        ("tokens.tokenizer=cl100k_base", "tokens"),
        ("extract.engine=trafilatura", "read and extract web"),
        ("combine=[{deduplicate: {}}]", "combine"),
    ):
        with pytest.raises(AuditError, match=stage):
            decide(run, run.changed([change]))
    with pytest.raises(PackError, match="did you mean 'min_sentences'"):
        what_if(run, ["filters.c4.min_sentenses.min=4"], 0)
    with pytest.raises(AuditError, match="had already"):
        what_if(run, ["filters.c4.min_sentences.min=3"], 0)


def test_the_changed_pipeline_can_be_saved_and_run() -> None:
    """--write gives a pipeline file that says what was asked about."""
    run = audited_run()
    changed = run.changed(CHANGES[0])
    path = run.folder / "changed.yaml"
    path.write_text(write_changed(changed))
    assert read_pipeline(path).pipeline == changed
    assert yaml.safe_load(path.read_text())["filters"] == {"c4": {"min_sentences": {"min": 10.0}}}


def test_a_sweep_is_the_same_as_asking_at_every_point() -> None:
    """All points are decided in one reading."""
    run = audited_run()
    answer = sweep(run, [], "filters.c4.min_sentences.min=1..9:5")
    assert isinstance(answer.data, dict)
    for point in answer.data["points"]:
        alone = decide(run, run.changed([f"filters.c4.min_sentences.min={point['value']}"]))
        assert point["passes"] == alone.sums.total("passes", alone.outputs)
    assert [point["value"] for point in answer.data["points"]] == [1, 3, 5, 7, 9]
    assert points("a.b=0.1..0.3:3") == ("a.b", pytest.approx([0.1, 0.2, 0.3]))
    for wrong in ("a=1", "a=5..1", "a=1..2:1", "a=x..y"):
        with pytest.raises(AuditError, match="--sweep"):
            points(wrong)
