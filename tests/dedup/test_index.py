"""The index: a crawl added later gives what both together give, and a run that is repeated finds what it found before."""

import json
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest

import curate
from curate.config.reading import ConfigError
from curate.dedup.index import read_entries
from tests.dedup.test_dedup import crawl
from tests.support.deduplicating import Row, deduplicate, ledger, pipeline
from tests.support.running import product

TOGETHER = {"url": True, "minhash": {}, "keep": {"prefer_source": ["old", "new"], "then": "longest"}}


def two_crawls() -> tuple[list[Row], list[Row]]:
    """Pages, and later ones that hold many of their copies and near copies."""
    rows = crawl(21, 80)
    return rows[::2], rows[1::2]


@pytest.mark.parametrize("where", ["local", "memory"])
def test_a_crawl_added_later_gives_the_same_as_both_together(where: str, tmp_path: Path) -> None:
    old, new = two_crawls()
    together = deduplicate(tmp_path / "both", {"old": old, "new": new}, TOGETHER)
    index = str(tmp_path / "index") if where == "local" else "memory://index"
    first = deduplicate(tmp_path / "first", {"old": old}, TOGETHER | {"index": index})
    second = deduplicate(tmp_path / "second", {"new": new}, TOGETHER | {"index": index})
    if where == "memory":
        fsspec.filesystem("memory").rm("/index", recursive=True)
    ids = {row["id"]: name for name, row in first.items()}
    removed = 0
    for name, row in together.items():
        alone = (first | second)[name]
        survivor = ids.get(alone["duplicate_of"], alone["duplicate_of"])
        assert (row["kept"], row["duplicate_of"]) == (alone["kept"], survivor)
        assert (row["duplicate_kind"], row["jaccard"]) == (alone["duplicate_kind"], alone["jaccard"])
        removed += name in second and not row["kept"] and survivor in first
    assert removed > 20


def test_a_repeated_run_is_not_its_own_copy(tmp_path: Path) -> None:
    old, _ = two_crawls()
    index = tmp_path / "index"
    file = pipeline(tmp_path, {"old": old}, {"minhash": {}, "index": str(index)})
    once = curate.run(file, out=tmp_path / "run", engine="serial")
    before = product(once.path)
    assert curate.run(file, out=tmp_path / "run", engine="serial").executed == {}
    curate.run(file, out=tmp_path / "elsewhere", engine="serial")
    assert product(tmp_path / "elsewhere") == before
    curate.run(file, {"combine.deduplicate.keep.then": "shortest"}, out=tmp_path / "run", engine="serial")
    (entry,) = read_entries(str(index))
    kept = sum(row["kept"] for row in ledger(tmp_path / "run"))
    assert (
        sum(each.documents for each in entry.files)
        == kept
        == json.loads((tmp_path / "run/stats.json").read_text())["sources"]["old"]["kept"]
    )


def test_a_record_that_is_read_again_with_more_beside_it_is_not_a_copy_of_itself(tmp_path: Path) -> None:
    old, new = two_crawls()
    setting = {"minhash": {}, "keep": {"prefer_source": ["old"]}, "index": str(tmp_path / "index")}
    deduplicate(tmp_path / "run", {"old": old[:40]}, setting)
    found = deduplicate(tmp_path / "run", {"old": old[:40], "new": new[:5]}, setting)
    alone = deduplicate(tmp_path / "alone", {"old": old[:40], "new": new[:5]}, setting | {"index": None})
    assert {name for name, row in found.items() if row["kept"]} == {name for name, row in alone.items() if row["kept"]}


def test_the_split_follows_the_group_that_the_index_knows(tmp_path: Path) -> None:
    """A page that is kept though it resembles an earlier one gets that one's group, which decides its split."""
    words = [f"word{number}" for number in range(400)]
    index, setting = tmp_path / "index", {"minhash": {"bands": 60, "rows": 2}}
    row = {"id": "early", "text": " ".join(words[:300]), "url": None, "date": None}
    early = deduplicate(tmp_path / "first", {"old": [row]}, setting | {"index": str(index)})["early"]
    row = {"id": "late", "text": " ".join(words[100:]), "url": None, "date": None}
    late = deduplicate(tmp_path / "second", {"new": [row]}, setting | {"index": str(index)})["late"]
    assert late["kept"]
    groups = {}
    for path in index.glob("*/*.arrow"):
        table = pa.ipc.open_file(path).read_all()
        groups |= dict(zip(table["id"].to_pylist(), table["group"].to_pylist(), strict=True))
    assert groups == {early["id"]: early["id"], late["id"]: early["id"]}


def test_an_index_made_with_other_settings_is_refused(tmp_path: Path) -> None:
    old, new = two_crawls()
    deduplicate(tmp_path / "first", {"old": old}, {"minhash": {}, "index": str(tmp_path / "index")})
    with pytest.raises(ConfigError, match=r"deduplicate.index: .*'ngram': 5.*'ngram': 7"):
        deduplicate(tmp_path / "second", {"new": new}, {"minhash": {"ngram": 7}, "index": str(tmp_path / "index")})
