"""Reads a pipeline file and `--set` values into a Pipeline, or says what is wrong and where.

Knows which keys hold paths and how steps may be shortened; knows no step's implementation and opens no input of a run.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.code.foreign import make_importable
from curate.config.assign import BY_NAME, assign, assign_in_pipeline
from curate.config.document import Document, Value, read_document, validate
from curate.config.meaning import mistakes
from curate.config.models import Pipeline
from curate.config.refusals import KeyPath
from curate.errors import ConfigError
from curate.storage import is_remote, resolve

__all__ = ["ConfigError", "KeyPath", "PipelineFile", "change_pipeline", "read_pipeline", "read_settings"]

_PATH_KEYS = frozenset(
    {"paths", "root", "base", "against", "index", "model", "lists", "removals", "key", "weights", "robots"}
)
LISTED = "@"
"""What a path of a list of files begins with."""
_PATH_OR_NAME_KEYS = frozenset({"pack", "packs", "tokenizer", "tokenizers", "filter", "classifier"})
_PATH_ENDINGS = (".yaml", ".yml", ".json", ".tiktoken", ".model", ".bin", ".ftz", ".arrow")
_NAME_BEGINNINGS = ("hf:", "package:")  # tokenizers of the Hub and of installed packages


@dataclass(frozen=True)
class PipelineFile:
    """A pipeline, and the document that it was read from."""

    document: Document
    pipeline: Pipeline
    code_folder: Path | None = None
    """Where code of one's own lies, if not beside the file."""

    @property
    def folder(self) -> Path:
        """The folder beside whose files code of one's own is looked for."""
        return self.code_folder or self.path.parent

    @property
    def path(self) -> Path:
        """The file, for messages."""
        return self.document.path

    def error(self, key_path: KeyPath, message: str) -> ConfigError:
        """The error of a key: file, line, key path and message."""
        return self.document.error(key_path, message)


def read_pipeline(path: str | Path, sets: Sequence[str] = ()) -> PipelineFile:
    """Read a pipeline file with `KEY=VALUE` changes. Its paths are taken from its folder, those in `sets` from here.

    Raises ConfigError with every mistake found, and FileNotFoundError where there is no such file.
    """
    document = read_document(path, "a pipeline file", ("name", "sources", "shards"))
    make_importable(document.path.resolve().parent)
    tree = _absolute(_written_out(document.tree), document.path.resolve().parent)
    return _pipeline(dataclasses.replace(document, tree=tree), sets)


def change_pipeline(tree: Mapping[str, Any], path: Path, sets: Sequence[str]) -> PipelineFile:
    """A pipeline given as a tree of keys, its paths absolute, with `KEY=VALUE` changes. `path` is for errors.

    Raises ConfigError with every mistake found.
    """
    return _pipeline(Document(path, copy.deepcopy(dict(tree))), sets)


def made_here(pipeline: Pipeline, sets: Sequence[str] = ()) -> PipelineFile:
    """A pipeline made in Python as if read from a file of the working directory. Raises ConfigError, as `read_pipeline`."""
    make_importable(Path.cwd())
    return change_pipeline(_absolute(pipeline.keys(), Path.cwd()), Path("Pipeline(...)"), sets)


def read_settings(path: str | Path, model: type[Value], sets: Sequence[str], what: str, example: str) -> Value:
    """Another kind of settings file as its model, with `KEY=VALUE` changes; `what` and `example` serve messages.

    Raises ConfigError with a line for every mistake, and FileNotFoundError where there is no such file.
    """
    document = read_document(path, what, list(model.model_fields))
    tree = copy.deepcopy(dict(document.tree))
    changes = {assign(tree, each, example): each for each in sets}
    return validate(dataclasses.replace(document, tree=tree, changes=changes), model)


def _pipeline(document: Document, sets: Sequence[str]) -> PipelineFile:
    tree, changes = dict(document.tree), {}
    for each in sets:
        for place in assign_in_pipeline(tree, each, list(Pipeline.model_fields), _from_here):
            changes[place] = each
    document = dataclasses.replace(document, tree=_written_out(tree), changes=changes)
    pipeline = validate(document, Pipeline)
    found = [document.error(place, message) for place, message in mistakes(pipeline)]
    if found:
        raise ConfigError("\n".join(map(str, found)))
    return PipelineFile(document, pipeline)


def _written_out(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with steps that are only named, `- language` or `- language:`, given empty settings."""
    result = dict(tree)
    sources = result.get("sources")
    if isinstance(sources, Mapping):
        result["sources"] = {
            name: {**source, "steps": _steps(source["steps"])}
            if isinstance(source, Mapping) and "steps" in source
            else source
            for name, source in sources.items()
        }
    if "combine" in result:
        result["combine"] = _steps(result["combine"])
    return result


def _steps(steps: Any) -> Any:
    if steps is None:
        return []
    return [_step(step) for step in steps] if isinstance(steps, list) else steps


def _step(step: Any) -> Any:
    if isinstance(step, str):
        return {step: {}}
    if isinstance(step, Mapping) and len(step) == 1:
        kind, setting = next(iter(step.items()))
        return {kind: {} if setting is None else setting}
    return step


def _from_here(value: Any, key: str) -> Any:
    return _absolute(value, Path.cwd(), key)


def _absolute(value: Any, base: Path, key: str = "") -> Any:
    """The same tree with every path taken from `base`."""
    if key in BY_NAME and not isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {name: _absolute(item, base, key if key == "lists" else str(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_absolute(item, base, key) for item in value]
    if isinstance(value, str) and (key in _PATH_KEYS or (key in _PATH_OR_NAME_KEYS and _is_path(value))):
        listed = value.startswith(LISTED) and key in ("paths", "index")
        return f"{LISTED}{resolve(value[1:], base)}" if listed else resolve(value, base)
    return value


def _is_path(value: str) -> bool:
    if is_remote(value) or value.startswith(_NAME_BEGINNINGS):
        return False
    return "/" in value or value.endswith(_PATH_ENDINGS)
