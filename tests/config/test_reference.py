"""What is told of steps, keys and recipes: all of them, in the models' own words, and examples that can be run."""

from __future__ import annotations

import pytest
import yaml

from curate.config.models import Pipeline
from curate.config.reference import about, keys, list_recipes, pipeline_keys, show_step
from curate.errors import ConfigError
from curate.steps import combining_steps, source_steps
from tests.support.running import ROOT, curate

STEPS = {**source_steps(), **combining_steps()}


@pytest.mark.parametrize("name", STEPS)
def test_every_step_and_each_of_its_keys_says_what_it_is_for(name: str) -> None:
    assert about(STEPS[name])
    assert [key for key, _, _, told in keys(STEPS[name].settings) if not told] == []


def test_every_key_of_a_pipeline_file_says_what_it_is_for() -> None:
    assert [key for key, _, _, told in pipeline_keys() if not told] == []


@pytest.mark.parametrize("name", STEPS)
def test_the_example_of_a_step_is_one(name: str) -> None:
    written = yaml.safe_load(STEPS[name].example)
    assert list(written) == [name]
    STEPS[name].settings.model_validate(written[name])


def test_a_step_that_is_none_is_told_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no step 'scrubb'; did you mean 'scrub'"):
        show_step("scrubb")
    done = curate("steps", "show", "filtr", check=False)
    assert done.returncode == 2
    assert "did you mean 'filter'" in done.stderr


def test_every_recipe_is_listed_and_shown_as_it_is() -> None:
    listed = list_recipes()
    for path in (ROOT / "pipelines").glob("*.yaml"):
        assert f"\n{path.stem} " in "\n" + listed
    assert curate("recipes", "show", "fineweb").stdout == (ROOT / "pipelines" / "fineweb.yaml").read_text()


def test_editors_are_told_the_same() -> None:
    schema = Pipeline.model_json_schema(by_alias=True)
    silent = [
        f"{model}.{key}"
        for model, part in schema["$defs"].items()
        for key, value in part.get("properties", {}).items()
        if "description" not in value and "description" not in schema["$defs"].get(value.get("$ref", "")[8:], {})
    ]
    assert silent == []
