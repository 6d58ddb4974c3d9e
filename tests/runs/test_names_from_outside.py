"""Names from outside become paths only where their form is ours; nothing is written or removed but what is ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from curate.audit.finished_run import AuditError, open_finished
from curate.config.mixture import Mixture
from curate.dedup.index import read_entries
from curate.engine.commit import Commit, DamagedError
from curate.engine.seal import sealed
from curate.mixture.make import make_mix
from curate.mixture.solve import MixtureError
from curate.pipeline.run import run
from curate.shards import Loader, ShardError, ShardReader
from curate.shards.export import export
from curate.shards.reader import MANIFEST
from curate.storage import Address, OutputError, digest_file, is_safe_name, locate, write_atomically
from tests.support.running import curate
from tests.support.small_runs import copy_of_small_run, small_pipeline_file
from tests.support.synthetic_shards import documents, write_shards

OUTSIDE = ["../../victim", "/etc/cron.d/x", "..", "a/../../b", "train-00000.arrow/../../x", ".ssh/keys"]
OUTSIDE += ["a\\b", "a\0b", "a\nb"]


def entry(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest["shards"][0].update({key: value})


HOSTILE = {
    **{f"file {name!r}": entry("file", name) for name in OUTSIDE},
    "fingerprint": lambda manifest: manifest.update(fingerprint="../../victim"),
    "split": entry("split", "../x"),
    "rows below none": entry("rows", -1),
    "more tokens than there can be": entry("tokens", 1 << 60),
    "more bytes than there can be": entry("bytes", 1 << 60),
    "a number that is text": entry("rows", "many"),
    "hash": entry("sha256", "0" * 63),
    "store": lambda manifest: manifest.update(format="curate-mix/1", store=["../../../etc/passwd"]),
    "no list": lambda manifest: manifest.update(shards={"0": 1}),
    "twice": lambda manifest: manifest["shards"].append(manifest["shards"][0]),
    "dtype": lambda manifest: manifest["tokenizer"].update(dtype="object"),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_manifest_from_outside_is_refused_before_a_name_of_it_is_used(how: str, tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "there", [documents(20, 1)])
    manifest = json.loads((folder / MANIFEST).read_text())
    HOSTILE[how](manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ShardError, match=MANIFEST):
        ShardReader(folder)


def test_a_hostile_address_writes_nothing_and_no_more_is_taken_in_than_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a file outside the cache; a file that goes on after its end. An address of this process's memory."""
    folder = write_shards(tmp_path / "there", [documents(20, 1)])
    manifest = json.loads((folder / MANIFEST).read_text())
    whole = (folder / "train-00000.arrow").read_bytes()
    there = fsspec.filesystem("memory")

    def serve(shard: bytes) -> None:
        there.pipe_file("/hostile/train-00000.arrow", shard)
        there.pipe_file(f"/hostile/{MANIFEST}", json.dumps(manifest).encode())

    serve(whole)
    monkeypatch.setenv("CURATE_CACHE_DIR", str(tmp_path / "cache"))
    assert next(Loader("memory://hostile", 8, 1)).tokens.size
    serve(whole + b"more" * 1000)
    monkeypatch.setenv("CURATE_CACHE_DIR", str(tmp_path / "other"))
    with pytest.raises(ShardError, match="SHA-256"):
        next(Loader("memory://hostile", 8, 1))
    manifest["shards"][0] |= {"file": str(tmp_path / "victim")}
    serve(whole)
    with pytest.raises(ShardError, match="file"):
        Loader("memory://hostile", 8, 1)
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_listing_record_or_index_leads_outside(name: str, tmp_path: Path) -> None:
    """A listing of what is published, run.json, a mix's name, an index of earlier runs."""
    assert not is_safe_name(name)
    made = copy_of_small_run(tmp_path)
    (tmp_path / "victim").write_text("mine")
    record = json.loads((made / "run.json").read_text())
    record["parts"][0]["name"] = name
    with pytest.raises(MixtureError):
        make_mix(made, name, Mixture())
    (made / ".published.json").unlink()
    (made / "run.json").write_text(json.dumps(record))
    with pytest.raises(AuditError, match=r"run\.json.*name"):
        open_finished(made)
    listing = {"files": {name: {"bytes": 4, "sha256": digest_file(tmp_path / "victim")}}}
    write_atomically(made / ".published.json", sealed(listing))
    with pytest.raises(DamagedError, match="no name of a published file"):
        open_finished(made)
    with pytest.raises(ValueError, match="no name"):
        Commit(tmp_path / "new").path(name)
    index = tmp_path / "index" / "0123456789abcdef"
    index.mkdir(parents=True)
    file = {"source": "a", "name": name, "documents": 1, "bytes": 1, "digest": "0" * 64}
    made_as = {"ngram": 5, "permutations": 112, "normalisation": 1}
    content = {"identity": index.name, "run": "a", "number": 1, "made": made_as, "files": [file]}
    (index / "entry.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"entry\.json.*name"):
        read_entries(str(tmp_path / "index"))
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a person's files under the names of a run's folders."""
    for name in ("tokens", "ledger", "shards", "quality", "mixes"):
        (tmp_path / "home" / name).mkdir(parents=True)
        (tmp_path / "home" / name / "thesis.txt").write_text("years of work")
    return tmp_path / "home"


def test_a_folder_that_holds_other_files_is_refused_and_replace_leaves_them(home: Path) -> None:
    refused = curate("run", small_pipeline_file(), "--out", ".", "--engine", "serial", cwd=home, check=False)
    assert refused.returncode in (1, 2) and "holds no run" in refused.stderr and "--replace" in refused.stderr
    curate("run", small_pipeline_file(), "--out", ".", "--engine", "serial", "--replace", cwd=home)
    run(small_pipeline_file(2), out=home, engine="serial")
    make_mix(home, "thesis", Mixture(temperature=1))
    left = sorted(str(path.relative_to(home)) for path in home.rglob("thesis.txt"))
    assert left == [f"{name}/thesis.txt" for name in ("ledger", "mixes", "quality", "shards", "tokens")]


def test_another_pipelines_run_is_refused(tmp_path: Path) -> None:
    made = copy_of_small_run(tmp_path)
    with pytest.raises(OutputError, match="another pipeline, 'crashing', not of 'other'"):
        run(small_pipeline_file(), ["name=other"], made, engine="serial")
    assert run(small_pipeline_file(), ["name=other"], made, engine="serial", replace=True).stats["name"] == "other"


def test_only_what_a_listing_names_is_removed_when_a_run_has_less(tmp_path: Path) -> None:
    """Documents kept before go; a file that a person put beside them stays."""
    made = copy_of_small_run(tmp_path)
    (made / "documents" / "deduplicate" / "notes.txt").write_text("mine")
    assert list((made / "documents" / "deduplicate").glob("*.parquet"))
    run(small_pipeline_file(), ["keep=[]"], made, engine="serial")
    assert [path.name for path in (made / "documents").rglob("*") if path.is_file()] == ["notes.txt"]


def test_a_file_in_the_way_is_not_written_over(tmp_path: Path) -> None:
    made = copy_of_small_run(tmp_path)
    (made / "documents" / "scrub").mkdir()
    (made / "documents" / "scrub" / "a-00000.parquet").write_text("mine")
    with pytest.raises(OutputError, match="in the way"):
        run(small_pipeline_file(), ["keep=[scrub]", 'combine=[{"scrub": {}}]'], made, engine="serial")
    assert (made / "documents" / "scrub" / "a-00000.parquet").read_text() == "mine"
    assert open_finished(made).stats["name"] == "crashing"


@pytest.mark.parametrize("place", ["s3://bucket/out", "s3:/bucket/out", "gs://b/x", "https://example.org/x"])
def test_output_to_an_address_is_refused_with_a_sentence(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is written as one file, and runs and exports but in buckets; an address is another type than a path."""
    monkeypatch.chdir(tmp_path)
    made = copy_of_small_run(tmp_path)
    assert not isinstance(locate(place), Path) and locate(place) == Address(place)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(OutputError, match="address"):
        write_atomically(place, b"x")
    if not place.startswith(("s3://", "gs://")):
        with pytest.raises(OutputError, match="address"):
            export(made, "parquet", place)
        with pytest.raises(OutputError, match=f"a run directory cannot lie at {place}"):
            run(small_pipeline_file(), out=place, engine="serial")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_place_is_a_path_or_an_address() -> None:
    assert locate("file:///a/b") == Path("/a/b") and locate("C:/a") == Path("C:/a") and locate("a:b") == Path("a:b")
