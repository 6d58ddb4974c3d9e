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
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from curate.engine.lease import is_leased
from curate.engine.lock import is_held
from curate.engine.mirror import read_progress_of, run_address
from curate.engine.task import Committed, Timing
from curate.errors import counted
from curate.storage import write_atomically

_SECONDS_BETWEEN_LINES = 20.0
_SECONDS_BETWEEN_SAVES = 0.5
_SECONDS_BETWEEN_LOOKS = 1.0


WORDS = {
    "extract": "reading",
    "metadata": "carried columns",
    "evaluate": "metrics and edits",
    "opt_out": "opt-outs",
    "topic": "topics",
    "quality": "quality classifier",
    "removed": "removals",
    "verdicts": "rules",
    "deduplicate": "copies",
    "decontaminate": "evaluation items",
    "scrub": "personal data",
    "text": "text",
    "tokens": "tokens",
    "shards": "mixture and shards",
    "ledger": "ledger",
    "publish": "statistics and report",
}
"""What the steps of a run are called for people."""
_INNER = {
    "stock": "tokens available", "sort": "global order", "keys": "index", "links": "pairs", "components": "clusters",
    "survivors": "which copies stay", "draws": "drawing the sample", "select": "asking the index",
    "sample": "drawing examples", "opt-out-files": "opt-outs", "opt-out-statements": "sorting them",
    "opt-outs": "looking documents up",
    "topic-sample": "drawing a sample", "topic-clusters": "clusters", "topics": "naming topics", "score": "scoring",
    "exact": "exact copies", "aggregate": "counting", "aggregate-merge": "adding up",
}  # fmt: skip
"""What the stages within a step are called for people, where their own name is none of theirs."""


def words(name: str) -> str:
    """A step's or a stage's name for people: plain words, without joints."""
    return WORDS.get(name) or _INNER.get(name) or name.replace("-", " ")


@dataclass
class StageState:
    """How far a stage is. `bytes` of input, and how many of them are `read`."""

    name: str
    tasks: int
    done: int
    reused: int
    documents: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    seconds: float = 0.0
    bytes: int = 0
    read: int = 0


@dataclass
class _Step:
    """One of a run's steps, and its stages so far."""

    name: str
    number: int
    stages: list[StageState] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def executed(self) -> int:
        """Tasks that were executed, not taken from before."""
        return sum(stage.done - stage.reused for stage in self.stages)


@dataclass
class ProgressDisplay:
    """Shows a run's steps as they go, a bar for the whole run on a terminal and a line each, and saves them for `status`.

    Steps that were done before are told in one line, and a run that does nothing in one line altogether.
    """

    console: Console
    save_to: Path
    stages: list[StageState] = field(default_factory=list)
    _step: _Step | None = None
    _of: int = 0
    _before: list[str] = field(default_factory=list)
    _executed: int = 0
    _began: float = field(default_factory=time.monotonic)
    _peak: int = 0
    _notes: list[str] = field(default_factory=list)
    _bar: Progress | None = None
    _bar_task: TaskID | None = None
    _last_line: float = 0.0
    _last_save: float = 0.0

    def step(self, name: str, number: int, of: int) -> None:
        """A step of the run begins, the one before it has ended; its stages follow."""
        self._close()
        self._of = of
        self._step = _Step(name, number)

    def stage(self, name: str, tasks: int, done: int, bytes: int = 0, read: int = 0) -> None:
        """A stage begins; the one before it has ended."""
        if self._step is None or self._step.number == 0:
            self._close()
            self._step = _Step(name, 0)  # outside a run's order, a stage is a step of its own
        state = StageState(name, tasks, done, done, bytes=bytes, read=read)
        self._step.notes += self._notes
        self._notes = []
        self.stages.append(state)
        self._step.stages.append(state)
        self._last_line = time.monotonic()
        self._save("running", force=True)
        if self.console.is_terminal and done < tasks:
            self._show()

    def finished(self, result: Committed[Any], timing: Timing, bytes: int = 0) -> None:
        """A task was committed."""
        state = self.stages[-1]
        state.done += 1
        state.read += bytes
        state.documents += int(result.counts.get("documents", 0))
        state.kept += int(result.counts.get("kept", 0))
        for step, number in result.counts.get("dropped", {}).items():
            state.dropped[step] = state.dropped.get(step, 0) + int(number)
        state.seconds = time.time() - state.started
        self._peak = max(self._peak, timing.peak or 0)
        self._save("running")
        if self._bar is not None:
            self._show()
        elif time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self.console.print(f"{self._where()}: {_amount(state)}{_left(state)}", highlight=False)

    def note(self, text: str) -> None:
        """Show a line with the next stage's, where that does anything."""
        self._notes.append(text)

    def end(self, outcome: str) -> None:
        """The run has ended: done, failed or stopped."""
        if outcome == "done":
            self._close()
            self._say_total()
        else:
            self._stop_bar()
        self._save(outcome, force=True)

    def _say_total(self) -> None:
        if not self._executed:
            number = len(self._before)
            self.console.print(f"Nothing to do: {counted(number, 'step')} done before.", highlight=False)
            return
        memory = f", at most {_size(self._peak)} in one process" if self._peak else ""
        self.console.print(f"Done in {_duration(time.monotonic() - self._began)}{memory}.", highlight=False)

    def _close(self) -> None:
        """The step has ended: its line, and its notes; what was done before it in one line."""
        self._stop_bar()
        step, self._step = self._step, None
        if step is None or not step.stages:
            return
        step.notes += self._notes
        self._notes = []
        if not step.executed:
            self._before.append(step.name)
            return
        if self._before and not self._executed:
            self.console.print(f"done before: {', '.join(map(words, self._before))}", highlight=False, soft_wrap=True)
        self._executed += step.executed
        seconds = time.monotonic() - step.started
        longest = max(step.stages, key=lambda stage: stage.tasks)
        told = f"{counted(longest.tasks, 'part')} in {_duration(seconds)}"
        documents = max((stage.documents for stage in step.stages), default=0)
        told += f", {documents / seconds:,.0f} documents/s" if documents and seconds > 0 else ""
        if longest.reused:
            told += f", {longest.reused:,} done before"
        self.console.print(f"{words(step.name):<26}{told}", highlight=False, soft_wrap=True)
        for note in step.notes:
            self.console.print(f"  {note}", highlight=False, soft_wrap=True)

    def _where(self) -> str:
        """Which stage of which step this is, for people."""
        state, step = self.stages[-1], self._step
        inner = words(state.name)
        if step is None or not step.number:
            return inner
        outer = words(step.name)
        return f"{step.number} of {self._of} {outer}" + ("" if inner == outer or state.name == "read" else f": {inner}")

    def _show(self) -> None:
        """The bar of the whole run: equal pieces for the steps, within a step by bytes."""
        state, step = self.stages[-1], self._step
        if self._bar is None:
            self._bar = Progress(
                SpinnerColumn(),
                BarColumn(bar_width=20),
                TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
                console=self.console,
                transient=True,
            )
            self._bar.start()
            self._bar_task = self._bar.add_task("", total=1.0)
        share = _share(state)
        whole = (step.number - 1 + share) / self._of if step is not None and step.number else share
        assert self._bar_task is not None
        told = f"{self._where()}  {_amount(state)}{_left(state)}"
        self._bar.update(self._bar_task, completed=whole, description=told)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._bar_task = None

    def _save(self, outcome: str, force: bool = False) -> None:
        if force or time.monotonic() - self._last_save > _SECONDS_BETWEEN_SAVES:
            self._last_save = time.monotonic()
            state: dict[str, Any] = {"outcome": outcome, "stages": [vars(stage) for stage in self.stages]}
            write_atomically(self.save_to, json.dumps(state, indent=1).encode())


def _share(state: StageState) -> float:
    """How much of a stage is done: of its bytes, where they are known, else of its parts."""
    if state.bytes:
        return min(1.0, state.read / state.bytes)
    return state.done / state.tasks if state.tasks else 1.0


def _amount(state: StageState) -> str:
    parts = f"{state.done:,} of {counted(state.tasks, 'part')}"
    return f"{parts}, {_size(state.read)} of {_size(state.bytes)}" if state.bytes else parts


def _left(state: StageState) -> str:
    """The time that a stage still needs if its bytes go on as they went."""
    share, before = _share(state), state.reused / state.tasks if state.tasks else 0.0
    if state.seconds <= 0 or share <= before:
        return ""
    return f", {_duration(state.seconds * (1 - share) / (share - before))} left" if share < 1 else ""


def _size(number: int) -> str:
    """Bytes as people write them.

    >>> _size(1_234_567), _size(12)
    ('1.2 MB', '12 bytes')
    """
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return counted(number, "byte")


def _duration(seconds: float) -> str:
    """A time as people write it.

    >>> _duration(3.21), _duration(200), _duration(7300)
    ('3.2 s', '3 min 20 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def read_progress(place: str | Path) -> dict[str, Any]:
    """How far a run is, in a directory or a bucket: `outcome` and `stages`. Raises FileNotFoundError where no run was ever
    started. One in a bucket says so twice a minute."""
    address = run_address(place)
    if address is not None:
        told = read_progress_of(address)
        if told is None:
            raise FileNotFoundError(f"{address} is no run's address, or one whose run has not said yet how far it is")
        if told["outcome"] == "running" and not is_leased(address):
            told["outcome"] = "killed; run the same command again to go on"
        return told
    folder = Path(place)
    try:
        state: dict[str, Any] = json.loads((folder / "timings" / "progress.json").read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f"{folder} is no run directory") from None
    if state["outcome"] == "running" and not is_held(folder):
        state["outcome"] = "killed; run the same command again to go on"
    return state


def describe_progress(folder: str | Path) -> str:
    """How far a run is: a line per stage, and what each step of those at work has dropped so far."""
    state = read_progress(folder)
    lines = [f"{folder}: {state['outcome']}"]
    for stage in state["stages"]:
        line = f"  {words(stage['name']):<22} {stage['done']:>7,} of {counted(stage['tasks'], 'part')}"
        if stage["documents"]:
            line += f"{stage['documents']:>14,} documents"
        lines.append(line)
        lines += [f"      {step:<18} {-number:>+14,}" for step, number in stage.get("dropped", {}).items()]
    return "\n".join(lines)


def watch_progress(folder: str | Path, console: Console) -> None:
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
