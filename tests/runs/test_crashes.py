"""Killed at any file operation, publishing, removing, mixing, exporting and training leave the old state or the new."""

from __future__ import annotations

import subprocess
import sys

from tests.support.running import ROOT


def test_a_kill_at_any_file_operation_leaves_old_or_new_and_the_same_call_ends_it() -> None:
    """A few of each, spread evenly; `python -m tests.support.crashes` kills at every one."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.crashes", "--most", "10"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for operation in ("publish", "mix make", "remove", "export", "train"):
        assert f"{operation}: " in done.stdout
