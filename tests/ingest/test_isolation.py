"""A file that kills the process that reads it costs itself: the run goes on, with the same rows for any process."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate import errors
from curate.ingest import Columns, isolation, read, read_apart
from curate.records.pages import BATCH_ROWS
from curate.storage import SourceFile
from tests.support.archives import HTML, Row, pages, record, response, source_file

MEMORY = 1 << 30
ROOT = Path(__file__).parents[2]


@pytest.fixture
def killing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Readers started in this test die of pages whose addresses say so; a folder for files."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import tests.support.killing\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), str(ROOT), *sys.path])
    monkeypatch.setenv("KILLED_ONCE", str(tmp_path / "killed"))
    isolation._reader.cache_clear()
    yield tmp_path
    isolation._reader.cache_clear()


def rows_apart(path: Path, format: str = "warc") -> tuple[list[Row], Counter[str]]:
    counts: Counter[str] = Counter()
    batches = read_apart(source_file(path), "web", format, Columns(), counts, memory=MEMORY)
    return [row for batch in batches for row in batch.to_pylist()], counts


def rows_here(path: Path, format: str = "warc") -> tuple[list[Row], Counter[str]]:
    counts: Counter[str] = Counter()
    batches = read(source_file(path), "web", format, Columns(), counts)
    return [row for batch in batches for row in batch.to_pylist()], counts


@pytest.mark.parametrize("name", ["x.warc", "x.jsonl", "empty.warc"])
def test_reading_apart_gives_what_reading_here_gives(tmp_path: Path, name: str) -> None:
    content = {
        "x.warc": b"".join(pages(BATCH_ROWS + 3)) + b"junk",
        "x.jsonl": b'{"text": "tides"}\n{bad\n\n',
        "empty.warc": b"",
    }
    (tmp_path / name).write_bytes(content[name])
    format = name.split(".")[-1]
    assert rows_apart(tmp_path / name, format) == rows_here(tmp_path / name, format)


def test_what_reading_raises_is_raised_here(tmp_path: Path) -> None:
    gone = SourceFile(str(tmp_path / "gone.warc"), "gone.warc", 9, "")
    with pytest.raises(FileNotFoundError, match="No such file") as raised:
        list(read_apart(gone, "web", "warc", Columns(), Counter()))
    assert raised.value.filename == gone.path
    with pytest.raises(ValueError, match="no format 'arc'; did you mean 'warc'"):
        list(read_apart(gone, "web", "arc", Columns(), Counter()))


def test_a_library_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    remote = SourceFile("no-such-scheme://bucket/x.warc", "x.warc", 9, "")
    with pytest.raises(ValueError, match="Protocol not known: no-such-scheme"):
        list(read_apart(remote, "web", "warc", Columns(), Counter()))
    error = isolation._raised("ImportError", ["No module named 'obstore'"], "")
    assert errors.missing_extra(error) is not None  # type: ignore[arg-type]
    assert isinstance(isolation._raised("DiskFull", ["no space is left"], ""), errors.DiskFull)
    assert "the traceback" in str(isolation._raised("KeyError", ["x"], "the traceback"))


def test_a_file_left_half_read_does_not_mix_with_the_next(tmp_path: Path) -> None:
    for name in ("a.warc", "b.warc"):
        (tmp_path / name).write_bytes(b"".join(pages(BATCH_ROWS * 3, seed=ord(name[0]))))
    reading = read_apart(source_file(tmp_path / "a.warc"), "web", "warc", Columns(), Counter())
    next(reading)
    reading.close()
    assert rows_apart(tmp_path / "b.warc") == rows_here(tmp_path / "b.warc")


@pytest.mark.parametrize(
    ("how", "reason", "before"),
    [
        ("exit", "reader-crash", 0),
        ("exit", "reader-crash", BATCH_ROWS + 5),
        ("segfault", "reader-crash", 5),
        ("hog", "reader-memory", BATCH_ROWS),
    ],
)
def test_the_rest_of_a_file_that_kills_its_reader_is_one_row(killing: Path, how: str, reason: str, before: int) -> None:
    kills = record(response(HTML), WARC_Target_URI=f"http://example.org/{how}")
    good = pages(before)
    path = killing / "x.warc"
    path.write_bytes(b"".join(good) + kills + b"".join(pages(3)))
    (killing / "next.warc").write_bytes(b"".join(pages(4)))
    rows, counts = rows_apart(path)
    whole = before - before % BATCH_ROWS  # what was in a batch that was given stays
    start = len(b"".join(good[:whole]))
    assert [row["reason"] for row in rows] == [None] * whole + [reason]
    assert (rows[-1]["offset"], rows[-1]["length"]) == (start, path.stat().st_size - start)
    assert counts["files.reader-died"] == 1
    assert counts["bytes.read"] + counts["bytes.damaged"] == path.stat().st_size
    assert rows_apart(path)[0] == rows, "the same again"
    assert len({row["id"] for row in rows}) == len(rows)
    assert rows_apart(killing / "next.warc") == rows_here(killing / "next.warc")


def test_a_file_whose_reader_dies_once_is_not_blamed(killing: Path) -> None:
    path = killing / "x.warc"
    once = record(response(HTML), WARC_Target_URI="http://example.org/once")
    path.write_bytes(b"".join(pages(BATCH_ROWS)) + once + b"".join(pages(3)))
    assert rows_apart(path) == rows_here(path)
    assert (killing / "killed").exists()


def test_a_reader_ends_with_the_process_that_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.warc"
    path.write_bytes(b"".join(pages(3)))
    script = (
        "import os, sys; from collections import Counter; from curate.ingest import Columns, isolation\n"
        "from curate.storage import SourceFile\n"
        "list(isolation.read_apart(SourceFile(sys.argv[1], 'x', 1, ''), 'web', 'warc', Columns(), Counter()))\n"
        "print(isolation._reader(isolation.READER_MEMORY)._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True)
    child = int(done.stdout)
    for _ in range(200):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if "Z" in Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0]:
            return
        random.Random(0).randbytes(1 << 20)
        subprocess.run(["sleep", "0.05"])
    raise AssertionError("the reader goes on alone")
