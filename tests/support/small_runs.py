"""A run of invented documents that takes a second: for tests of what becomes of a run directory, not of what is in it."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path

from curate.config.mixture import Mixture
from curate.mixture.make import make_mix
from curate.pipeline.run import run
from tests.support.crashes import PIPELINE, write_inputs


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="curate-small-"))
    write_inputs(folder)
    for seed in (1, 2):
        (folder / f"{seed}.yaml").write_text(PIPELINE.format(folder=folder, seed=seed))
    run(folder / "1.yaml", out=folder / "run", engine="serial")
    make_mix(folder / "run", "index", Mixture.model_validate({"sources": {"a": {"epochs": 1}, "b": {"epochs": 1}}}))
    return folder


def small_pipeline_file(seed: int = 1) -> Path:
    """The pipeline that the small run is made of; another seed is another order."""
    return _folder() / f"{seed}.yaml"


def copy_of_small_run(folder: Path) -> Path:
    """The small run, and a mix of it that is an index, in a folder of its own."""
    return Path(shutil.copytree(_folder() / "run", folder / "run"))
