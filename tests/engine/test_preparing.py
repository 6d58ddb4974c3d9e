"""A machine that cannot work on a run is found before its tasks fail, and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from curate.engine.executors import EngineError, SerialEngine, _passed_on
from curate.engine.progress import ProgressDisplay
from curate.engine.runner import Runner, prepare_node
from curate.engine.task import File, Task
from curate.pipeline.tasks.lines import LineParams, count_part


def task(path: Path) -> Task[Any, Any]:
    path.write_text("a\nb\n")
    return Task("lines", count_part, LineParams(), {"file": File("x", str(path), "s", 4, (0, 4, 4, 0, 0))})


def test_a_machine_that_can_work_says_nothing(tmp_path: Path) -> None:
    each = task(tmp_path / "x")
    assert prepare_node("", tmp_path, [(each, each.folder)]) == ""


def test_a_machine_without_the_shared_storage_is_named(tmp_path: Path) -> None:
    each = task(tmp_path / "x")
    told = prepare_node("", tmp_path / "gone" / ".work", [(each, each.folder)])
    assert told.startswith(f"does not see the run directory {tmp_path / 'gone'}")


def test_a_machine_with_other_code_says_which_versions_it_has(tmp_path: Path) -> None:
    told = prepare_node("", tmp_path, [(task(tmp_path / "x"), "lines.0123456789abcdef")])
    assert told.startswith("has other code or other libraries than this machine (there: curate-data ")


class _OtherMachine(SerialEngine):
    """An engine with another machine, of which it is told how often it was made ready."""

    def __init__(self, answer: str) -> None:
        object.__setattr__(self, "answer", answer)
        object.__setattr__(self, "asked", [])

    def on_each_node(self, function: Any, item: Any) -> list[tuple[str, Any]]:
        self.asked.append(function(item))  # type: ignore[attr-defined]
        return [("10.0.0.7", self.answer)]  # type: ignore[attr-defined]


def runner(folder: Path, engine: SerialEngine) -> Runner:
    display = ProgressDisplay(Console(quiet=True), folder / "progress.json")
    return Runner(folder / ".work", folder / "timings", lambda: engine, display)


def test_every_machine_is_made_ready_once_for_tasks_of_a_kind(tmp_path: Path) -> None:
    engine = _OtherMachine("")
    running = runner(tmp_path, engine)
    (result,) = running.stage([task(tmp_path / "x")])
    assert result.counts == {"documents": 1, "plain": True}
    running.stage([task(tmp_path / "y")])
    assert engine.asked == [""]  # type: ignore[attr-defined]


def test_a_run_does_not_begin_with_a_machine_that_cannot_work(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"the node 10\.0\.0\.7 does not see it"):
        runner(tmp_path, _OtherMachine("does not see it")).stage([task(tmp_path / "x")])


def test_credentials_are_not_handed_to_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("CURATE_STORAGE_AT_ONCE", "2")
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    assert _passed_on() == {"CURATE_STORAGE_AT_ONCE": "2", "NUMBA_CPU_NAME": "generic"}
