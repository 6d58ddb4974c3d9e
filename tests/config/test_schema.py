"""The JSON Schema for editors: what a file may hold, in their words, with examples that are right."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from curate.config.bundled import recipes
from curate.config.schema import DRAFT, pipeline_schema

SCHEMA = pipeline_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
KEYS = [
    (name, key, value)
    for name, part in [("", SCHEMA), *SCHEMA["$defs"].items()]
    for key, value in part.get("properties", {}).items()
]


def test_the_schema_is_one_and_says_which() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == DRAFT and SCHEMA["$id"]


@pytest.mark.parametrize("path", recipes(), ids=lambda path: path.stem)
def test_every_recipe_is_right_by_it(path: Any) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(path.read_text()))] == []


def test_every_key_has_a_description_and_an_example_that_is_right() -> None:
    for name, key, value in KEYS:
        definition = SCHEMA["$defs"].get(value.get("$ref", "")[8:], {})
        assert value.get("description") or definition.get("description"), f"{name}.{key} has no description"
        assert value.get("examples") or definition, f"{name}.{key} has no example: Field(..., examples=[...])"
        for example in value.get("examples", ()):
            checked = jsonschema.Draft202012Validator({**value, "$defs": SCHEMA["$defs"]})
            assert [error.message for error in checked.iter_errors(example)] == [], f"{name}.{key}"


@pytest.mark.parametrize(
    ("step", "place"),
    [
        ({"filtr": "c4"}, []),
        ("langage", []),
        ({"filter": "gopherquality"}, ["filter"]),
        ({"filter": {"pack": "c4", "ass": "x"}}, ["filter"]),
        ({"language": {"keep": ["english"]}}, ["language", "keep"]),
        ({"extract": {"engine": "trafilatra"}}, ["extract", "engine"]),
        ({"filter": "c4", "url": {"packs": ["url"]}}, []),
    ],
)
def test_an_editor_names_the_key_of_a_step_that_is_wrong(step: Any, place: list[str]) -> None:
    file = {
        "name": "x",
        "sources": {"web": {"read": {"format": "warc", "paths": ["x"]}, "steps": [{"extract": {}}, step]}},
    }
    errors = list(VALIDATOR.iter_errors(file))
    assert [list(error.absolute_path) for error in errors] == [["sources", "web", "steps", 1, *place]]


@pytest.mark.parametrize(
    "step",
    ["language", {"language": None}, {"filter": "c4"}, {"filter": "my/pack.yaml"}, {"language": {"keep": "en"}},
     {"extract": {"engine": "mine:text"}}, {"python": {"function": "mysteps:readability"}}],
)  # fmt: skip
def test_what_may_be_written_shorter_is_right(step: Any) -> None:
    file = {"name": "x", "sources": {"web": {"read": {"format": "wet", "paths": "x"}, "steps": [step]}}}
    assert [error.message for error in VALIDATOR.iter_errors(file)] == []
