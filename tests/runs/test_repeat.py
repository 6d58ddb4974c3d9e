"""A run is repeated from its record: the same bytes, and what is otherwise is said before it starts."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from curate.config.models import Pipeline
from curate.errors import ConfigError
from curate.pipeline.circumstances import circumstances
from curate.pipeline.repeat import repeat
from curate.pipeline.run import run
from tests.support.running import curate, product, small_pipeline

PACK = """name: mine
about: Long enough.
source: these tests
languages: [en]
rules:
  long: {metric: words, min: 3, why: short texts say little}
"""
OWN = 'def readability(batch):\n    return {"long": [len(text) > 5 for text in batch.column("text").to_pylist()]}\n'


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A run with a pack and an evaluation set of its own; its folder is beside them."""
    (tmp_path / "mine.yaml").write_text(PACK)
    (tmp_path / "items.jsonl").write_text(
        json.dumps({"text": "the moon makes the sea rise and fall twice a day " * 3}) + "\n"
    )
    lines = [json.dumps({"text": f"Document {number} tells of the tides. " * 3}) for number in range(30)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
    pipeline = {
        "name": "again",
        "sources": {"a": {"read": {"format": "jsonl", "paths": ["in.jsonl"]}, "steps": [{"filter": "./mine.yaml"}]}},
        "combine": [{"decontaminate": {"against": ["items.jsonl"]}}],
        "shards": {"validation": 0},
    }
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(pipeline))
    run(tmp_path / "again.yaml", out=tmp_path / "run", engine="serial")
    return tmp_path


def repeated(folder: Path, record: Path | None = None) -> list[str]:
    """What a repetition into FOLDER/second told."""
    told: list[str] = []
    repeat(record or folder / "run", folder / "second", engine="serial", told=told.append)
    return told


def changed(record: Path, change: Any) -> Path:
    """A copy of a record, changed."""
    content = json.loads((record / "run.json").read_bytes())
    change(content)
    path = record.parent / "changed.json"
    path.write_text(json.dumps(content))
    return path


def test_a_run_is_repeated_byte_by_byte_without_its_pipeline_file(made: Path) -> None:
    (made / "again.yaml").unlink()
    (made / "elsewhere").mkdir()
    record = shutil.copy(made / "run" / "run.json", made / "elsewhere" / "a.json")
    assert repeated(made, Path(record)) == [f"numbers and shards are those of {record}"]
    assert product(made / "run") == product(made / "second")
    assert (made / "run" / "run.json").read_bytes() == (made / "second" / "run.json").read_bytes()


def test_what_shapes_the_bytes_is_recorded(made: Path) -> None:
    record = json.loads((made / "run" / "run.json").read_bytes())
    versions = record["made_with"]["versions"]
    assert {"python", "curate-data", "pyarrow", "numpy", "numba", "llvmlite", "tokenizers", "tiktoken"} <= set(versions)
    assert record["made_with"]["machine"]["kernels"]
    assert set(record["made_with"]["files"]) == {str(made / "mine.yaml"), str(made / "items.jsonl")}
    assert record["inputs"]["a"][0]["stamp"]
    assert record["until"] is None


@pytest.mark.parametrize(
    ("file", "says"),
    [("in.jsonl", "1 input file of a is changed since \\(in.jsonl\\)"), ("mine.yaml", "file .*mine.yaml is not as it was"),
     ("items.jsonl", "file .*items.jsonl is not as it was")],
)  # fmt: skip
def test_a_changed_file_is_refused_before_anything_starts(made: Path, file: str, says: str) -> None:
    content = (made / file).read_text()
    (made / file).write_text(content.replace("the", "The", 1) if file == "in.jsonl" else content + "\n")
    with pytest.raises(ConfigError, match=says):
        repeated(made)
    assert not (made / "second").exists()


def test_a_file_more_or_less_is_refused(made: Path) -> None:
    os.rename(made / "in.jsonl", made / "kept.jsonl")
    with pytest.raises((ConfigError, FileNotFoundError), match=r"in\.jsonl"):
        repeated(made)
    os.rename(made / "kept.jsonl", made / "in.jsonl")

    def globbed(content: Any) -> None:
        content["pipeline"]["sources"]["a"]["read"]["paths"] = [str(made / "*.jsonl")]

    with pytest.raises(ConfigError, match="1 input file of a is new"):
        repeated(made, changed(made / "run", globbed))


def test_a_copied_input_with_another_time_is_the_same_input(made: Path) -> None:
    os.utime(made / "in.jsonl", (1, 1))
    told = repeated(made)
    assert told[0] == "1 input file of a has another time; size, beginning and end are the same"
    assert told[-1].startswith("numbers and shards are those of")


def test_another_version_and_another_cpu_are_told_by_name(made: Path) -> None:
    def older(content: Any) -> None:
        content["made_with"]["versions"] |= {"pyarrow": "1.0", "gone": "2"}
        content["made_with"]["machine"]["kernels"] = "generic"
        content["made_with"]["packs"]["c4"] = "0"

    told = repeated(made, changed(made / "run", older))
    assert any(each.startswith("pyarrow is ") and each.endswith(", and was 1.0") for each in told)
    assert "gone is not installed, and was 2" in told
    assert any("kernels are compiled for" in each and "were for generic" in each for each in told)
    assert "the bundled pack c4 is another" in told


def test_code_of_one_s_own_that_was_changed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ownstep.py").write_text(OWN)
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "Tides follow the moon."}) + "\n")
    pipeline = {
        "name": "own",
        "sources": {
            "a": {
                "read": {"format": "jsonl", "paths": ["in.jsonl"]},
                "steps": [{"python": {"function": "ownstep:readability"}}],
            }
        },
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(pipeline))
    run(tmp_path / "own.yaml", out=tmp_path / "run", engine="serial")
    record = json.loads((tmp_path / "run" / "run.json").read_bytes())
    assert list(record["made_with"]["code"]) == ["ownstep"]
    (tmp_path / "ownstep.py").write_text(OWN.replace("5", "6"))
    with pytest.raises(ConfigError, match="the module ownstep is not as it was"):
        repeated(tmp_path)


def test_a_run_cut_short_is_repeated_cut_short(made: Path) -> None:
    short = made / "short"
    run(made / "again.yaml", out=short, engine="serial", until="mine")
    repeat(short, made / "second", engine="serial")
    assert not (made / "second" / "shards").exists()
    assert sorted(path.name for path in (made / "second" / "documents").iterdir()) == ["mine"]


def test_the_command_repeats_and_takes_no_changes(made: Path) -> None:
    done = curate("run", "--from", made / "run", "--out", made / "second", "--engine", "serial")
    assert "numbers and shards are those of" in done.stderr
    for more in (("--set", "seed=1"), ("--limit", "3"), ("--until", "mine")):
        refused = curate("run", "--from", made / "run", *more, check=False)
        assert refused.returncode == 2
        assert "--from repeats a run as it was" in refused.stderr
    nothing = curate("run", check=False)
    assert nothing.returncode == 2
    assert "--from RUN" in nothing.stderr


def test_a_record_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"name": "x"}')
    with pytest.raises(ConfigError, match="no record that a run can be repeated from: folder: Field required"):
        repeat(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"neither a finished run nor its run\.json"):
        repeat(tmp_path / "nowhere")


def test_bundled_packs_are_known_by_name() -> None:
    pipeline = Pipeline.model_validate(
        {"name": "x", "sources": {"a": {"read": {"format": "jsonl", "paths": ["x"]}, "steps": [{"filter": "c4"}]}}}
    )
    assert list(circumstances(pipeline)["packs"]) == ["c4"]


@pytest.mark.slow
def test_kernels_for_any_cpu_give_the_same_bytes(tmp_path: Path) -> None:
    """Kernels compiled for the machine's own CPU and for any of its family: no fast-math, so no other sums."""
    pipeline = small_pipeline(tmp_path)
    curate("run", pipeline, "--out", tmp_path / "own", "--engine", "serial")
    environment = os.environ | {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    curate("run", pipeline, "--out", tmp_path / "any", "--engine", "serial", environment=environment)
    record = json.loads((tmp_path / "any" / "run.json").read_bytes())
    assert record["made_with"]["machine"]["kernels"] == "generic"
    assert product(tmp_path / "own") == product(tmp_path / "any")
