"""Runs in Google Cloud Storage and Azure, by the same client, against servers that answer as these do: the bytes of S3's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.audit.verify_bucket import verify_address
from curate.cli.main import main
from curate.engine.lease import hold_address
from curate.engine.lock import LockedError
from curate.pipeline.run import run
from curate.storage import list_files, open_binary
from curate.storage.objects import (
    copy_object,
    delete_objects,
    list_level,
    list_objects,
    put_bytes,
    put_if,
    read_object,
)
from tests.support.bucket_runs import assert_same
from tests.support.other_stores import BUCKET, other_store


@pytest.fixture(params=["gs", "az"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty bucket."""
    pytest.importorskip("obstore")
    with other_store(request.param, tmp_path) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("CURATE_MIRROR_DIR", str(tmp_path / "mirrors"))
        monkeypatch.setenv("CURATE_STORAGE_WAIT", "0.01")
        yield f"{request.param}://{BUCKET}"


def test_objects_are_put_on_conditions_copied_listed_and_deleted(place: str) -> None:
    first = put_if(f"{place}/a/one", b"1", None)
    assert first is not None and put_if(f"{place}/a/one", b"other", None) is None
    assert put_if(f"{place}/a/one", b"1", None) is not None, "what is there already counts as put"
    second = put_if(f"{place}/a/one", b"2", first)
    assert second is not None and put_if(f"{place}/a/one", b"3", first) is None
    assert (found := read_object(f"{place}/a/one")) is not None and found[0] == b"2"
    copy_object(f"{place}/a/one", f"{place}/b/two words, é", 1)
    put_bytes(f"{place}/a/b/three", b"0123456789")
    assert [each.name for each in list_objects(f"{place}/a")] == ["b/three", "one"]
    assert list_level(f"{place}/a") == ["b/", "one"]
    with open_binary(f"{place}/a/b/three") as file:
        file.seek(7)
        assert file.read() == b"789"
    assert [each.relative for each in list_files([f"{place}/b/*"])] == ["two words, é"]
    delete_objects(f"{place}/a", ["one", "never-there", "b/three"])
    assert list_objects(f"{place}/a") == [] and read_object(f"{place}/a/one") is None
    with pytest.raises(FileNotFoundError):
        copy_object(f"{place}/a/one", f"{place}/a/two", 1)


def test_a_run_there_has_the_bytes_of_one_on_a_disk_and_one_holder_at_a_time(
    place: str, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"{place}/runs/a"
    run(inputs / "1.yaml", out=address, engine="serial")
    assert_same(address, inputs / "disk")
    assert verify_address(address).sound
    monkeypatch.setenv("CURATE_MIRROR_DIR", str(tmp_path / "another"))
    assert not run(inputs / "1.yaml", out=address, engine="serial").executed
    (tmp_path / "holder").mkdir()
    with (
        hold_address(address, tmp_path / "holder", force=False, beat=lambda: None),
        pytest.raises(LockedError, match="in use by another run"),
    ):
        run(inputs / "1.yaml", out=address, engine="serial")
    assert main(["export", address, "--to", "nanogpt", "--out", f"{place}/exported"]) == 0, capsys.readouterr().err
    assert "export.json" in list_level(f"{place}/exported")
