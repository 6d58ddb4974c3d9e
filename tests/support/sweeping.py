"""One step of a sweep: a pipeline drawn, run, and held against its ledger; then under other thresholds, and once more."""

from __future__ import annotations

from pathlib import Path

from curate.audit.finished_run import OpenedRun, open_finished
from curate.audit.whatif import decide
from curate.errors import CurateError
from curate.pipeline.run import run
from tests.support.agreement import check_all
from tests.support.random_runs import draw_change, draw_pipeline

_LONGEST = 2000
"""Characters of a sentence that refuses a pipeline, its path included."""


def sweep(number: int, folder: Path, changed: bool = True) -> str:
    """`refused`, or `agrees`. Raises AssertionError where a promise is broken, and whatever is no CurateError."""
    path, wrong = draw_pipeline(number, folder)
    try:
        run(path, out=folder / "run", engine="serial")
    except CurateError as error:
        assert str(error).strip() and len(str(error)) < _LONGEST and "Traceback" not in str(error)
        return "refused"
    assert not wrong, "settings that cannot be meant were run"
    opened = open_finished(folder / "run")
    check_all(opened, folder)
    sets = draw_change(number, opened.pipeline) if changed else []
    if sets and opened.changed(sets) != opened.pipeline:
        _check_foreseen(opened, path, sets, folder)
    return "agrees"


def _check_foreseen(opened: OpenedRun, path: Path, sets: list[str], folder: Path) -> None:
    """What-if against a run with the change, which takes up what was committed."""
    outcome = decide(opened, opened.changed(sets))
    passes, documents, tokens = outcome.sums.total("passes"), outcome.documents(), outcome.tokens()
    try:
        run(path, sets, folder / "run", engine="serial")
    except CurateError:
        return  # a mixture that cannot be had any more, or nothing left
    after = open_finished(folder / "run")
    check_all(after, folder / "changed")
    actual = sum(audit["passed"] for audit in after.stats["audit"].values())
    assert passes == actual, f"{sets}: {passes} were foreseen to pass, {actual} did"
    kept, made = (sum(source[name] for source in after.stats["sources"].values()) for name in ("kept", "tokens"))  # type: ignore[literal-required]
    assert documents.low <= kept <= documents.high, f"{sets}: {kept} kept, foreseen {documents}"
    if tokens.counted:
        assert tokens.tokens == made
