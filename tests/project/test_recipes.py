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
TODAY = ["fineweb2", "fineweb-edu", "dclm-baseline", "dolma3-web", "nemotron-cc", "common-crawl-multilingual", "code-stack",
         "finepdfs-text"]  # fmt: skip
RECIPES = [
    "c4",
    "webtext-urls",
    "gopher",
    "fineweb",
    "refinedweb",
    "gpt3",
    "dclm",
    "llama1",
    "pile",
    "bookscorpus",
    *TODAY,
]
SMALL_WEB = PIPELINES.parent / "examples" / "web" / "web-00000.warc.gz"
QUICK = ["pile", "bookscorpus"]
"""Those whose run takes seconds."""

PILE = """18.11 14.40 12.07 10.01 8.96 7.59 6.12 5.13 3.65 3.07 2.17 1.55 1.53 1.24 .88 .75 .73 .62 .60 .38 .30 .14"""


def mixture_of(name: str) -> dict[str, float]:
    settings = yaml.safe_load((PIPELINES / f"{name}.yaml").read_text())
    return {source: share["weight"] for source, share in settings["mixture"]["sources"].items()}


def wants_libraries(name: str) -> None:
    """Skip a recipe whose words come from libraries of an extra, where they are not installed."""
    if "curate-data[languages]" in (PIPELINES / f"{name}.yaml").read_text():
        pytest.importorskip("spacy")


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


@pytest.mark.parametrize("name", TODAY)
def test_a_recipe_of_today_runs_on_the_example_and_says_what_to_bring(name: str, tmp_path: Path) -> None:
    """What it keeps is for its rules to say; that every record is accounted for, for every run to check."""
    wants_libraries(name)
    text = (PIPELINES / f"{name}.yaml").read_text()
    assert "# Bring: " in text or "# Needs: " in text
    changes = {"sources.web.read.paths": [str(SMALL_WEB)]} if "\n  web:" in text else {}
    result = run(PIPELINES / f"{name}.yaml", changes, tmp_path / name, engine="serial")
    statistics = json.loads((result.path / "stats.json").read_text())
    assert sum(source["kept"] for source in statistics["sources"].values()) > 10
    manifest = json.loads((result.path / "shards" / "manifest.json").read_text())
    assert manifest["tokens"] > 0


def test_the_numbers_are_the_papers() -> None:
    """Bands and rows, thresholds and shares, as the definitions that the files cite have them."""

    def minhash(name: str) -> dict[str, object]:
        combined = yaml.safe_load((PIPELINES / f"{name}.yaml").read_text())["combine"]
        return next(step["deduplicate"]["minhash"] for step in combined if "deduplicate" in step)

    bands = {name: (minhash(name).get("bands"), minhash(name).get("rows")) for name in TODAY}
    assert bands == {
        "fineweb2": (14, 8),
        "fineweb-edu": (14, 8),
        "dclm-baseline": (93, 15),
        "dolma3-web": (26, 11),
        "nemotron-cc": (20, 13),
        "common-crawl-multilingual": (14, 8),
        "code-stack": (None, None),
        "finepdfs-text": (32, 10),
    }
    assert minhash("dolma3-web")["verify"] == 0.8 and minhash("code-stack")["threshold"] == 0.7
    assert yaml.safe_load((PIPELINES / "dolma3-web.yaml").read_text())["mixture"]["upsample"] == {
        "discard": 0.4,
        "most": 7,
    }
