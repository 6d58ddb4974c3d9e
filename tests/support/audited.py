"""Runs for audits to question, made once for all tests that need them."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from curate.audit.finished_run import OpenedRun, open_finished
from curate.pipeline.run import run
from tests.support.running import EXAMPLE

PIPELINE = f"""
name: audited
seed: 3
sources:
  web:
    read: {{format: warc, paths: [{EXAMPLE}/web/*.warc.gz]}}
    steps:
      - extract: {{}}
      - language: {{keep: [en], minimum: 0.5}}
      - filter: c4
      - filter: gopher-quality
  reference:
    read: {{format: jsonl, paths: [{EXAMPLE}/reference/*.jsonl.gz]}}
    steps: []
tokens: {{tokenizer: gpt2}}
shards: {{tokens_per_shard: 200k, validation: 0.02}}
"""


@functools.cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="curate-audited-"))


@functools.cache
def pipeline_file() -> Path:
    """The pipeline that the audited runs are made of."""
    path = _folder() / "audited.yaml"
    path.write_text(PIPELINE)
    return path


def audited_run(*sets: str) -> OpenedRun:
    """A finished run of the example web with these settings; what the run without any committed is taken up."""
    return _audited(tuple(sets))


@functools.cache
def _audited(sets: tuple[str, ...]) -> OpenedRun:
    base = audited_run() if sets else None
    out = _folder() / f"run-{len(list(_folder().iterdir()))}"
    if base is not None:
        shutil.copytree(base.folder / ".work", out / ".work", copy_function=os.link)
    run(pipeline_file(), list(sets), out, engine="serial")
    return open_finished(out)


@functools.cache
def webtext_run() -> OpenedRun:
    """A finished run of the bundled example, every step at work."""
    out = _folder() / "webtext"
    run(EXAMPLE.parent / "pipelines" / "webtext.yaml", (), out, engine="serial")
    return open_finished(out)


def kept(opened: OpenedRun, sources: Sequence[str] = ("web", "reference")) -> int:
    """Documents that a run kept."""
    return sum(opened.stats["sources"][name]["kept"] for name in sources)
