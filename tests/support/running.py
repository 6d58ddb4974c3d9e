"""Runs of the `curate` command for tests: on small inputs, in a process of their own, compared byte by byte."""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples"

SMALL = """
name: small
seed: 7
sources:
  web:
    read: {{format: warc, paths: {paths}}}
    steps:
      - extract: {{}}
      - filter: c4
  reference:
    read: {{format: jsonl, paths: [{reference}]}}
tokens: {{tokenizer: gpt2}}
shards: {{tokens_per_shard: 200k, validation: 0.02}}
"""


def small_pipeline(folder: Path, paths: Sequence[str] | None = None) -> Path:
    """A pipeline file over the example web, with several shards."""
    listed = paths or [str(EXAMPLE / "web" / "*.warc.gz")]
    file = folder / "small.yaml"
    file.write_text(SMALL.format(paths=list(listed), reference=str(EXAMPLE / "reference" / "*.jsonl.gz")))
    return file


def command(*arguments: object) -> list[str]:
    """The `curate` command line."""
    return [sys.executable, "-m", "curate", *map(str, arguments)]


def curate(
    *arguments: object, check: bool = True, environment: Mapping[str, str] | None = None, cwd: str | Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `curate` to its end; with `check`, a failure shows what it printed.

    In a process forked from one that is warm, but where Ray starts workers, or the environment is another.
    """
    line = list(map(str, arguments))
    if environment is None and not _starts_ray(line):
        done = _warm().run(line, str(cwd or Path.cwd()))
    else:
        environment = {**(environment or os.environ), "RAY_TMPDIR": "/tmp"}
        done = subprocess.run(command(*line), capture_output=True, text=True, env=environment, timeout=300, cwd=cwd)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def _starts_ray(line: Sequence[str]) -> bool:
    return line[:1] in (["run"], ["train"], ["validate"], ["plan"]) and "serial" not in line


class _Warm:
    """The process of `tests.support.warm`, one for each process of tests."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )
        self._folder = tempfile.TemporaryDirectory(prefix="curate-warm-")
        atexit.register(self.stop)

    def run(self, line: list[str], folder: str) -> subprocess.CompletedProcess[str]:
        """Run one command in a folder."""
        out, err = (Path(self._folder.name, name) for name in ("out", "err"))
        assert self._process.stdin is not None and self._process.stdout is not None
        request = {
            "arguments": line, "folder": folder, "environment": dict(os.environ), "out": str(out), "err": str(err),
        }  # fmt: skip
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the warm process has ended"
        return subprocess.CompletedProcess(command(*line), int(answer), out.read_text(), err.read_text())

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


@functools.cache
def _warm() -> _Warm:
    return _Warm()


def product(run: Path) -> dict[str, str]:
    """SHA-256 of every file in the run's ledger, shards and token store, by name."""
    files = [path for folder in ("ledger", "shards", "tokens") for path in sorted((run / folder).iterdir())]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def manifests(run: Path) -> dict[str, int]:
    """When each committed task was committed: its manifest's change time, in nanoseconds, by name."""
    work = run / ".work"
    return (
        {str(path.relative_to(work)): path.stat().st_mtime_ns for path in work.glob("*/*.json")}
        if work.exists()
        else {}
    )
