"""The recipes: every one validates, says what it follows, and runs on the example."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from curate.config.reading import read_pipeline
from curate.pipeline.inputs import find_inputs
from curate.pipeline.run import check_steps, run

PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"
RECIPES = ["c4", "webtext-urls", "gopher", "fineweb", "refinedweb", "gpt3", "dclm", "llama1", "pile", "bookscorpus"]
SMALL_WEB = PIPELINES.parent / "examples" / "web" / "web-00000.warc.gz"
QUICK = ["pile", "bookscorpus"]
"""Those whose run takes seconds."""

PILE = """18.11 14.40 12.07 10.01 8.96 7.59 6.12 5.13 3.65 3.07 2.17 1.55 1.53 1.24 .88 .75 .73 .62 .60 .38 .30 .14"""


def mixture_of(name: str) -> dict[str, float]:
    settings = yaml.safe_load((PIPELINES / f"{name}.yaml").read_text())
    return {source: share["weight"] for source, share in settings["mixture"]["sources"].items()}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_validates_and_finds_its_inputs(name: str) -> None:
    file = read_pipeline(PIPELINES / f"{name}.yaml")
    check_steps(file)
    assert file.pipeline.name == name
    assert all(find_inputs(file).values())


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_cites_its_paper_and_says_where_it_differs(name: str) -> None:
    head = (PIPELINES / f"{name}.yaml").read_text().split("\nname:")[0]
    assert re.search(r"(19|20)\d\d", head)
    assert "section" in head or "appendix" in head
    assert "Differs:" in head


def test_the_mixtures_are_the_papers() -> None:
    """Brown et al. 2020, table 2.2; Touvron et al. 2023, table 1; Gao et al. 2020, table 1."""
    assert list(mixture_of("gpt3").values()) == [0.60, 0.22, 0.08, 0.08, 0.03]
    assert list(mixture_of("llama1").values()) == [0.67, 0.15, 0.045, 0.045, 0.045, 0.025, 0.02]
    assert list(mixture_of("pile").values()) == [float(weight) for weight in PILE.split()]


@pytest.mark.parametrize("name", QUICK)
def test_a_recipe_runs_on_the_example_and_meets_its_mixture(name: str, tmp_path: Path) -> None:
    changes = {"sources.pile-cc.read.paths": [str(SMALL_WEB)]} if name == "pile" else {}
    result = run(PIPELINES / f"{name}.yaml", changes, tmp_path / name, engine="serial")
    manifest = json.loads((result.path / "shards" / "manifest.json").read_text())
    assert manifest["tokens"] > 10_000
    if name == "pile":
        groups = manifest["mixture"]["groups"]
        assert len(groups) == 22 and manifest["mixture"]["missing_tokens"] == 0
        for group in groups.values():
            longest = group["available_tokens"] / group["available_documents"] * 6
            assert abs(group["tokens"] - group["target_tokens"]) <= max(0.001 * group["target_tokens"], longest)
