"""The JSON Schema of pipeline files, for editors: what can be written, with a word and an example for every key.

Made of the settings' own models. A step is one object with a property for each kind of step, so that an editor proposes
the kinds, and names the key that is wrong instead of saying that no alternative fits. Knows models; writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from curate.config.models import Pipeline
from curate.steps import CombiningStep, SourceStep, combining_steps, source_steps

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ID = "urn:curate-data:pipeline"
FILE_NAME = "pipeline.schema.json"
ATTACH = f"# yaml-language-server: $schema={FILE_NAME}"
"""The line of a pipeline file by which editors (VS Code's YAML extension, Neovim, Helix) find the schema beside it."""


def pipeline_schema() -> dict[str, Any]:
    """The schema as JSON has it: draft 2020-12, `$id`, a description and an example or the known words for every key."""
    schema = Pipeline.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    sources, combining = source_steps(), combining_steps()
    definitions["Source"]["properties"]["steps"]["items"] = _any_step(sources, definitions)
    schema["properties"]["combine"]["items"] = _any_step(combining, definitions)
    shown: dict[str, Mapping[str, Any]] = {}
    steps: list[SourceStep | CombiningStep] = [*sources.values(), *combining.values()]
    for step in steps:
        definitions.pop(f"{step.settings.__name__}Step", None)
        settings = yaml.safe_load(step.example)[step.name] if step.example else None
        if isinstance(settings, dict):
            shown[step.settings.__name__] = settings
    for name, part in [("", schema), *definitions.items()]:
        for key, value in part.get("properties", {}).items():
            _with_example(value, shown.get(name, {}).get(key), definitions)
            _without_title(value)
        _without_title(part)
    return {"$schema": DRAFT, "$id": ID, "title": "A pipeline file of curate", **schema}


def _any_step(
    steps: Mapping[str, SourceStep] | Mapping[str, CombiningStep], definitions: dict[str, Any]
) -> dict[str, Any]:
    """A step: its name alone, or one key of these with its settings."""
    properties: dict[str, Any] = {}
    for name, step in steps.items():
        written = dict(definitions[f"{step.settings.__name__}Step"]["properties"][name])
        settings = next(part["$ref"] for part in (written, *written.get("anyOf", ())) if "$ref" in part)
        bare = step.bare_key if isinstance(step, SourceStep) else None
        word = definitions[step.settings.__name__]["properties"][bare] if bare else {}
        properties[name] = {
            "description": (step.settings.__doc__ or "").strip().partition("\n")[0],
            "type": ["object", "null", *(["string"] if bare else [])],
            "if": {"type": "string"},
            "then": {key: word[key] for key in ("anyOf", "enum", "pattern") if key in word},
            "else": {"if": {"type": "object"}, "then": {"$ref": settings}},
        }
        if step.example:
            properties[name]["examples"] = [yaml.safe_load(step.example)[step.name]]
    return {
        "type": ["object", "string"],
        "if": {"type": "string"},
        "then": {"enum": list(steps)},
        "else": {"minProperties": 1, "maxProperties": 1, "additionalProperties": False, "properties": properties},
    }


def _with_example(value: dict[str, Any], shown: Any, definitions: Mapping[str, Any]) -> None:
    """Add an example: one of the key's own, the step's, the default, or one of the words it takes."""
    if "examples" in value:
        return
    found = shown if shown is not None else value.get("default")
    if found in (None, "", [], {}):
        found = _a_word(value, definitions)
    if found not in (None, "", [], {}):
        value["examples"] = [found]


def _a_word(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if "enum" in value:
        return value["enum"][0]
    if value.get("type") == "boolean":
        return True
    for part in value.get("anyOf", ()):
        found = _a_word(part, definitions)
        if found is not None:
            return found
    return None


def _without_title(value: dict[str, Any]) -> None:
    """A title that pydantic makes of the key says nothing."""
    value.pop("title", None)
    for part in value.get("anyOf", ()):
        part.pop("title", None)
