"""What-if after deduplication and decontamination: bounds, in which what a run does lies."""

from __future__ import annotations

import pytest

from curate.audit.finished_run import OpenedRun
from curate.audit.ledger import connect
from curate.audit.whatif import decide, what_if
from tests.support.audited import audited_run, kept

COMBINE = "combine=[{deduplicate: {minhash: {bands: 14, rows: 8}}}, {scrub: {types: [EMAIL]}}]"


@pytest.mark.parametrize(
    "change",
    [
        "filters.c4.min_sentences.min=10",
        "filters.c4.lorem_ipsum.max=9",
        "filters.gopher-quality.min_words.min=90",
        "filters.c4.curly_bracket.max=9",
    ],
)
def test_a_run_lies_within_the_bounds_given(change: str) -> None:
    """Passing the rules is exact; what deduplication then keeps lies between the bounds, and so it is said."""
    before, after = audited_run(COMBINE), audited_run(COMBINE, change)
    outcome = decide(before, before.changed([change]))
    passed = sum(
        step["kept"] for s in after.stats["sources"].values() for step in s["funnel"] if step["step"] in _LAST_RULES
    )
    assert outcome.sums.total("passes", ["web"]) == passed
    assert not outcome.exact
    bounds = outcome.documents()
    assert bounds.low <= kept(after) <= bounds.high
    assert bounds.high - bounds.low < kept(before) / 5


_LAST_RULES = ("gopher-quality",)


def test_that_these_are_bounds_is_said() -> None:
    """The answer says what is exact and what is not, and why."""
    answer = what_if(audited_run(COMBINE), ["filters.c4.lorem_ipsum.max=9"], 0)
    notes = " ".join(getattr(block, "note", "") for block in answer.blocks)
    assert "Exact up to deduplication, bounds after it" in notes and "near-copies" in notes
    assert isinstance(answer.data, dict) and answer.data["kept"]["exact"] is False


@pytest.mark.parametrize("change", ["filters.c4.lorem_ipsum.max=9", "filters.gopher-quality.min_words.min=90"])
def test_tokens_are_called_counted_only_where_they_are(change: str) -> None:
    """What follows the rules can drop a document let in: its tokens are an estimate, and a run's lie in the interval."""
    before, after = audited_run(COMBINE), audited_run(COMBINE, change)
    estimate = decide(before, before.changed([change])).tokens()
    actual = sum(source["tokens"] for source in after.stats["sources"].values())
    assert not estimate.counted and estimate.low <= actual <= estimate.high
    notes = " ".join(getattr(block, "note", "") for block in what_if(before, [change], 0).blocks)
    assert "estimated" in notes and "counted" not in notes
    outcome = decide(before, before.changed([change]))
    for group in outcome.sums.groups:
        kept_of, tokens_of = _kept_of(after, *group)
        documents, tokens = outcome.documents([group]), outcome.tokens([group])
        assert documents.low <= kept_of <= documents.high, group
        assert tokens.low <= tokens_of <= tokens.high, group


def _kept_of(run: OpenedRun, source: str, language: str | None) -> tuple[int, int]:
    """(documents, tokens) that the ledger has as kept of a group."""
    (row,) = (
        connect(run.ledger)
        .execute(
            "select count(*), coalesce(sum(tokens), 0)::bigint from ledger "
            "where kept and source = ? and language is not distinct from ?",
            [source, language],
        )
        .fetchall()
    )
    return row
