"""One crawl through several recipes, a sample of it each: runs to be compared. Knows recipes; compares nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from curate.config.bundled import find_recipe
from curate.config.reading import PipelineFile, read_pipeline
from curate.errors import ConfigError
from curate.pipeline.made import Run
from curate.pipeline.run import run_file
from curate.pipeline.until import limited

SOURCE = "web"
"""What the crawl is called in every one of these runs: ids hold the source's name, and are to be the same."""


def run_recipes(
    names: Sequence[str],
    files: Sequence[str],
    folder: Path,
    sample: int,
    begins: Callable[[str], None] = lambda name: None,
) -> list[Run]:
    """Run each recipe on `sample` records of these WARC files, drawn by the records' ids, into FOLDER/RECIPE.

    What else a recipe reads (reference texts) stays as it is there. `begins` is told the name of each before it runs. Raises
    ConfigError, before any has run, for a recipe whose crawl is not its source `web`, and what `curate.pipeline.run.run`
    raises.
    """
    paths = [str(Path(file).resolve()) for file in files]
    pipelines = {name: limited(_reading(name, paths), None, sample) for name in names}
    made = []
    for name, file in pipelines.items():
        begins(name)
        made.append(run_file(file, folder / Path(name).stem, engine="serial"))
    return made


def _reading(name: str, paths: Sequence[str]) -> PipelineFile:
    """A recipe whose source `web` reads these files."""
    file = read_pipeline(find_recipe(name))
    web = file.pipeline.sources.get(SOURCE)
    if web is None or web.read.format != "warc":
        raise ConfigError(f"recipe {name!r} has no source {SOURCE!r} of WARC files, and cannot be compared so")
    read = web.read.model_copy(update={"paths": tuple(paths), "root": None})
    sources = {
        each: source.model_copy(update={"read": read}) if each == SOURCE else source
        for each, source in file.pipeline.sources.items()
        if each == SOURCE or source.role == "reference"
    }
    if any(getattr(step.setting, "positives", ()) for step in web.steps):
        sources = dict(file.pipeline.sources) | {SOURCE: sources[SOURCE]}
    return dataclasses.replace(file, pipeline=file.pipeline.model_copy(update={"sources": sources}))
