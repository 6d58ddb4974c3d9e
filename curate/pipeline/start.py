"""A first pipeline file, written for someone: the commented one or a recipe, over the package's sample or their own data.

A recipe stays as it is, comments and all; of it only the sources that data is given for are written anew: format and
columns are looked up in the first file. Knows files and their columns; runs nothing.
"""

from __future__ import annotations

import filecmp
import functools
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from curate.config.bundled import recipe_named, sample_folder
from curate.config.formats import format_named
from curate.config.reading import read_pipeline
from curate.config.schema import ATTACH, FILE_NAME, pipeline_schema
from curate.errors import ConfigError, CurateError, nearest
from curate.ingest.columns import Looked, look_up
from curate.storage import is_remote, list_files, write_atomically

PIPELINE = "pipeline.yaml"
SAMPLE = "sample"
_TEMPLATE = Path(__file__).with_name("start.yaml")
_READ = re.compile(r"read: \{[^{}]*\}")
_EXTRACT, _URL, _STEPS = (re.compile(rf"\s*{word}") for word in (r"- extract\b", r"- url\b", "steps:"))
_BESIDE = re.compile(r" {0,2}[^\s#]")
"""A line that belongs to another source or another key of the file."""
_ORDER = ("format", "paths", "text", "id", "url", "date", "metadata")
_EXAMPLES = "../examples/"
_STILL_SAMPLE = (
    "# What still reads sample/ reads the package's small invented sample: put files of your own in its place."
)


class StartError(CurateError):
    """What was to be written is there already."""


@dataclass(frozen=True)
class Started:
    """What was written: the pipeline file, and by source the data's format and columns."""

    file: Path
    looked: Mapping[str, Looked]
    sample: bool
    """Whether the sample was written beside it."""


def start(folder: Path, recipe: str | None = None, data: Sequence[str] = (), replace: bool = False) -> Started:
    """Write a pipeline file, its schema and, where the file reads it, the sample into a folder.

    `recipe` is a bundled pipeline's name; None: the commented pipeline. `data` are patterns of the first source's files,
    or SOURCE=PATTERN, relative to the working directory. Raises StartError where there is a pipeline file already that is
    not to be replaced, ConfigError for data that is of no format that is read, FileNotFoundError for an unknown recipe and
    for a pattern that matches nothing.
    """
    path = recipe_named(recipe) if recipe is not None else _TEMPLATE
    file = folder / PIPELINE
    if file.exists() and not replace:
        raise StartError(f"{file} is there already: --replace writes it anew, --dir DIR writes another")
    text = path.read_text("utf-8")
    sources = list(yaml.safe_load(text)["sources"])
    looked = {}
    for name, patterns in _by_source(data, sources).items():
        found = look_up(list_files([_absolute(pattern) for pattern in patterns]))
        looked[name] = found
        text = _with_data(text, sources, name, found, [_seen_from(folder, pattern) for pattern in patterns])
    if recipe is None and any(not _markup(found) for found in looked.values()):
        text = text.replace("  web:\n", "  documents:\n", 1)  # a table is no web
        looked = {"documents" if name == "web" else name: found for name, found in looked.items()}
    text = text.replace(_EXAMPLES, f"{SAMPLE}/")
    sample = any(f"{SAMPLE}/" in line.partition("#")[0] for line in text.splitlines())
    head = [ATTACH, *([_STILL_SAMPLE] if sample and data else [])]
    if sample and not replace:
        _check_free(folder / SAMPLE)
    folder.mkdir(parents=True, exist_ok=True)
    if sample:
        shutil.copytree(sample_folder(), folder / SAMPLE, dirs_exist_ok=True)
    write_atomically(folder / FILE_NAME, _schema())
    write_atomically(file, ("\n".join([*head, text.rstrip()]) + "\n").encode())
    read_pipeline(file)  # what is written can be read
    return Started(file, looked, sample)


def _check_free(folder: Path) -> None:
    """Raise StartError where a file of the sample would be written over another."""
    of = sample_folder()
    for own in sorted(path for path in of.rglob("*") if path.is_file()):
        there = folder / own.relative_to(of)
        if there.exists() and not (there.is_file() and filecmp.cmp(own, there, shallow=False)):
            raise StartError(f"{there} is there already: --replace writes the sample's over it, --dir DIR elsewhere")


@functools.cache
def _schema() -> bytes:
    return (json.dumps(pipeline_schema(), indent=1) + "\n").encode()


def _by_source(data: Sequence[str], sources: Sequence[str]) -> dict[str, list[str]]:
    """Patterns by source: those without a name are the first source's."""
    found: dict[str, list[str]] = {}
    for each in data:
        name, equals, pattern = each.partition("=")
        named = equals and pattern and re.fullmatch(r"[A-Za-z0-9_-]+", name) and not os.path.exists(name)
        if named and name not in sources:
            raise ConfigError(f"--data {each}: no source {name!r}{nearest(name, sources)}")
        found.setdefault(name if named else sources[0], []).append(pattern if named else each)
    return found


def _absolute(pattern: str) -> str:
    return pattern if is_remote(pattern) else os.path.abspath(os.path.expanduser(pattern))


def _seen_from(folder: Path, pattern: str) -> str:
    """A pattern as the pipeline file in the folder names it: paths below it relative, others as they are."""
    if is_remote(pattern) or os.path.isabs(os.path.expanduser(pattern)):
        return os.path.expanduser(pattern)
    return os.path.relpath(pattern, folder)


def _markup(found: Looked) -> bool:
    return format_named(found.format).markup


def _with_data(text: str, sources: Sequence[str], name: str, found: Looked, patterns: Sequence[str]) -> str:
    """The file's text with a source that reads these files: only its lines of `read`, `extract` and `url` change."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"  {name}:"))
    last = next((n for n in range(first + 1, len(lines)) if _BESIDE.match(lines[n])), len(lines))
    keys: dict[str, Any] = {**found.read_keys(), "paths": list(patterns)}
    read = f"read: {_flow({key: keys[key] for key in _ORDER if key in keys})}"
    own = lines[first:last]
    to_extract = _markup(found) and not any(_EXTRACT.match(line) for line in own)
    has_steps = any(_STEPS.match(line) for line in own)
    needless = [_EXTRACT] if not _markup(found) else []
    needless += [_URL] if found.format in ("jsonl", "parquet") and found.url is None else []
    made: list[str] = []
    for line in own:
        if _READ.search(line) and not line.lstrip().startswith("#"):
            inline = not line.lstrip().startswith("read:")
            written = read + (", steps: [extract]" if inline and to_extract else "")
            made.append(_READ.sub(written.replace("\\", r"\\"), line))
            made += ["    steps: [extract]"] if to_extract and not inline and not has_steps else []
        elif _STEPS.match(line) and to_extract:
            made += ["    steps:", "      - extract: {}"]
        elif not any(pattern.match(line) for pattern in needless):
            made.append(line)
    return "\n".join([*lines[:first], *made, *lines[last:]])


def _flow(keys: Mapping[str, Any]) -> str:
    """Keys on one line of YAML."""
    written: str = yaml.safe_dump(
        dict(keys), default_flow_style=True, width=1 << 20, sort_keys=False, allow_unicode=True
    )
    return written.strip()
