"""Where commands print: results to standard output, progress and errors to standard error, and what a failure says.

The one boundary between the program and people: every command runs through `guarded`, which turns an error into a
sentence and an exit status. Nothing printed here is read as markup, so names with brackets stay as they are. Knows
errors and streams; knows no command.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from curate.errors import FAILED, STOPPED, WRONG_USE, CurateError, disk_full, missing_extra

_STOPPING = ("SIGTERM", "SIGHUP")
"""Signals that stop a command as Ctrl-C does, unless whoever started it has them ignored (as nohup does)."""


class OutputClosed(Exception):
    """Whoever read the output has gone, as `head` does after ten lines: no failure."""


class _Console(Console):
    """A console that takes text as it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(soft_wrap=True, markup=False, highlight=False, emoji=False, **options)

    def on_broken_pipe(self) -> NoReturn:
        raise OutputClosed


RESULTS: Console = _Console()
MESSAGES: Console = _Console(stderr=True)


def write(text: str) -> None:
    """Write text to standard output as it is, for programs to read, or a piece of a line as it comes."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise OutputClosed from None


def write_data(form: str, data: Any, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write numbers for programs: `data` as JSON, or with the form `csv` the rows under their columns. Status 0."""
    from curate.audit.rendering import csv_text

    write(json.dumps(data, indent=1, default=str) + "\n" if form == "json" else csv_text(columns, rows))
    return 0


def write_numbers(form: str, data: Mapping[str, Any]) -> int:
    """Write what is told of one thing for programs: as JSON whole, as CSV a row for each number, by its path of keys.

    What is a list, such as a curve, stands in the JSON only. Status 0.
    """
    return write_data(form, data, ("measure", "value"), _leaves(data, ""))


def _leaves(data: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        elif not isinstance(value, list | tuple):
            yield f"{path}{name}", value


def complain(message: str) -> None:
    """Print an error, each of its lines marked as one."""
    for line in message.splitlines() or [""]:
        MESSAGES.print(Text.assemble(("error ", "bold red"), line))


def remark(message: str, level: str = "note") -> None:
    """Print what is no error but should be known, and how bad it is in a word."""
    MESSAGES.print(Text.assemble((f"{level} ", "bold yellow"), message))


def guarded(command: Callable[[], int]) -> int:
    """Run a command; returns the exit status: its own, or that of its error, which is printed.

    0 done, 1 failed, 2 wrong use or file, 3 done but nothing kept or an expectation missed, 130 stopped. An exception
    that is no sentence for people is a fault of the program: it is raised.
    """
    try:
        with _stopped_by_signals():
            status = command()
            sys.stdout.flush()
            return status
    except (OutputClosed, BrokenPipeError) as error:
        if isinstance(error, BrokenPipeError) and not _output_is_closed():
            complain(f"a process that was written to has ended ({error})")
            return FAILED
        _silence_output()
        return 0
    except KeyboardInterrupt:
        MESSAGES.print("\nStopped. What was committed is kept; the same command goes on from there.")
        return STOPPED
    except CurateError as error:
        complain(str(error))
        return error.status
    except ImportError as error:
        extra = missing_extra(error)
        if extra is None:
            raise
        complain(str(extra))
        return FAILED
    except OSError as error:
        complain(str(disk_full(error) or _told(error)))
        return WRONG_USE if isinstance(error, FileNotFoundError) else FAILED


def _told(error: OSError) -> str:
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let the stopping signals raise KeyboardInterrupt for the length of the block, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _STOPPING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    taken = [number for number, handler in before.items() if handler is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


def _stop(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _output_is_closed() -> bool:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return True
    return False


def _silence_output() -> None:
    """Let nothing more be written to the closed output: Python's own last flush would complain of it."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
