"""Runs of the `curate` command for tests: on small inputs, in a process of their own, compared byte by byte."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
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
    *arguments: object, check: bool = True, environment: Mapping[str, str] = os.environ, **options: object
) -> subprocess.CompletedProcess[str]:
    """Run `curate` to its end; with `check`, a failure shows what it printed."""
    environment = {**environment, "RAY_TMPDIR": "/tmp"}
    done = subprocess.run(command(*arguments), capture_output=True, text=True, env=environment, timeout=300, **options)  # type: ignore[call-overload]
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done  # type: ignore[no-any-return]


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
