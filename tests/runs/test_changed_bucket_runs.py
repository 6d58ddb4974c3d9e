"""Finished runs in buckets that are changed: records removed, mixes made; as on a disk, and with no word left anywhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from curate.audit.explain import explain
from curate.audit.find import find
from curate.audit.finished_run import open_finished
from curate.audit.remove import remove
from curate.audit.verify_bucket import verify_address
from curate.cli.main import main
from curate.config.mixture import Mixture
from curate.engine.changing import changing
from curate.engine.lease import hold_address
from curate.engine.lock import LockedError
from curate.engine.pointer import read_pointer
from curate.mixture.make import make_mix
from curate.pipeline.run import run
from curate.shards import Loader
from curate.storage.objects import list_objects, read_object
from tests.support.bucket_runs import assert_same
from tests.support.crashes import NOW, VICTIM
from tests.support.object_store import BUCKET
from tests.support.words_below import texts_below

URL = "https://a.example/7"


def take(place: str | Path) -> None:
    """Remove the record of URL from a run."""
    with changing(place) as held:
        remove(open_finished(held.folder), "url", [URL], NOW, "asked for", commit=held.commit())


def brought(address: str, folder: Path) -> Path:
    """A folder with every object below an address."""
    for each in list_objects(address):
        found = read_object(f"{address}/{each.name}")
        assert found is not None
        path = folder / each.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found[0])
    return folder


def holding(folder: Path) -> set[str]:
    """The files below a folder that hold words of what is removed: of the passage that it shares with an evaluation item, or
    its own."""
    return {name for name, text in texts_below(folder) if VICTIM.strip() in text or "a7w3" in text}


def test_records_removed_from_a_run_in_a_bucket_are_nowhere_in_it_and_the_rest_is_as_on_a_disk(
    inputs: Path, machine: Callable[[str], None], tmp_path: Path
) -> None:
    address, disk = f"s3://{BUCKET}/removed", shutil.copytree(inputs / "disk", tmp_path / "disk")
    for seed in (2, 1):  # two generations, and what tasks left of both
        run(inputs / f"{seed}.yaml", out=address, engine="serial")
    machine("reader")
    before = open_finished(address)
    assert "lighthouse" in json.dumps(explain(before, find(before, URL)[0]).data)
    assert holding(tmp_path / "reader") and len(holding(brought(address, tmp_path / "whole"))) > 5
    machine("first")
    take(address)
    take(disk)
    assert_same(address, disk)
    assert verify_address(address).sound
    pointer = read_pointer(address)
    assert pointer is not None and pointer.before == ""
    assert not holding(brought(address, tmp_path / "after"))
    machine("reader")
    after = open_finished(address)
    assert "lighthouse" not in json.dumps(explain(after, find(after, URL)[0]).data)
    assert not holding(tmp_path / "reader") and not holding(tmp_path / "first")
    take(address)  # once more changes nothing
    assert read_pointer(address) == pointer
    for place in (address, disk):
        run(inputs / "1.yaml", out=place, engine="serial")
    assert_same(address, disk)
    assert not holding(brought(address, tmp_path / "again")) and not holding(tmp_path / "reader")
    assert verify_address(address).sound


def test_lists_of_removals_hold_in_a_bucket_and_what_they_took_comes_back_without_them(
    inputs: Path, machine: Callable[[str], None], tmp_path: Path
) -> None:
    address, disk = f"s3://{BUCKET}/listed", shutil.copytree(inputs / "disk", tmp_path / "disk")
    taken = shutil.copytree(inputs / "disk", tmp_path / "taken")
    take(taken)
    run(inputs / "1.yaml", out=address, engine="serial")
    for place in (address, disk):
        run(inputs / "1.yaml", {"removals": [str(taken / "removals.jsonl")]}, out=place, engine="serial")
    assert_same(address, disk)
    assert not holding(brought(address, tmp_path / "without"))
    machine("another")
    run(inputs / "1.yaml", out=address, engine="serial")
    assert_same(address, inputs / "disk")
    assert holding(brought(address, tmp_path / "with"))


def test_what_tasks_left_is_deleted_where_that_is_asked_for_and_nothing_else(
    inputs: Path, machine: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"s3://{BUCKET}/purged"
    run(inputs / "1.yaml", out=address, engine="serial")
    (tmp_path / "urls").write_text(URL + "\n")
    exported = f"s3://{BUCKET}/exported-of-purged"
    assert main(["export", address, "--to", "nanogpt", "--out", exported]) == 0, capsys.readouterr().err
    machine("another")
    assert main(["export", address, "--check"]) == 0
    machine("first")
    assert main(["remove", address, "--urls", str(tmp_path / "urls"), "--purge"]) == 0, capsys.readouterr().err
    assert f"{address}/removals.jsonl holds their hashes" in " ".join(capsys.readouterr().out.split())
    assert main(["export", address, "--check", "--format", "json"]) == 3
    assert [each["state"] for each in json.loads(capsys.readouterr().out)] == ["stale"]
    assert not [each for each in list_objects(address) if each.name.startswith(".work/")]
    assert not holding(brought(address, tmp_path / "after")) and not holding(tmp_path / "first")
    assert verify_address(address).sound


def test_a_mix_of_a_run_in_a_bucket_is_the_mix_of_one_on_a_disk_and_stays_when_the_run_is_published_again(
    inputs: Path, machine: Callable[[str], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, disk = f"s3://{BUCKET}/mixed", shutil.copytree(inputs / "disk", tmp_path / "disk")
    run(inputs / "1.yaml", out=address, engine="serial")
    machine("mixer")
    mixture = Mixture.model_validate({"sources": {"a": {"epochs": 1}, "b": {"epochs": 2}}})
    for place in (address, disk):
        make_mix(place, "index", mixture)
        make_mix(place, "made", mixture, materialise=True)
    assert_same(address, disk)
    machine("trainer")
    settings = {"sequence_length": 64, "batch_size": 2, "epochs": 1}
    for name in ("index", "made"):
        there, here = (list(Loader(f"{place}/mixes/{name}", **settings)) for place in (address, disk))  # type: ignore[arg-type]
        assert len(there) == len(here) > 3
        assert all(np.array_equal(one.tokens, other.tokens) for one, other in zip(there, here, strict=True))
    run(inputs / "1.yaml", out=address, engine="serial")
    assert_same(address, disk)
    assert main(["mix", "make", address, "--name", "third", "--epochs", "a=1,b=1"]) == 0, capsys.readouterr().err
    assert f"Mix: {address}/mixes/third" in capsys.readouterr().out.replace("\n", "")
    (tmp_path / "holder").mkdir()
    with (
        hold_address(address, tmp_path / "holder", force=False, beat=lambda: None),
        pytest.raises(LockedError, match="in use by another run"),
    ):
        make_mix(address, "mine", mixture)
    with pytest.raises(FileNotFoundError, match="holds no finished run"):
        make_mix(f"s3://{BUCKET}/no-run", "mine", mixture)
    assert not list_objects(f"s3://{BUCKET}/no-run")
