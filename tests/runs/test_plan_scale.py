"""The plan of a run grows with its parts and no faster, and what it exchanges through files changes no byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

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

EXCHANGING = ("survivors", "deduplicate", "links", "lines-counted", "lines-removed", "shards", "ledger", "regroup",
              "frequent-ngrams", "frequent-ngrams-merge", "contamination", "contamination-merge", "quality",
              "sample-merge", "threshold", "threshold-merge")  # fmt: skip
"""Stages whose tasks want what many tasks wrote."""


def test_a_run_whose_tasks_open_few_files_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {"web": crawl(3, 110), "forum": crawl(5, 60, "f")}
    setting = {"url": True, "minhash": {"bands": 14, "rows": 4}, "lines": {"min_count": 4}}
    quality = {"classifier": "gpt3", "positives": ["forum"], "keep_share": 0.9, "sample": 90}
    items = [{"text": row["text"]} for row in sources["web"][:60:9] + sources["forum"][:60:9]]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    files, read = {}, {}
    for name in ("whole", "few"):
        folder = tmp_path / name
        folder.mkdir()
        path = pipeline(folder, sources, setting, roles={"web": {"steps": [{"quality": quality}]}})
        content = yaml.safe_load(path.read_text())
        content["combine"].append({"decontaminate": {"against": [str(tmp_path / "items.jsonl")], "ngram": 13}})
        path.write_text(yaml.safe_dump(content))
        curate.run(path, out=folder / "run", engine="serial", set={"shards.tokens_per_shard": 8000})
        files[name] = product(folder / "run") | {"items": (folder / "run" / "contamination.json").read_text()}
        read[name] = {}
        for manifest in (folder / "run" / ".work").glob("*/*.json"):
            said = json.loads(manifest.read_bytes())
            most = max((len(given) for given in said["inputs"].values()), default=0)
            read[name][said["stage"]] = max(read[name].get(said["stage"], 0), most)
        for target, value in FEW.items():
            monkeypatch.setattr(target, value)
    assert files["few"] == files["whole"]
    assert sum(name.startswith("shards/train") for name in files["few"]) > 3
    made = {"regroup", "frequent-ngrams-merge", "contamination-merge", "sample-merge", "threshold-merge"}
    assert made <= read["few"].keys() and not made & read["whole"].keys()
    assert json.loads(files["whole"]["items"])["sets"]["items"]["found"] > 3
    allowed = {
        stage: {"ledger": 6, "lines-removed": 4, "contamination": 6}.get(stage, 3) for stage in EXCHANGING
    }  # a part's own columns; what was found, three files of each source
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
