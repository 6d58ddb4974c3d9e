"""What people see while a run goes on: a live display on a terminal, plain lines elsewhere, and a file for `status`.

Knows stages, counts and the clock; nothing it writes is an output of the run.
"""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from curate.engine.lock import is_held
from curate.engine.task import Committed, Timing
from curate.storage import write_atomically

_SECONDS_BETWEEN_LINES = 20.0
_SECONDS_BETWEEN_SAVES = 0.5
_SECONDS_BETWEEN_LOOKS = 1.0


@dataclass
class StageState:
    """How far a stage is."""

    name: str
    tasks: int
    done: int
    reused: int
    documents: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    seconds: float = 0.0


@dataclass
class ProgressDisplay:
    """Shows stages as they go, and saves their state for `curate status`."""

    console: Console
    save_to: Path
    stages: list[StageState] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _bar: Progress | None = None
    _bar_task: TaskID | None = None
    _last_line: float = 0.0
    _last_save: float = 0.0

    def stage(self, name: str, tasks: int, done: int) -> None:
        """A stage begins; the one before it has ended."""
        self._finish()
        while self.notes:
            self.console.print(self.notes.pop(0), highlight=False)
        self.stages.append(StageState(name, tasks, done, done))
        self._last_line = time.monotonic()
        self._save("running", force=True)
        if self.console.is_terminal and done < tasks:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description:<18}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
            )
            self._bar.start()
            self._bar_task = self._bar.add_task(name, total=tasks, completed=done, rate="")

    def finished(self, result: Committed[Any], timing: Timing) -> None:
        """A task was committed."""
        state = self.stages[-1]
        state.done += 1
        state.documents += int(result.counts.get("documents", 0))
        state.kept += int(result.counts.get("kept", 0))
        for step, number in result.counts.get("dropped", {}).items():
            state.dropped[step] = state.dropped.get(step, 0) + int(number)
        state.seconds = time.time() - state.started
        self._save("running")
        if self._bar is not None and self._bar_task is not None:
            self._bar.update(self._bar_task, completed=state.done, rate=_rate(state))
        elif time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self.console.print(f"{state.name}: {state.done} of {state.tasks} parts {_rate(state)}", highlight=False)

    def note(self, text: str) -> None:
        """Show a line before the next stage's."""
        self.notes.append(text)

    def end(self, outcome: str) -> None:
        """The run has ended: done, failed or stopped."""
        self._finish(quiet=outcome != "done")
        self._save(outcome, force=True)

    def _finish(self, quiet: bool = False) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._bar_task = None
        if self.stages and not quiet:
            state = self.stages[-1]
            if state.reused == state.tasks:
                what = "nothing to do" if state.tasks else "no parts"
            else:
                what = f"{state.tasks - state.reused} parts in {state.seconds:.1f} s {_rate(state)}".rstrip()
                what += f", {state.reused} done before" if state.reused else ""
            self.console.print(f"{state.name:<18} {what}", highlight=False)

    def _save(self, outcome: str, force: bool = False) -> None:
        if force or time.monotonic() - self._last_save > _SECONDS_BETWEEN_SAVES:
            self._last_save = time.monotonic()
            state: dict[str, Any] = {"outcome": outcome, "stages": [vars(stage) for stage in self.stages]}
            write_atomically(self.save_to, json.dumps(state, indent=1).encode())


def _rate(state: StageState) -> str:
    """Documents per second, and the kept share where the stage decides."""
    if not state.documents or state.seconds <= 0:
        return ""
    kept = f", {state.kept / state.documents:.0%} kept" if state.kept else ""
    return f"{state.documents / state.seconds:,.0f} documents/s{kept}"


def read_progress(folder: Path) -> dict[str, Any]:
    """How far a run is: `outcome` and `stages`. Raises FileNotFoundError where no run was ever started."""
    try:
        state: dict[str, Any] = json.loads((folder / "timings" / "progress.json").read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f"{folder} is no run directory") from None
    if state["outcome"] == "running" and not is_held(folder):
        state["outcome"] = "killed; run the same command again to go on"
    return state


def describe_progress(folder: Path) -> str:
    """How far a run is: a line per stage, and what each step of those at work has dropped so far."""
    state = read_progress(folder)
    lines = [f"{folder}: {state['outcome']}"]
    for stage in state["stages"]:
        line = f"  {stage['name']:<22} {stage['done']:>7,} of {stage['tasks']:,} parts"
        if stage["documents"]:
            line += f"{stage['documents']:>14,} documents"
        lines.append(line)
        lines += [f"      {step:<18} {-number:>+14,}" for step, number in stage.get("dropped", {}).items()]
    return "\n".join(lines)


def watch_progress(folder: Path, console: Console) -> None:
    """Show how far a run is until it ends, again and again in place; where this is no terminal, a block at each change."""
    with Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else nullcontext() as live:
        shown = ""
        while True:
            text = describe_progress(folder)
            if live is not None:
                live.update(Text(text), refresh=True)
            elif text != shown:
                console.print(Text(text))
            shown = text
            if read_progress(folder)["outcome"] != "running":
                break
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    if console.is_terminal:
        console.print(Text(shown))
