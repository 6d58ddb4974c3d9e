"""Topics as a group where runs are compared and where a change is asked about. Each number is held against the ledger."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.audit.finished_run import OpenedRun, open_finished
from curate.cli.main import main
from curate.pipeline.run import run
from tests.quality.test_topics import all_themes

FEWER, MORE = 30, 70


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[OpenedRun, OpenedRun]:
    """Two runs of the same texts and topics, that keep texts of at least FEWER and MORE words."""
    folder = tmp_path_factory.mktemp("topics")
    texts = [" ".join((text * 9).split()[: 40 + row % 60]) for row, (_, text) in enumerate(all_themes(40))]
    (folder / "rows.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (folder / "own.yaml").write_text(
        json.dumps({"name": "own", "rules": {"few": {"metric": "words", "min": FEWER, "why": "short"}}})
    )
    read = {"format": "jsonl", "paths": ["rows.jsonl"]}
    found: dict[str, Any] = {"clusters": 5}
    for name, sets in (("fewer", []), ("more", [f"filters.own.few.min={MORE}"])):
        steps = [{"filter": {"pack": "own.yaml"}}, {"topic": found}]
        (folder / f"{name}.yaml").write_text(
            json.dumps({"name": name, "sources": {"web": {"read": read, "steps": steps}}, "tokens": None})
        )
        run(folder / f"{name}.yaml", sets, folder / name, engine="serial")
        found = {"classifier": "fewer/topics/web.arrow"}
    return open_finished(folder / "fewer"), open_finished(folder / "more")


def by_topic(opened: OpenedRun) -> dict[str, tuple[int, int]]:
    """{topic: documents, and those kept}."""
    ledger = pa.concat_tables([pq.read_table(path, columns=["topic", "kept"]) for path in opened.ledger]).to_pylist()
    documents, kept = Counter(row["topic"] for row in ledger), Counter(row["topic"] for row in ledger if row["kept"])
    return {topic: (documents[topic], kept[topic]) for topic in documents}


def test_runs_are_compared_by_topic(runs: tuple[OpenedRun, OpenedRun], tmp_path: Path, capsys: Any) -> None:
    fewer, more = (by_topic(each) for each in runs)
    folders = [str(each.folder) for each in runs]
    page = tmp_path / "page.html"
    assert main(["compare", *folders, "--html", str(page), "--format", "json"]) == 0
    told = {each["name"]: each for each in json.loads(capsys.readouterr().out)["topics"]}
    assert {*told} == {*fewer} and len(told) == 5
    for topic, each in told.items():
        assert (each["documents"]["fewer"], each["kept"]["fewer"]) == fewer[topic]
        assert (each["documents"]["more"], each["kept"]["more"]) == more[topic]
    html = page.read_text()
    assert 'id="topics"' in html and all(topic.split("-")[0] in html.partition('id="topics"')[2] for topic in told)


def test_a_change_is_told_by_topic_as_a_run_would_decide_it(runs: tuple[OpenedRun, OpenedRun], capsys: Any) -> None:
    fewer, more = (by_topic(each) for each in runs)
    asked = ["whatif", str(runs[0].folder), "--set", f"filters.own.few.min={MORE}"]
    assert main([*asked, "--format", "json"]) == 0
    told = {each["topic"]: each for each in json.loads(capsys.readouterr().out)["topics"]}
    assert {*told} == {*fewer}
    for topic, each in told.items():
        assert (each["documents"], each["kept"]) == fewer[topic] and each["passes"] == more[topic][1]
        assert each["dropped"] == fewer[topic][1] - more[topic][1] > 0 and each["let in"] == 0
    assert main(asked) == 0
    assert "By source and topic" in capsys.readouterr().out
