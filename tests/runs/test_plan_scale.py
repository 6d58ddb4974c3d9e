"""The plan of a run grows with its parts and no faster, and what it exchanges through files changes no byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import curate
from tests.benchmarks.bench_plan_scale import measure
from tests.dedup.test_dedup import crawl
from tests.support.deduplicating import pipeline
from tests.support.running import product

FEW = {
    "curate.engine.exchange.FAN_IN": 3,
    "curate.mixture.plan.FAN_IN": 3,
    "curate.pipeline.stages.FAN_IN": 3,
    "curate.mixture.plan._GROUP_BYTES": 1 << 15,
    "curate.dedup.plan.GROUP_DOCUMENTS": 50,
    "curate.dedup.plan.BLOCK": 20,
    "curate.dedup.tasks.decide.BLOCK": 20,
    "curate.dedup.buckets.BUCKET_KEYS": 2000,
}
"""Limits so low that a small run exchanges as a large one does."""

EXCHANGING = ("survivors", "deduplicate", "links", "lines-counted", "lines-removed", "shards", "ledger", "regroup")
"""Stages whose tasks want what many tasks wrote."""


def test_a_run_whose_tasks_open_few_files_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {"web": crawl(3, 110), "forum": crawl(5, 60, "f")}
    setting = {"url": True, "minhash": {"bands": 14, "rows": 4}, "lines": {"min_count": 4}}
    files, read = {}, {}
    for name in ("whole", "few"):
        folder = tmp_path / name
        folder.mkdir()
        path = pipeline(folder, sources, setting)
        curate.run(path, out=folder / "run", engine="serial", set={"shards.tokens_per_shard": 8000})
        files[name] = product(folder / "run")
        read[name] = {}
        for manifest in (folder / "run" / ".work").glob("*/*.json"):
            said = json.loads(manifest.read_bytes())
            most = max((len(given) for given in said["inputs"].values()), default=0)
            read[name][said["stage"]] = max(read[name].get(said["stage"], 0), most)
        for target, value in FEW.items():
            monkeypatch.setattr(target, value)
    assert files["few"] == files["whole"]
    assert sum(name.startswith("shards/train") for name in files["few"]) > 3
    assert "regroup" in read["few"] and "regroup" not in read["whole"]
    allowed = {
        stage: max(3, 4 * (stage in ("ledger", "lines-removed"))) for stage in EXCHANGING
    }  # 4: a part's own columns
    assert {stage: read["few"][stage] for stage in EXCHANGING if read["few"][stage] > allowed[stage]} == {}


OPENS, MANIFEST_BYTES = 60, 40_000
"""Of a part, at a limit of 8 files: seven exchanges of at most 8, and a part's own files. Were they not regrouped, a run of
1,000 parts would open 830 files a part."""


def test_files_opened_and_bytes_of_manifests_of_a_part_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for target in FEW:
        if target.endswith("FAN_IN"):
            monkeypatch.setattr(target, 8)
    for parts in (200, 1000):
        found = measure(parts)
        assert found["opens"] <= OPENS * parts
        assert found["manifests"] <= MANIFEST_BYTES * parts
        assert found["most"] <= 128  # 64 parts of counts, two files each
