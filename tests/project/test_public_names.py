"""The names that users rely on: the package's public list, its version, and its types."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

import curate
from curate.audit.finished_run import AuditError
from curate.config.reading import read_pipeline
from curate.pipeline.made import SAMPLED, funnel_html
from tests.support.small_runs import copy_of_small_run

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {"Pipeline", "Run", "open_run", "run"} | {"dedup", "extract", "filters", "language", "pii", "shards", "tokens"}


def test_the_public_names_are_those_of_the_contract_in_order() -> None:
    assert set(curate.__all__) == PUBLIC | {"__version__"}
    assert curate.__all__ == sorted(curate.__all__)


def test_every_public_name_can_be_used() -> None:
    for name in curate.__all__:
        assert getattr(curate, name) is not None, name


def test_a_public_module_exports_only_names_that_it_has() -> None:
    for name in curate.__all__:
        value = getattr(curate, name)
        if isinstance(value, ModuleType):
            assert value.__all__, name
            assert [inner for inner in value.__all__ if not hasattr(value, inner)] == [], name


def test_the_version_is_the_installed_distribution_s() -> None:
    assert curate.__version__ == version("curate-data")


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "curate" / "py.typed").is_file()


def test_the_examples_of_the_python_page_run_and_leave_out_no_public_name() -> None:
    """The python blocks of docs/api.md run in order, in one namespace, and use every public name and question to a run."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), namespace)
    shown = "\n".join(blocks)
    assert [name for name in curate.__all__ if not re.search(rf"curate\.{name}\b", shown)] == []
    questions = [name for name, value in vars(curate.Run).items() if callable(value) and not name.startswith("_")]
    assert {"ledger", "documents", "sample", "whatif", "explain", "shards"} <= set(questions)
    assert [name for name in questions if f".{name}(" not in shown] == []


def test_a_question_that_a_run_cannot_answer_says_what_would_be_right(tmp_path: Path) -> None:
    finished = curate.open_run(copy_of_small_run(tmp_path))
    with pytest.raises(AuditError, match="those after deduplicate"):
        finished.documents("verdicts")
    with pytest.raises(AuditError, match="no record failed"):
        finished.sample(failed="c4/nothing")
    with pytest.raises(AuditError, match="shard:row"):
        finished.explain("https://nowhere.example/")


def test_a_run_s_ledger_and_sample_are_arrow_of_the_types_told(tmp_path: Path) -> None:
    finished = curate.open_run(copy_of_small_run(tmp_path))
    ledger = finished.ledger()
    drawn = finished.sample(n=3, seed=1)
    assert ledger.count_rows() == sum(source["records"] for source in finished.stats["sources"].values())
    assert drawn.schema == SAMPLED and drawn.num_rows == 3
    assert drawn.equals(finished.sample(n=3, seed=1))
    assert set(drawn["id"].to_pylist()) <= {value.hex() for value in ledger.to_table(columns=["id"])["id"].to_pylist()}


def test_a_run_is_told_in_a_line_and_in_a_notebook_as_a_table_with_its_names_escaped(tmp_path: Path) -> None:
    finished = curate.open_run(copy_of_small_run(tmp_path))
    assert len(repr(finished)) < 200 and "kept a: " in repr(finished)
    assert finished._repr_html_().count("<table>") == 2
    stats = {
        "sources": {"<b>": {"records": 1, "kept": 1, "funnel": [{"step": "<i>", "kept": 1, "dropped": 0, "rules": {}}]}}
    }
    assert "<b>" not in funnel_html(stats) and "<i>" not in funnel_html(stats)  # type: ignore[arg-type]


def test_a_pipeline_made_in_python_is_the_same_as_the_file_that_it_is_saved_as(tmp_path: Path) -> None:
    read = {"format": "jsonl", "paths": [str(tmp_path / "x.jsonl")]}
    steps = [{"language": {"keep": ["en"]}}, {"filter": {"pack": "c4", "as": "again"}}]
    combine = [{"deduplicate": {"minhash": {"ngram": 3}}}]
    bounds = {"again": {"min_sentences": {"min": None}}}
    tree = {"name": "x", "sources": {"a": {"read": read, "steps": steps}}, "combine": combine, "filters": bounds}
    made = curate.Pipeline.model_validate({**tree, "tokens": None})
    assert read_pipeline(made.save(tmp_path / "x.yaml")).pipeline == made
