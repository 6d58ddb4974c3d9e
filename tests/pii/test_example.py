"""The example web scrubbed and decontaminated: all that was planted is found, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curate.pipeline.run import run
from tests.support.running import EXAMPLE

PIPELINE = f"""
name: example
sources:
  web:
    read: {{format: warc, paths: ["{EXAMPLE}/web/*.warc.gz"]}}
    steps:
      - extract: {{}}
combine:
  - decontaminate: {{against: ["{EXAMPLE}/eval/*.jsonl.gz"]}}
  - scrub: {{}}
"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the ledger says of each page that has text, by address."""
    folder: Path = tmp_path_factory.mktemp("example")
    (folder / "pipeline.yaml").write_text(PIPELINE)
    run(folder / "pipeline.yaml", out=folder / "run", engine="serial", until="scrub")
    rows = pq.read_table(folder / "run" / "ledger", columns=["url", "pii", "contamination", "kept"]).to_pylist()
    return {row["url"]: row for row in rows if row["pii"] is not None}


@pytest.fixture(scope="module")
def planted() -> dict[str, list[dict[str, Any]]]:
    kinds: dict[str, list[dict[str, Any]]] = json.loads((EXAMPLE / "planted.json").read_text())["planted"]
    return kinds


def test_planted_personal_data_is_found_and_lookalikes_are_not(
    ledger: dict[str, dict[str, Any]], planted: dict[str, list[dict[str, Any]]]
) -> None:
    assert len(planted["personal_data"]) > 50
    for page in planted["personal_data"]:
        assert dict(ledger[page["url"]]["pii"]) == ({page["type"]: 1} if page["valid"] else {}), page["value"]


def test_no_other_page_has_personal_data(
    ledger: dict[str, dict[str, Any]], planted: dict[str, list[dict[str, Any]]]
) -> None:
    pages = {page["url"] for page in planted["personal_data"]}
    assert {url for url, row in ledger.items() if row["pii"]} <= pages


def test_planted_evaluation_passages_are_found_in_every_form(
    ledger: dict[str, dict[str, Any]], planted: dict[str, list[dict[str, Any]]]
) -> None:
    pages = planted["evaluation_passages"]
    assert {page["form"] for page in pages} == {"verbatim", "recased", "repunctuated", "split"}
    for page in pages:
        assert f"invented:{page['item']}" in ledger[page["url"]]["contamination"], page
    assert {url for url, row in ledger.items() if row["contamination"]} == {page["url"] for page in pages}
