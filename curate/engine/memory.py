"""The memory that one task needed, of a process that has done others before it. Knows Linux's counters; knows no task."""

from __future__ import annotations

import re
from pathlib import Path

_PROCESS = Path("/proc/self")
_RESET_PEAK = "5"
"""What sets the peak of resident memory back to what is resident now (proc(5), /proc/PID/clear_refs)."""


def start_peak() -> int | None:
    """Begin a new peak of this process's resident memory; returns what is resident now, in bytes. None where the system
    cannot say: its one peak is then that of the process's whole life, which is no task's."""
    try:
        (_PROCESS / "clear_refs").write_text(_RESET_PEAK)
    except OSError:
        return None
    return _resident("VmRSS")


def read_peak() -> int | None:
    """The greatest resident memory since `start_peak`, in bytes; None where the system cannot say."""
    return _resident("VmHWM")


def _resident(counter: str) -> int | None:
    try:
        found = re.search(rf"^{counter}:\s+(\d+) kB$", (_PROCESS / "status").read_text(), re.M)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
