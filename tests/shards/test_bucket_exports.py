"""Exports into buckets: the names and bytes of one on a disk, whole where there is a list, nothing else touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.cli.main import main
from curate.engine import bucket_folder
from curate.engine.bucket_folder import hold_bucket_folder
from curate.engine.lock import LockedError
from curate.shards.export import export
from curate.shards.export.made import RECORD
from curate.storage import OutputError
from curate.storage.objects import list_objects, put_bytes, read_object
from tests.shards.test_export import make_shards
from tests.support.object_store import BUCKET, object_store


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with object_store() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setenv("CURATE_MIRROR_DIR", str(tmp_path_factory.mktemp("mirrors")))
        yield


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("shards"))


def there(address: str) -> dict[str, bytes]:
    """The objects of an export, by name."""
    found = {each.name: read_object(f"{address}/{each.name}") for each in list_objects(address)}
    return {name: each[0] for name, each in found.items() if each is not None and not name.startswith(".")}


def here(folder: Path) -> dict[str, bytes]:
    """The files of an export, by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("to", ["parquet", "hf", "megatron"])
def test_an_export_into_a_bucket_has_the_names_and_bytes_of_one_on_a_disk(
    to: str, shards: Path, tmp_path: Path
) -> None:
    address = f"s3://{BUCKET}/as-on-disk/{to}"
    assert export(shards, to, f"{address}/", sequence_length=64) == address
    export(shards, to, tmp_path / "disk", sequence_length=64)
    assert there(address) == here(tmp_path / "disk")
    written = {each.name: each.written for each in list_objects(address)}
    export(shards, to, address, sequence_length=64)
    again = {each.name: each.written for each in list_objects(address)}
    data = [name for name in written if not name.startswith((".", "README", "croissant", RECORD))]
    assert {name: again[name] for name in data} == {name: written[name] for name in data}
    assert there(address) == here(tmp_path / "disk")


def test_another_export_takes_the_place_of_the_one_before_and_of_nothing_else(shards: Path, tmp_path: Path) -> None:
    address = f"s3://{BUCKET}/replaced"
    export(shards, "hf", address, sequence_length=64)
    put_bytes(f"{address}/notes.txt", b"mine")
    export(shards, "parquet", address)
    export(shards, "parquet", tmp_path / "disk")
    assert there(address) == here(tmp_path / "disk") | {"notes.txt": b"mine"}
    put_bytes(f"s3://{BUCKET}/in-the-way/README.md", b"mine")
    with pytest.raises(OutputError, match=r"README\.md is in the way"):
        export(shards, "parquet", f"s3://{BUCKET}/in-the-way")
    assert there(f"s3://{BUCKET}/in-the-way")["README.md"] == b"mine"
    assert read_object(f"s3://{BUCKET}/in-the-way/{RECORD}") is None


@pytest.mark.parametrize("before", [None, "hf"])
def test_an_export_that_is_stopped_shows_no_list_and_the_next_one_goes_on(
    before: str | None, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"s3://{BUCKET}/stopped-{before}"
    if before is not None:
        export(shards, before, address, sequence_length=64)
    put, names = bucket_folder.put_file, []

    def stopping(target: str, path: str | Path) -> None:
        names.append(target)
        if len(names) == 2:
            raise KeyboardInterrupt
        put(target, path)

    monkeypatch.setattr(bucket_folder, "put_file", stopping)
    with pytest.raises(KeyboardInterrupt):
        export(shards, "parquet", address, workers=1)
    assert RECORD not in there(address), "a list of files that are not all there"
    export(shards, "parquet", address, workers=1)
    export(shards, "parquet", tmp_path / "disk")
    assert there(address) == here(tmp_path / "disk")
    assert names.count(names[0]) == 1, "what was put was put again"
    monkeypatch.setenv("CURATE_MIRROR_DIR", str(tmp_path / "another"))
    export(shards, "parquet", address)
    assert there(address) == here(tmp_path / "disk")


def test_two_exports_into_one_place_are_kept_apart_and_other_addresses_refused(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"s3://{BUCKET}/apart"
    with hold_bucket_folder(address):
        with pytest.raises(LockedError, match="in use by another run"):
            export(shards, "parquet", address)
        monkeypatch.setenv("CURATE_MIRROR_DIR", str(tmp_path / "another"))
        with pytest.raises(LockedError, match="in use by another run"):
            export(shards, "parquet", address)
    for place in ("https://example.org/x", "hf://datasets/me/set"):
        assert main(["export", str(shards), "--to", "parquet", "--out", place]) == 2
        assert "cannot be written to the address" in " ".join(capsys.readouterr().err.split())
