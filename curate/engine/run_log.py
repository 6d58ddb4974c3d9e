"""A run's events in a file, a line each, for people who grep and machines that parse.

Knows what a watcher of a run is told, and the clock; nothing of it is an output of the run.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from curate.engine.task import Committed, Timing

LogForm = Literal["text", "json"]
_PLAIN = re.compile(r"[^\s\"=\\\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""A value that stands without quotes: one word, on its line whatever is in it."""
_FIELDS: Final = "curate_fields"


class _OneLine(logging.Formatter):
    """An event as `TIME LEVEL EVENT key=value ...`, or as an object."""

    def __init__(self, form: LogForm) -> None:
        super().__init__()
        self._as_json = form == "json"

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = getattr(record, _FIELDS, {})
        if self._as_json:
            return json.dumps({"time": time, "level": record.levelname, "event": record.getMessage(), **fields})
        told = "".join(f" {name}={_word(value)}" for name, value in fields.items())
        return f"{time} {record.levelname} {record.getMessage()}{told}"


def _word(value: Any) -> str:
    """A value in a line of text: as it is where it is one word, else as JSON has it.

    >>> _word("a.warc.gz"), _word("two words"), _word(1.5)
    ('a.warc.gz', '"two words"', '1.5')
    """
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


class RunLog:
    """A watcher that writes what it is told to a file, after what is there already. Raises OSError where it cannot."""

    def __init__(self, path: Path, form: LogForm = "text") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handler = logging.FileHandler(path, encoding="utf-8")
        self._handler.setFormatter(_OneLine(form))
        self._logger = logging.Logger(f"curate.run.{id(self)}", logging.INFO)  # of nobody else's hierarchy
        self._logger.addHandler(self._handler)
        self._stage = ""

    def _write(self, event: str, level: int = logging.INFO, /, **fields: Any) -> None:
        self._logger.log(level, event, extra={_FIELDS: fields})

    def begin(self, name: str, out: str | Path, version: str) -> None:
        """A run begins."""
        self._write("run", name=name, out=str(out), version=version)

    def step(self, name: str, number: int, of: int) -> None:
        """See Watcher.step."""
        self._write("step", step=name, number=number, of=of)

    def stage(self, name: str, tasks: int, done: int, bytes: int = 0, read: int = 0) -> None:
        """See Watcher.stage."""
        self._stage = name
        self._write("stage", stage=name, tasks=tasks, done=done, bytes=bytes, bytes_done=read)

    def finished(self, result: Committed[Any], timing: Timing, bytes: int = 0) -> None:
        """See Watcher.finished."""
        counts = {name: value for name, value in result.counts.items() if isinstance(value, int)}
        about: dict[str, Any] = {"stage": self._stage, "source": timing.source, "part": timing.label}
        spent: dict[str, Any] = {"seconds": round(timing.seconds, 3), "cpu": round(timing.cpu, 3), "peak": timing.peak}
        counted: dict[str, Any] = {f"count_{name}": value for name, value in counts.items()}
        self._write("task", **about, **spent, **counted)

    def note(self, text: str) -> None:
        """See Watcher.note."""
        self._write("note", logging.WARNING, text=text)

    def end(self, outcome: str, why: str = "") -> None:
        """The run has ended: done, failed or stopped, and why."""
        level = {"done": logging.INFO, "stopped": logging.WARNING}.get(outcome, logging.ERROR)
        self._write("end", level, outcome=outcome, **({"why": why} if why else {}))
        self._handler.close()
