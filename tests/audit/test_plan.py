"""Plan and status: what a run will be before it is, beside what it was, and how far it is meanwhile."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from curate.audit.finished_run import open_finished
from curate.config.reading import read_pipeline
from curate.engine.progress import describe_progress, watch_progress
from curate.pipeline.forecast import forecast, forecast_answer
from curate.pipeline.inputs import find_inputs
from curate.pipeline.run import run
from tests.support.audited import audited_run
from tests.support.running import EXAMPLE, ROOT, curate, small_pipeline


def test_a_forecast_is_near_what_the_run_takes(tmp_path: Path) -> None:
    """Documents, tokens and disk of a run foreseen from its own files; more files, more of everything."""
    pipeline = small_pipeline(tmp_path, [str(EXAMPLE / "web" / "web-0000[01].warc.gz")])
    run(pipeline, (), tmp_path / "run", engine="serial")
    file = read_pipeline(pipeline)
    inputs = find_inputs(file)
    expected = forecast(file, inputs, {})
    answer = forecast_answer(expected, 8, 0.05, open_finished(tmp_path / "run")).data
    assert isinstance(answer, dict)
    actual = answer["actual"]
    assert expected.parts == actual["parts"] == 3
    for name, number in (("records", expected.records), ("documents kept", expected.kept), ("tokens", expected.tokens)):
        assert number == pytest.approx(actual[name], rel=0.1)
    assert 0.5 < expected.disk / actual["disk"] < 2
    assert answer["money"] == expected.worker_hours * 0.05 > 0
    many = forecast(file, inputs, {"web": 2000})
    assert many.parts == 2001
    assert many.tokens is not None and expected.tokens is not None and expected.chars is None
    assert many.tokens == pytest.approx(1000 * expected.tokens, rel=0.5)
    assert many.network_bytes == 0 and many.spread is not None


def test_what_a_classifier_learns_from_does_not_grow_with_the_crawl() -> None:
    """Nor do evaluation items: a thousand times the files, a thousand times the reading, the same items."""
    file = read_pipeline(ROOT / "pipelines" / "webtext.yaml", [f"sources.web.read.paths={EXAMPLE}/web/web-00000*"])
    expected = forecast(file, find_inputs(file), {"web": 100_000})
    disk = {stage.stage: stage.disk for stage in expected.stages}
    assert disk["read"] > 100_000 * 10_000
    assert disk["evaluation-items"] < 10_000_000
    assert disk["quality"] < 1_000_000_000 and disk["sample"] < 1_000_000_000
    assert sum(disk.values()) == pytest.approx(expected.disk)


def test_a_source_s_stages_grow_as_its_own_files_do(tmp_path: Path) -> None:
    """Also where one source's name ends in another's, or begins with it."""
    for name in ("web", "cc-web", "web2"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": f"{name} {i}"}) + "\n" for i in range(500)))
    sources = "".join(
        f"  {name}: {{read: {{format: jsonl, paths: [{tmp_path}/{name}.jsonl]}}}}\n"
        for name in ("web", "cc-web", "web2")
    )
    (tmp_path / "names.yaml").write_text(f"name: names\nsources:\n{sources}")
    file = read_pipeline(tmp_path / "names.yaml")
    few, many = (forecast(file, find_inputs(file), {"web": files}) for files in (1, 1000))
    read = [next(stage.disk for stage in each.stages if stage.stage == "read") for each in (few, many)]
    assert read[1] / read[0] == pytest.approx((1000 + 2) / 3, rel=0.02)


def test_a_wrong_number_of_files_is_an_error(tmp_path: Path) -> None:
    """The sources there are, are named."""
    failed = curate("plan", small_pipeline(tmp_path), "--files", "wbe=9", check=False)
    assert failed.returncode == 2 and "sources: web, reference" in failed.stderr


def test_status_tells_what_each_step_dropped() -> None:
    """Of a run that ended, watching shows the same and ends."""
    folder = audited_run().folder
    text = describe_progress(folder)
    assert "done" in text.splitlines()[0] and "rules" in text and "c4" in text
    console = Console(file=io.StringIO(), width=200)
    watch_progress(folder, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert [line.rstrip() for line in shown.splitlines()] == text.splitlines()
    with pytest.raises(FileNotFoundError, match="no run directory"):
        describe_progress(folder / "nothing")
