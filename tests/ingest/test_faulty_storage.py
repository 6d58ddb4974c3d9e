"""What is read over a network is the same as from disk, or it is not read and that is said."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import ingest
from curate.errors import ConfigError, StorageError
from curate.ingest.crawl_index import matching
from curate.storage import SourceFile, list_files, list_named, open_binary, read_list, shown
from curate.storage.patience import Fault, pause, persist
from tests.support.archives import pages
from tests.support.faulty_server import FAULTS, Behaviour, serve
from tests.support.running import EXAMPLE


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses; everything else as it is."""
    monkeypatch.setenv("CURATE_STORAGE_WAIT", "0.01")
    monkeypatch.setenv("CURATE_STORAGE_STALL", "0.4")


def rows(path: str, relative: str) -> pa.Table:
    (file,) = list_files([path])
    file = type(file)(file.path, relative, file.size, file.stamp)
    return pa.Table.from_batches(ingest.read(file, "web", "warc", ingest.Columns(), Counter()))


@pytest.mark.parametrize("fault", [*FAULTS, "all"])
def test_a_file_read_through_faults_is_the_file_on_disk(fault: str) -> None:
    folder = EXAMPLE / "web"
    behaviour = Behaviour(0.3, FAULTS if fault == "all" else (fault,), seed=1)
    expected = rows(str(folder / "web-00000.warc.gz"), "web.warc.gz")
    with serve(folder, behaviour) as base:
        for seed in range(3):
            behaviour.seed = seed
            assert rows(f"{base}/web-00000.warc.gz", "web.warc.gz").equals(expected)
    assert sum(count for kind, count in behaviour.done.items() if kind != "whole") > 0


@pytest.mark.parametrize("etag", [True, False])
@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_servers_without_ranges_lengths_or_marks_give_whole_files(
    tmp_path: Path, ranges: bool, length: bool, etag: bool, share: float
) -> None:
    data = os.urandom(300_000)
    (tmp_path / "x.bin").write_bytes(data)
    behaviour = Behaviour(share, ("503", "reset", "cut", "429"), 5, ranges=ranges, length=length, etag=etag)
    with serve(tmp_path, behaviour) as base:
        (file,) = list_files([f"{base}/x.bin"])
        assert file.size == len(data)
        with open_binary(file.path, file.size) as opened:
            assert opened.read() == data
            opened.seek(-1000, os.SEEK_END)
            assert opened.read(10) == data[-1000:-990]


def test_what_cannot_be_read_after_all_tries_is_said_and_nothing_is_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATE_STORAGE_TRIES", "3")
    (tmp_path / "x.bin").write_bytes(b"x" * 1000)
    behaviour = Behaviour()
    with serve(tmp_path, behaviour) as base:
        (file,) = list_files([f"{base}/x.bin"])
        behaviour.refuse = "x.bin"
        with pytest.raises(StorageError, match=r"x\.bin could not be read in 3 tries.*status 503: Slow down") as error:
            open_binary(file.path, file.size).read()
        assert error.value.status == 1
        with pytest.raises(FileNotFoundError, match=r"there is no .*y\.bin \(status 404\)"):
            list_files([f"{base}/y.bin"])


def test_a_file_that_changes_has_another_stamp_and_is_not_read_as_the_old_one(tmp_path: Path) -> None:
    for etag in (True, False):
        (tmp_path / "x.bin").write_bytes(b"a" * 200_000)
        with serve(tmp_path, Behaviour(etag=etag)) as base:
            (before,) = list_files([f"{base}/x.bin"])
            (tmp_path / "x.bin").write_bytes(b"b" * 200_000)
            (after,) = list_files([f"{base}/x.bin"])
            assert before.size == after.size and before.stamp != after.stamp
            (tmp_path / "x.bin").write_bytes(b"b" * 100_000)
            with pytest.raises(StorageError, match="has changed since it was listed"):
                open_binary(before.path, before.size)


def test_no_more_requests_are_in_flight_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_STORAGE_AT_ONCE", "3")
    names = [f"{number}.bin" for number in range(40)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    behaviour = Behaviour()
    with serve(tmp_path, behaviour) as base:
        files = list_named(names, base)
    assert [file.relative for file in files] == sorted(names)
    assert 1 <= behaviour.most <= 3


def test_pauses_double_are_bounded_and_depend_on_the_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATE_STORAGE_WAIT", "1")
    assert pause("https://a/x", 3) == pause("https://a/x", 3) != pause("https://a/y", 3)
    assert all(pause("https://a/x", attempt) <= min(60, 2**attempt) for attempt in range(64))
    assert pause("https://a/x", 0, after=7) == 7
    assert pause("https://a/x", 0, after=1e9) == 60
    monkeypatch.setenv("CURATE_STORAGE_TRIES", "many")
    with pytest.raises(ConfigError, match="CURATE_STORAGE_TRIES=many: write a number"):
        pause("https://a/x", 0)


def test_a_long_wait_is_said_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for name, value in (("TRIES", "9"), ("WAIT", "0.001")):
        monkeypatch.setenv(f"CURATE_STORAGE_{name}", value)
    left = [2]

    def ask() -> str:
        if left[0] == 0:
            return "here"
        left[0] -= 1
        raise Fault("no answer")

    assert persist("s3://bucket/a", "bucket", ask) == "here" and caplog.messages == []
    left[0] = 7
    assert persist("s3://bucket/a", "bucket", ask) == "here"
    assert caplog.messages == ["waiting for s3://bucket/a, which was tried 4 times: no answer"]


def test_credentials_in_an_address_are_neither_used_nor_printed() -> None:
    with pytest.raises(ConfigError) as error:
        list_files(["https://me:secret@example.org/x.gz"])
    assert "secret" not in str(error.value)
    assert "secret" not in shown("https://h/x?X-Amz-Signature=secret")


@pytest.mark.parametrize("packed", [True, False])
def test_a_list_of_files_is_read_gzipped_or_plain(tmp_path: Path, packed: bool) -> None:
    import gzip

    text = b"# files\na/1.gz\n\nb/2.gz\r\n"
    (tmp_path / "x.paths").write_bytes(gzip.compress(text) if packed else text)
    assert read_list(str(tmp_path / "x.paths")) == ["a/1.gz", "b/2.gz"]
    (tmp_path / "cut.paths").write_bytes(gzip.compress(os.urandom(1000))[:500])
    with pytest.raises(ConfigError, match="is no list of files"):
        read_list(str(tmp_path / "cut.paths"))


def test_hashes_of_large_files_agree_through_faults(tmp_path: Path) -> None:
    """Blocks grow with reading on, and answers that break off inside one are put together."""
    data = os.urandom(9 << 20)
    (tmp_path / "x.bin").write_bytes(data)
    behaviour = Behaviour(0.3, ("cut", "lying-length", "no-length", "reset"), 2)
    with serve(tmp_path, behaviour) as base, open_binary(f"{base}/x.bin") as opened:
        assert hashlib.file_digest(opened, "sha256").hexdigest() == hashlib.sha256(data).hexdigest()


class _GoesAway(io.BytesIO):
    """A file of whose middle nothing can be read, as when a server is lost."""

    def __init__(self, data: bytes, error: OSError) -> None:
        super().__init__(data)
        self._middle, self._error = range(len(data) // 4, 3 * len(data) // 4), error

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() in self._middle:
            raise self._error
        return super().read(size)


@pytest.mark.parametrize("error", [StorageError("gone"), OSError(5, "Input/output error")], ids=["away", "disk"])
@pytest.mark.parametrize("format", ["parquet", "warc", "jsonl", "index"])
def test_storage_that_fails_in_the_middle_of_a_file_is_never_taken_for_damage(
    format: str, error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes and goes must not decide what is kept: the error is raised, and no row says damaged."""
    held, texts = io.BytesIO(), [f"text {number} of many " * 30 for number in range(4000)]
    if format in ("parquet", "index"):
        columns = {"text": texts}
        if format == "index":
            columns = {"warc_filename": texts, "warc_record_offset": [1] * 4000, "warc_record_length": [1] * 4000}
        pq.write_table(pa.table(columns), held, row_group_size=500, compression="none", use_dictionary=False)
    elif format == "jsonl":
        held.write("".join(json.dumps({"text": text}) + "\n" for text in texts).encode())
    else:
        held.write(b"".join(pages(300)))
    data = held.getvalue()
    file = SourceFile("x", "x", len(data), "")
    monkeypatch.setattr("curate.ingest.open_binary", lambda *_: _GoesAway(data, error))
    monkeypatch.setattr("curate.ingest.crawl_index.open_binary", lambda *_: _GoesAway(data, error))
    counts: Counter[str] = Counter()
    seen = 0
    with pytest.raises(type(error), match=r"gone|Input/output error"):
        if format == "index":
            for table in matching(file, None, counts):
                seen += len(table)
        else:
            for batch in ingest.read(file, "s", format, ingest.Columns(url=None), counts):
                assert set(batch.column("reason").to_pylist()) == {None}
                seen += batch.num_rows
    assert seen < 4000
