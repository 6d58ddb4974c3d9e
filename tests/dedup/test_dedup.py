"""What deduplication promises: copies go, one of each stays, nothing else goes, and the same whatever the workers."""

import json
import random
from pathlib import Path
from types import SimpleNamespace

import datasketch
import pyarrow as pa
import pytest

from curate.config.reading import ConfigError
from curate.dedup import signatures
from curate.dedup.banding import band_keys
from curate.dedup.safety import describe_clusters
from tests.support.deduplicating import Row, deduplicate, expected_removals, ledger, pipeline
from tests.support.running import curate, product

WORDS = [f"word{number}" for number in range(5000)]


def page(rng: random.Random, words: int = 120) -> list[str]:
    return rng.choices(WORDS, k=words)


def changed(words: list[str], rng: random.Random, changes: int) -> list[str]:
    """A copy with some words replaced: each change breaks up to five shingles."""
    words = list(words)
    for place in rng.sample(range(len(words)), changes):
        words[place] = rng.choice(WORDS)
    return words


def crawl(seed: int, families: int = 40, name: str = "d") -> list[Row]:
    """Pages of which many are copies, near copies, near copies of these, or lie at the same address."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for family in range(families):
        words = page(rng, rng.choice([3, 80, 150, 300]))
        for member in range(rng.choice([1, 1, 2, 3, 9])):
            if member and len(words) > 3:
                words = changed(words, rng, rng.choice([0, 1, 1, 2, 3, 6]))
            address = f"http://site{family}.example/{rng.randrange(6)}"
            text = rng.choice([" ", "\n"]).join(words) + rng.choice(["", ".", " !"])
            rows.append({"id": f"{name}{len(rows):04d}", "text": text, "url": address, "date": None})
    rng.shuffle(rows)
    return rows


class Oracle:
    """The definition, in plain Python and datasketch's own comparison."""

    def __init__(self, rows: list[Row], *, url: bool, least: float = 0.7, bands: int = 14, lines: int = 8) -> None:
        texts = [row["text"] for row in rows]
        signed = signatures(texts)
        self.order = sorted(rows, key=lambda row: -len(row["text"]))
        self.words = {row["id"]: tuple(row["text"].lower().strip(".!").split()) for row in rows}
        self.minhash = dict(zip((row["id"] for row in rows), signed.minhashes(), strict=True))
        keys = band_keys(signed.values, signed.sizes.astype("uint64") * 0, bands, lines)
        self.bands = {
            row["id"]: set(key.tolist()) for row, key in zip(rows, keys, strict=True) if self.minhash[row["id"]]
        }
        self.address = {row["id"]: row["url"] for row in rows} if url else {}
        self.least = least

    def similarity(self, left: str, right: str) -> float:
        first, second = self.minhash[left], self.minhash[right]
        if first is None or second is None:
            return 0.0
        sets = [{self.words[name][i : i + 5] for i in range(len(self.words[name]) - 4)} for name in (left, right)]
        if max(len(self.words[name]) - 4 for name in (left, right)) <= len(first):  # as short as a signature: exact
            return len(sets[0] & sets[1]) / len(sets[0] | sets[1])
        return first.jaccard(second)

    def shares_band(self, left: str, right: str) -> bool:
        return bool(self.bands.get(left, set()) & self.bands.get(right, set()))

    def edge(self, left: str, right: str) -> bool:
        if self.words[left] == self.words[right]:
            return True
        if self.address and self.address[left] == self.address[right]:
            return True
        return self.shares_band(left, right) and self.similarity(left, right) >= self.least


@pytest.mark.parametrize("url", [False, True])
def test_a_document_goes_if_and_only_if_it_is_like_one_that_stays(url: bool, tmp_path: Path) -> None:
    rows = crawl(3)
    found = deduplicate(tmp_path, {"web": rows}, {"url": url, "minhash": {}})
    oracle = Oracle(rows, url=url)
    ties = sorted(rows, key=lambda row: (-len(row["text"]), found[row["id"]]["id"]))
    expected = expected_removals([row["id"] for row in ties], oracle.edge)
    assert len(expected) > 60
    assert {name: row["duplicate_of"] for name, row in found.items() if row["duplicate_of"]} == expected
    for name, survivor in expected.items():
        row = found[name]
        assert not row["kept"] and row["dropped_at"] == "deduplicate"
        assert row["failed"] == [f"deduplicate/{row['duplicate_kind']}"]
        if row["duplicate_kind"] == "minhash":
            assert row["jaccard"] == pytest.approx(oracle.similarity(name, survivor))
            assert row["jaccard"] >= 0.7
    for name, row in found.items():
        survivor = expected.get(name, name)
        assert found[survivor]["kept"]
        assert row["cluster_size"] == 1 + sum(other == survivor for other in expected.values())


def test_the_division_into_groups_buckets_and_blocks_makes_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Components larger than what is in memory at once are decided as if all were."""
    sources = {"web": crawl(3, 50), "forum": crawl(5, 40, "f")}
    setting = {"url": True, "minhash": {"bands": 30, "rows": 3}, "lines": {"min_count": 4}}
    whole = deduplicate(tmp_path / "whole", sources, setting)
    for name, value in {
        "curate.dedup.plan.GROUP_DOCUMENTS": 50,
        "curate.dedup.plan.FAN_IN": 3,
        "curate.dedup.plan.BLOCK": 7,
        "curate.dedup.tasks.decide.BLOCK": 7,
        "curate.dedup.buckets.BUCKET_KEYS": 500,
    }.items():
        monkeypatch.setattr(name, value)
    assert deduplicate(tmp_path / "divided", sources, setting) == whole
    work = tmp_path / "divided" / "run" / ".work"
    tasks = {stage: len(list(work.glob(f"{stage}.*/*.json"))) for stage in ("keys", "links", "components", "survivors")}
    assert all(count > 4 for count in tasks.values()), tasks


def test_every_cluster_keeps_its_survivor_whatever_the_copies(tmp_path: Path) -> None:
    rng = random.Random(1)
    words = page(rng)
    rows = [{"id": f"c{i}", "text": " ".join(words), "url": None, "date": None} for i in range(90)]
    found = deduplicate(tmp_path, {"web": rows}, {"minhash": {}, "max_removed_share": 1})
    (kept,) = (name for name, row in found.items() if row["kept"])
    assert all(row["duplicate_of"] == kept for name, row in found.items() if name != kept)
    assert {row["cluster_size"] for row in found.values()} == {90}


def test_a_chain_does_not_remove_what_is_unlike_its_survivor(tmp_path: Path) -> None:
    """Each page is like the next and unlike the one after: every other one stays."""
    rng = random.Random(5)
    text = page(rng, 700)
    rows = [
        {"id": f"p{i}", "text": " ".join(text[40 * i : 40 * i + 300 - i]), "url": None, "date": None} for i in range(9)
    ]
    found = deduplicate(tmp_path, {"web": rows}, {"minhash": {"bands": 50, "rows": 4, "verify": 0.7}})
    oracle = Oracle(rows, url=False, bands=50, lines=4)
    assert not oracle.edge("p0", "p2")
    removed = {name: row["duplicate_of"] for name, row in found.items() if row["duplicate_of"]}
    assert removed == expected_removals([f"p{i}" for i in range(9)], oracle.edge)
    assert 3 <= len(removed) <= 5
    assert all(oracle.similarity(name, survivor) >= 0.7 for name, survivor in removed.items())


def test_documents_shorter_than_a_shingle_go_by_their_exact_text_only(tmp_path: Path) -> None:
    texts = ["one two three", "One two, three!", "one two four", "one", "one", "", "☺", "☹"]
    rows = [{"id": f"s{i}", "text": text, "url": None, "date": None} for i, text in enumerate(texts)]
    found = deduplicate(tmp_path, {"web": rows}, {"minhash": {}})
    kinds = {name: (row["duplicate_kind"], row["duplicate_of"]) for name, row in found.items() if row["duplicate_of"]}
    assert kinds == {"s0": ("exact", "s1")} | ({"s4": ("exact", "s3")} if "s4" in kinds else {"s3": ("exact", "s4")})


def test_the_preferred_source_survives_and_then_the_stated_order(tmp_path: Path) -> None:
    words = page(random.Random(2))
    copies = [" ".join(words[: 120 - i]) for i in range(4)]
    dates = ["2024-01-01", "2021-01-01", "2023-01-01", "2022-01-01"]
    rows = [
        {"id": f"c{i}", "text": text, "url": None, "date": date}
        for i, (text, date) in enumerate(zip(copies, dates, strict=True))
    ]
    for number, (keep, survivor) in enumerate(
        [
            ({"then": "longest"}, "c0"),
            ({"then": "shortest"}, "c3"),
            ({"then": "newest"}, "c0"),
            ({"then": "oldest"}, "c1"),
            ({"prefer_source": ["late"], "then": "oldest"}, "c3"),
        ]
    ):
        sources = {"early": rows[:2], "late": rows[2:]}
        found = deduplicate(tmp_path / str(number), sources, {"minhash": {}, "keep": keep})
        assert [name for name, row in found.items() if row["kept"]] == [survivor], keep


def test_a_preferred_source_that_is_not_there_is_an_error_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prefer_source: no source 'wbe'; did you mean 'web'"):
        deduplicate(tmp_path, {"web": crawl(1, 2)}, {"keep": {"prefer_source": ["wbe"]}})


def test_scope_divides_what_is_compared(tmp_path: Path) -> None:
    days = ["2024-01-01", "2024-02-01", "2024-03-01"]
    rows = [{"id": f"c{i}", "text": "the very same few words", "url": "u", "date": days[i % 3]} for i in range(80)]
    sources = {"left": rows[:60], "right": [row | {"id": f"r{i}"} for i, row in enumerate(rows[60:])]}
    setting = {"url": True, "minhash": {}, "max_removed_share": 1}
    for scope, survivors in {"all": 1, "source": 2, "file": 2, "date": 3}.items():
        found = deduplicate(tmp_path / scope, sources, setting | {"scope": scope})
        assert sum(row["kept"] for row in found.values()) == survivors, scope
    with pytest.raises(ConfigError, match="scope: no step makes a column 'snapshot'"):
        deduplicate(tmp_path / "unknown", sources, setting | {"scope": "snapshot"})


def test_a_reference_source_that_is_preferred_is_never_removed_and_removes(tmp_path: Path) -> None:
    words = page(random.Random(4))
    rows = [{"id": f"w{i}", "text": " ".join([*words, str(i)]), "url": None, "date": None} for i in range(2)]
    books = [{"id": f"b{i}", "text": " ".join(words), "url": None, "date": None} for i in range(2)]
    roles = {"books": {"role": "reference"}}
    keep = {"prefer_source": ["books"]}
    found = deduplicate(tmp_path / "named", {"web": rows, "books": books}, {"minhash": {}, "keep": keep}, roles=roles)
    removed = sorted(name for name, row in found.items() if row["duplicate_of"] is not None)
    assert removed == ["w0", "w1"]
    assert {found[name]["dropped_at"] for name in ("b0", "b1")} == {"role"}, "no output, but no copies either"
    found = deduplicate(tmp_path / "unnamed", {"web": rows, "books": books}, {"minhash": {}}, roles=roles)
    assert sum(row["kept"] for name, row in found.items() if name.startswith("w")) == 1


def test_no_component_straddles_training_and_validation(tmp_path: Path) -> None:
    rows = crawl(8, 60)
    file = pipeline(tmp_path, {"web": rows}, {"minhash": {"bands": 40, "rows": 2}}, validation=0.5)
    curate("run", file, "--out", tmp_path / "run", "--engine", "serial")
    split = {}
    for path in (tmp_path / "run" / "shards").glob("*.arrow"):
        for identity in pa.ipc.open_stream(path).read_all()["id"].to_pylist():
            split[identity] = path.name.split("-")[0]
    assert set(split.values()) == {"train", "validation"}
    oracle = Oracle(rows, url=False, bands=40, lines=2)
    kept = {row["record_id"]: split[row["id"]] for row in ledger(tmp_path / "run") if row["kept"]}
    linked = [(a, b) for a in kept for b in kept if a < b and oracle.shares_band(a, b)]
    assert linked, "the test needs kept documents that share a band"
    assert all(kept[a] == kept[b] for a, b in linked)
    assert json.loads((tmp_path / "run" / "stats.json").read_text())["sources"]["web"]["kept"] == len(kept)


def test_a_run_that_would_remove_nearly_everything_stops_and_says_what_allows_it(tmp_path: Path) -> None:
    rows = [{"id": f"c{i}", "text": "the very same few words", "url": None, "date": None} for i in range(200)]
    with pytest.raises(ConfigError, match=r"199 of the 200 documents of 'web' \(99.5%\).*max_removed_share"):
        deduplicate(tmp_path, {"web": rows}, {})
    with pytest.raises(ConfigError, match=r"cluster of 200 documents.*max_cluster, now 150"):
        deduplicate(tmp_path, {"web": rows}, {"max_removed_share": 1, "max_cluster": 150})
    found = deduplicate(tmp_path, {"web": rows}, {"max_removed_share": 1, "max_cluster": 200})
    assert sum(row["kept"] for row in found.values()) == 1


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    setting = {"url": True, "minhash": {"exact": True}}
    file = pipeline(tmp_path, {"web": crawl(6, 70), "forum": crawl(7, 30, "f")}, setting)
    curate("run", file, "--out", tmp_path / "serial", "--engine", "serial")
    curate("run", file, "--out", tmp_path / "ray", "--workers", 2)
    assert product(tmp_path / "serial") == product(tmp_path / "ray")


def test_signatures_open_as_datasketch_objects_and_answer_its_index() -> None:
    rows = crawl(9, 30)
    signed = signatures([row["text"] for row in rows])
    index = datasketch.MinHashLSH(num_perm=256, params=(14, 8))
    objects = {row["id"]: minhash for row, minhash in zip(rows, signed.minhashes(), strict=True) if minhash is not None}
    for name, minhash in objects.items():
        index.insert(name, minhash)
    oracle = Oracle(rows, url=False)
    for name, minhash in objects.items():
        assert set(index.query(minhash)) == {other for other in objects if oracle.shares_band(name, other)}


def test_clusters_are_told_by_their_sizes() -> None:
    counts = {"clusters": {"1": 5, "2": 3, "3": 1, "4": 1, "700": 1}}
    told = describe_clusters([SimpleNamespace(counts=counts)])  # type: ignore[list-item]
    assert told == "clusters of copies: 3 of 2, 2 of 3 to 4, 1 of 513 to 1,024 documents"
    assert describe_clusters([]) == "no copies were found"
