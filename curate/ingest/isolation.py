"""Reading in a process that can be killed: what a file makes a decoder do costs the file, never the run.

Decoders are bounded beforehand (see http, codings, frames, parquet_pages, json_lines); this is for what they and their
libraries miss: memory beyond a fixed limit, a crash in C. A file whose reader dies is read once more, first thing in a
fresh process. If that dies too, what it gave before stays and the rest is written off as one row, so the outcome is the
file's own and the same for any number of workers. Knows processes and batches; nothing of formats.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import IO, Any, Final

import pyarrow as pa

from curate import errors
from curate.ingest.messages import MEMORY_STATUS, MESSAGE, Kind
from curate.ingest.reasons import READER_CRASHED, READER_OUT_OF_MEMORY
from curate.ingest.rows import Rows
from curate.ingest.spans import WHOLE, Span
from curate.ingest.tables import Columns
from curate.records.pages import PAGES
from curate.storage import SourceFile

READER_MEMORY: Final = 4 << 30
"""Most bytes of data that a reader may hold (RLIMIT_DATA). A zstd window of 2 GiB is the most that a sound file needs."""
_OUT_OF_MEMORY: Final = (-signal.SIGKILL, MEMORY_STATUS)
_ERRORS: Final[dict[str, type[Exception]]] = {
    name: kind
    for module in (builtins, errors)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, (ValueError, OSError, ImportError, errors.CurateError))
}
"""What a reader may raise that is raised here as the same: mistakes and storage's faults. All else is a fault of ours."""


class ReaderDied(RuntimeError):
    """The reading process ended in the middle of a file."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the reading process ended with status {status}")
        self.reason = READER_OUT_OF_MEMORY if status in _OUT_OF_MEMORY else READER_CRASHED


class _Reader:
    """One running process that reads files."""

    def __init__(self, memory: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "curate.ingest.child", str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(folder or os.getcwd() for folder in sys.path),
                "ARROW_DEFAULT_MEMORY_POOL": "system",  # takes no more address space than it uses
            },
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests: IO[bytes] = self._process.stdin
        self._messages: IO[bytes] = self._process.stdout
        self.stop = weakref.finalize(self, _stop, self._process)
        if self._message()[0] != Kind.READY:
            raise ReaderDied(self._process.wait())

    def _message(self) -> tuple[int, bytes]:
        head = self._messages.read(MESSAGE.size)
        kind, size = MESSAGE.unpack(head) if len(head) == MESSAGE.size else (Kind.ERROR, 1)
        content = self._messages.read(size)
        if len(content) < size:
            raise ReaderDied(self._process.wait())
        return kind, content

    def read(self, request: dict[str, Any], counts: Counter[str]) -> Iterator[pa.RecordBatch]:
        """The batches of one file; the counts are added once all are given. Raises what reading raises, or ReaderDied."""
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        except BrokenPipeError:
            raise ReaderDied(self._process.wait()) from None
        while True:
            kind, content = self._message()
            if kind == Kind.BATCH:
                yield pa.ipc.read_record_batch(pa.py_buffer(content), PAGES)
            elif kind == Kind.COUNTS:
                counts.update(json.loads(content))
                return
            else:
                raise _raised(*json.loads(content))


def _raised(name: str, facts: list[Any], told: str) -> Exception:
    """The exception that the reader said it met."""
    kind = _ERRORS.get(name)
    if kind is None or issubclass(kind, UnicodeError):
        return RuntimeError(f"{name} in the reading process: {told}")
    return kind(*facts)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a reader that holds nothing worth saving, and leave no zombie and nothing open."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@functools.lru_cache(maxsize=1)
def _reader(memory: int) -> _Reader:
    """This process's reader."""
    return _Reader(memory)


def _end_reader(memory: int) -> None:
    _reader(memory).stop()
    _reader.cache_clear()


def read_apart(
    files: SourceFile | Sequence[SourceFile],
    source: str,
    format: str,
    columns: Columns,
    counts: Counter[str],
    *,
    span: Span | None = None,
    memory: int = READER_MEMORY,
) -> Iterator[pa.RecordBatch]:
    """The same batches and counts as `ingest.read_files`, read by another process that may die of a file.

    Then one row for the rest of the file has the reason, and `files.reader-died` is counted; of a span WHOLE is. Of several
    files it is not known which one was at fault: ReaderDied is raised, and each is to be read for itself.
    """
    files = [files] if isinstance(files, SourceFile) else list(files)
    request = {
        "files": [asdict(file) for file in files],
        "source": source,
        "format": format,
        "columns": asdict(columns),
        "span": None if span is None else asdict(span),
    }
    if len(files) == 1:
        return _read_one(files[0], request, counts, memory)
    return _attempt(request, counts, memory)


def read_together_or_apart(
    files: Sequence[SourceFile],
    source: str,
    format: str,
    columns: Columns,
    counts: Counter[str],
    *,
    span: Span | None,
    together: bool,
) -> Iterator[pa.RecordBatch]:
    """`read_apart` of all files at once, or of one after another."""
    if together or len(files) == 1:
        yield from read_apart(files, source, format, columns, counts, span=span)
    else:
        for file in files:
            yield from read_apart(file, source, format, columns, counts)


def _attempt(request: dict[str, Any], counts: Counter[str], memory: int) -> Iterator[pa.RecordBatch]:
    """What one reader gives; it is ended unless it has given all. Raises ReaderDied, and what reading raises."""
    whole = False
    try:
        yield from _reader(memory).read(request, counts)
        whole = True
    finally:
        if not whole:
            _end_reader(memory)


def _read_one(file: SourceFile, request: dict[str, Any], counts: Counter[str], memory: int) -> Iterator[pa.RecordBatch]:
    """The batches of one file, and where readers die of it a row for the rest."""
    given, last = 0, None
    died: ReaderDied | None = None
    for _ in range(2):
        try:
            for number, batch in enumerate(_attempt(request, counts, memory)):
                if number == given:
                    given, last = number + 1, batch
                    yield batch
            return
        except ReaderDied as error:
            died = error
    assert died is not None
    counts["files.reader-died"] += 1
    if request["span"]:
        counts[WHOLE] = 1
    yield _rest(file, request["source"], request["format"], last, died.reason, counts)


def _rest(
    file: SourceFile, source: str, format: str, last: pa.RecordBatch | None, reason: str, counts: Counter[str]
) -> pa.RecordBatch:
    """One row that spans what follows the last row given."""
    begin = 0 if file.range is None else file.range[0]
    start = begin if last is None else last["offset"][-1].as_py() + max(1, last["length"][-1].as_py())
    length = 1
    if format in ("warc", "wet"):
        length = max(1, file.size - start)
        counts["bytes.read"] += file.size - begin - length
        counts["bytes.damaged"] += length
    rows = Rows(file, source)
    rows.add(start - begin, length, reason=reason)
    return rows.close()
