"""Rules on what the input says of its documents: licences and reservations, in verdicts and in the ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from curate.config.reading import ConfigError, read_pipeline
from curate.filters.metadata_step import STEP, Metadata
from curate.pipeline.run import run
from curate.verdicts.rules import ListedRule, rule_from_json, rule_to_json
from curate.verdicts.steps import VerdictStep, judged_rules

PIPELINE = """
name: code
sources:
  code:
    read: {{format: jsonl, paths: [code.jsonl], metadata: {carried}}}
    steps:
      - metadata: {rules}
tokens: null
"""
ROWS = [
    {"license": "MIT", "opt_out": False},
    {"license": " apache-2.0", "opt_out": True},
    {"license": "GPL-3.0", "opt_out": False},
    {"license": None, "opt_out": None},
    {"license": "mit-0"},
]


def written(folder: Path, rules: str, carried: str = "[license, opt_out]") -> Path:
    lines = [json.dumps({"text": f"Document {number} of a few words."} | row) for number, row in enumerate(ROWS)]
    (folder / "code.jsonl").write_text("\n".join(lines))
    path = folder / "code.yaml"
    path.write_text(PIPELINE.format(rules=rules, carried=carried))
    return path


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("{allow: {license: [mit, Apache-2.0]}}", [0, 1]),
        ("{allow: {license: [mit, apache-2.0]}, missing: pass}", [0, 1, 3]),
        ("{refuse: {license: gpl-3.0}}", [0, 1, 3, 4]),
        ("{refuse: {opt_out: [true]}}", [0, 2, 3, 4]),
        ("{allow: {license: [mit, apache-2.0]}, refuse: {opt_out: true}}", [0]),
        ("{refuse: {license: [mit, apache-2.0]}}", [2, 3, 4]),
    ],
)
def test_documents_pass_by_what_the_input_says_of_them(tmp_path: Path, rules: str, kept: list[int]) -> None:
    made = run(written(tmp_path, rules), out=tmp_path / "run", engine="serial")
    rows = sorted(ds.dataset(made.path / "ledger").to_table().to_pylist(), key=lambda row: row["offset"])
    assert [number for number, row in enumerate(rows) if row["kept"]] == kept
    steps = (VerdictStep("metadata", STEP.rules("metadata", read_setting(rules), {}, None)),)
    for row in rows:
        assert {each.name for each in judged_rules(steps, row) if each.fails} == set(row["failed"] or ())


def read_setting(rules: str) -> Metadata:
    import yaml

    return Metadata.model_validate(yaml.safe_load(rules))


def test_a_column_that_is_not_carried_is_a_mistake_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "{allow: {license: [mit]}}", carried="[opt_out]")
    with pytest.raises(ConfigError, match=r"looks at meta.license: write `metadata: \[license\]`"):
        run(path, out=tmp_path / "run", engine="serial")


def test_a_page_s_own_licence_needs_no_column_of_the_input(tmp_path: Path) -> None:
    web = Path(__file__).resolve().parents[2] / "examples" / "web" / "web-00000.warc.gz"
    path = tmp_path / "web.yaml"
    path.write_text(
        f"name: web\nsources:\n  web:\n    read: {{format: warc, paths: ['{web}']}}\n    steps:\n"
        "      - extract: {metadata: true}\n      - metadata: {allow: {licence: [cc-by]}, missing: pass}\ntokens: null\n"
    )
    made = run(path, out=tmp_path / "run", engine="serial")
    table = ds.dataset(made.path / "ledger").to_table(columns=["kept", "meta.licence", "failed", "chars"])
    for row in table.to_pylist():
        if row["failed"] and "metadata/licence" in row["failed"]:
            assert row["meta.licence"] not in (None, "cc-by")
    assert any(table.column("kept").to_pylist())


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("{}", "give `allow` or `refuse`"),
        ("{allow: {license: []}}", "license: no value is listed"),
        ("{alow: {a: b}}", "allow"),
    ],
)
def test_a_step_that_says_nothing_is_refused(tmp_path: Path, rules: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_pipeline(written(tmp_path, rules))


def test_numbers_and_truth_values_are_compared_as_text_and_the_rule_travels_as_json() -> None:
    rule = ListedRule("m", "refused_tdm", "meta.tdm", ("1",), refuse=True, missing=False)
    assert rule_from_json("m", json.loads(json.dumps(rule_to_json(rule)))) == rule
    assert rule.fails({"meta.tdm": pa.array([1, 0, None], pa.int64())})["m/refused_tdm"].tolist() == [
        True,
        False,
        False,
    ]
    assert Metadata(refuse={"tdm": [1, True]}).refuse == {"tdm": ("1", "true")}


def test_one_of_the_values_that_a_page_says_of_robots_refuses_it() -> None:
    setting = Metadata(refuse={"robots": ["noai", "tdm-reservation: 1", "max-snippet:-1"]})
    (rule,) = STEP.rules("metadata", setting, {}, None)
    said = [
        "noindex, NOAI ",
        "noaim, xnoai",
        "tdm-reservation: 1",
        "tdm-reservation: 10",
        "a,max-snippet:-1,b",
        "",
        None,
    ]
    expected = [True, False, True, False, True, False, False]
    assert rule.fails({"meta.robots": pa.array(said)})["metadata/refused_robots"].tolist() == expected
    assert rule_from_json("metadata", json.loads(json.dumps(rule_to_json(rule)))) == rule
