"""The commands that show copies: clusters with their texts, and whether a text is in a run already."""

import json
import random
from pathlib import Path

import datasketch
import pytest

from curate.dedup import open_signatures, signatures
from tests.dedup.test_dedup import changed, crawl, page
from tests.support.deduplicating import Row, ledger, pipeline
from tests.support.running import curate


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over pages with a cluster of twelve, and unlike pages."""
    folder = tmp_path_factory.mktemp("commands")
    rng = random.Random(31)
    words = page(rng, 200)
    rows: list[Row] = []
    for i in range(12):
        text = " ".join(changed(words, rng, 1)) + " endlessly ended" * (i == 3)
        rows.append({"id": f"big{i:02d}", "text": text, "url": None, "date": None})
    file = pipeline(folder, {"web": [*rows, *crawl(32)]}, {"minhash": {}, "index": str(folder / "index")})
    curate("run", file, "--out", folder / "run", "--engine", "serial", "--until", "deduplicate")
    return folder / "run"


def test_the_largest_clusters_are_shown_with_survivor_text_and_difference(run: Path) -> None:
    rows = ledger(run)
    survivor = next(row for row in rows if row["record_id"] == "big03")
    assert survivor["kept"] and survivor["cluster_size"] == 12
    answer = json.loads(curate("duplicates", run, "--largest", 2, "--format", "json").stdout)
    first, second = answer["largest"]
    assert (first["documents"], first["survivor"]) == (12, survivor["id"].hex())
    assert second["documents"] <= 9
    assert first["text"].endswith(" endlessly ended") and "-" in first["difference"]
    sizes = [row["cluster_size"] for row in rows if row["kept"] and row["cluster_size"] > 1]
    assert sum(clusters for _, clusters, _ in answer["sizes"]) == len(sizes)
    assert sum(removed for *_, removed in answer["sizes"]) == sum(not row["kept"] for row in rows)
    shown = curate("duplicates", run).stdout
    assert "Clusters by size" in shown and survivor["id"].hex() in shown


def test_a_text_is_found_near_what_the_run_holds_of_it(run: Path, tmp_path: Path) -> None:
    for row in crawl(32):
        if len(row["text"].split()) > 100:
            break
    (tmp_path / "page.txt").write_text(row["text"].upper() + "!")
    found = json.loads(curate("near", run, "--text", tmp_path / "page.txt", "--format", "json").stdout)
    ids = {each["id"].hex(): each["record_id"] for each in ledger(run)}
    assert row["id"] in {ids[each["id"]] for each in found if each["equal"] and each["similarity"] == 1}
    (tmp_path / "page.txt").write_text(" ".join(changed(row["text"].split(), random.Random(1), 3)))
    found = json.loads(curate("near", run, "--text", tmp_path / "page.txt", "--format", "json").stdout)
    assert row["id"] in {ids[each["id"]] for each in found if 0.6 < each["similarity"] < 1}
    (tmp_path / "page.txt").write_text("nothing like this was ever in it at all")
    assert "none of" in curate("near", run, "--text", tmp_path / "page.txt").stdout


def test_a_runs_signatures_can_be_queried_with_datasketch(run: Path) -> None:
    index = datasketch.MinHashLSH(num_perm=256, params=(14, 8))
    for path in (run.parent / "index").glob("*/*.arrow"):
        for identity, minhash in open_signatures(str(path)):
            index.insert(identity, minhash)
    rows = {row["record_id"]: row for row in ledger(run)}
    texts = {row["id"]: row["text"] for row in crawl(32)}
    name = next(name for name in texts if rows[name]["duplicate_kind"] == "minhash" and rows[name]["jaccard"] > 0.9)
    (query,) = signatures([texts[name]]).minhashes()
    survivor = next(row["id"] for row in rows.values() if row["record_id"] == rows[name]["duplicate_of"])
    assert survivor in index.query(query)
