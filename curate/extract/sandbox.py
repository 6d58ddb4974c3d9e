"""Extraction in a process that can be killed: batches of pages in, texts or reasons out.

Knows Arrow batches, files in memory and exit statuses; nothing of how text is found.
"""

import contextlib
import fcntl
import json
import math
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from types import TracebackType

import pyarrow as pa

from curate.errors import CurateError
from curate.extract.attributes import comparisons
from curate.extract.engines import OWN
from curate.extract.frames import DONE, MEMORY_STATUS, READY, REPLY, REQUEST, Outcome
from curate.extract.limits import CRASH, MEMORY, TIMEOUT, TOO_LARGE, TOO_MANY_ATTRIBUTES, Limits

EXTRACTED = pa.schema([("text", pa.large_string()), ("charset", pa.string()), ("reason", pa.string())])
"""What `Extractor.extract` returns: exactly one of `text` and `reason` is null, both where the body is."""

START_SECONDS = 120.0
"""Most wall time until a child is ready: imports over a slow network file system take tens of seconds."""

EXIT_SECONDS = 10.0
"""Most wall time between the end of a child's output and its exit: writing no core, it needs milliseconds."""

LOOKS = 8
"""How often within the limit on wall time to look whether the child gets on: a page may overrun it by an eighth."""

_REASONS = {-signal.SIGPROF: TIMEOUT, -signal.SIGXCPU: TIMEOUT, -signal.SIGKILL: MEMORY, MEMORY_STATUS: MEMORY}
"""By exit status, as subprocess gives it; any other is a crash."""


class EngineUnavailable(CurateError, RuntimeError):
    """The child cannot be started or the engine cannot be loaded: no page's fault."""


@dataclass(frozen=True)
class _Answer:
    """One row of EXTRACTED."""

    text: str | None
    charset: str | None
    reason: str | None


_Page = tuple[memoryview, str]
"""A body and its Content-Type."""


class _Child:
    """One running child process, ready for pages."""

    def __init__(self, engine: str, limits: Limits) -> None:
        self.limits = limits
        self.bodies, self.replies = os.memfd_create("bodies"), os.memfd_create("replies")
        fcntl.fcntl(self.replies, fcntl.F_SETFL, os.O_APPEND)
        files = (self.bodies, self.replies)
        command = [sys.executable, "-P", "-m", "curate.extract.child", engine, json.dumps(asdict(limits))]
        self.process = subprocess.Popen(
            [*command, *map(str, files)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=files,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(folder or os.getcwd() for folder in sys.path)},
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.requests, self.pipe = self.process.stdin, self.process.stdout.fileno()
        self.stop = weakref.finalize(self, _stop, self.process, files)
        self.poll = select.poll()
        self.poll.register(self.pipe, select.POLLIN)
        self._await_ready(engine)

    def _await_ready(self, engine: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        said = b""
        while said != READY and self.poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            more = os.read(self.pipe, select.PIPE_BUF)
            if not more:
                break
            said += more
        if said != READY:
            said = said or f"it ended or hung before it was ready ({self._reason()})".encode()
            self.stop()
            raise EngineUnavailable(f"extraction engine {engine!r} cannot be used: {said.decode(errors='replace')}")

    def _reason(self) -> str:
        try:
            return _REASONS.get(self.process.wait(EXIT_SECONDS), CRASH)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return CRASH

    def ask(self, pages: Sequence[_Page]) -> tuple[list[_Answer], str | None]:
        """The answers on the first of these pages, and the reason why the child died of the next one, if it did."""
        os.ftruncate(self.replies, 0)
        self._write_bodies(body for body, _ in pages)
        table = json.dumps([(len(body), kind) for body, kind in pages]).encode()
        try:
            self.requests.write(REQUEST.pack(len(table)) + table)
            self.requests.flush()
        except BrokenPipeError:
            return [], self._reason()
        died = self._await_done()
        return self._read_replies(), died

    def _write_bodies(self, bodies: Iterable[memoryview]) -> None:
        offset = 0
        for body in bodies:
            written = 0
            while written < len(body):  # the kernel writes at most 2 GiB a call
                written += os.pwrite(self.bodies, body[written:], offset + written)
            offset += written

    def _await_done(self) -> str | None:
        """Wait for the batch's end; the reason if the child died or had to be killed before it."""
        limit = self.limits.wall_seconds
        size, since = 0, time.monotonic()
        while not self.poll.poll(limit / LOOKS * 1000):
            now, before = time.monotonic(), size
            size = os.fstat(self.replies).st_size
            if size > before:
                since = now
            elif now - since >= limit:
                self.process.kill()
                self.process.wait()
                return TIMEOUT
        return None if os.read(self.pipe, len(DONE)) else self._reason()

    def _read_replies(self) -> list[_Answer]:
        """Every whole reply."""
        data = os.pread(self.replies, os.fstat(self.replies).st_size, 0)
        answers = []
        at = 0
        while at + REPLY.size <= len(data):
            outcome, charset_bytes, text_bytes = REPLY.unpack_from(data, at)
            name = at + REPLY.size
            text, at = name + charset_bytes, name + charset_bytes + text_bytes
            if at > len(data):
                break
            charset, said = data[name:text].decode(), data[text:at].decode()
            found = outcome == Outcome.TEXT
            answers.append(_Answer(said, charset, None) if found else _Answer(None, charset, said))
        return answers


def _stop(process: "subprocess.Popen[bytes]", files: Sequence[int]) -> None:
    """End a child that holds nothing worth saving, and leave no zombie and nothing open."""
    process.kill()
    process.wait()
    for file in files:
        os.close(file)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Extractor:
    """Extracts the main text of HTML pages in a child process, which is replaced when a page kills it.

    A page whose child dies is tried once more, alone, first thing in a fresh child; if that dies too, the page is
    quarantined with the reason that the exit status gives. So a reason does not depend on a page's neighbours. Used by
    one thread; the child is started when first needed.

    `engine`: see `curate.extract.engines`. Raises EngineUnavailable (from `extract`) if it cannot be loaded.
    """

    def __init__(self, engine: str = "resiliparse", limits: Limits | None = None) -> None:
        self.engine = engine
        self.limits = limits or Limits()
        self._child: _Child | None = None

    def __enter__(self) -> "Extractor":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the child. The extractor can still be used: it starts another."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def _ask(self, pages: Sequence[_Page]) -> tuple[list[_Answer], str | None]:
        if self._child is None:
            self._child = _Child(self.engine, self.limits)
        try:
            answers, died = self._child.ask(pages)
        except BaseException:
            self.close()  # in the middle of a page
            raise
        if died is not None:
            self.close()
        return answers, died

    def _refusal(self, body: memoryview) -> str | None:
        """Why the page is not parsed at all, by its bytes alone."""
        if len(body) > self.limits.body_bytes:
            return TOO_LARGE
        if self.engine == OWN:  # its work follows from the bytes alone
            return None
        least = 2 * math.isqrt(self.limits.comparisons)  # an attribute is a letter and a blank, at least
        if len(body) > least and comparisons(body) > self.limits.comparisons:
            return TOO_MANY_ATTRIBUTES
        return None

    def extract(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows of EXTRACTED, one per row of `batch`, in its order.

        `batch` has `body: large_binary`, the page's bytes, and `content_type: string`, the HTTP header's value or null.
        """
        bodies, types = batch.column("body"), batch.column("content_type").to_pylist()
        answers = [_Answer(None, None, None)] * len(bodies)
        rows, pages = [], []
        for row, (body, kind) in enumerate(zip(bodies, types, strict=True)):
            if not body.is_valid:
                continue
            data = memoryview(body.as_buffer())
            refused = self._refusal(data)
            if refused is None:
                rows.append(row)
                pages.append((data, kind or ""))
            else:
                answers[row] = _Answer(None, None, refused)
        done = 0
        while done < len(pages):
            found, _ = self._ask(pages[done:])
            if len(found) < len(pages) - done:
                alone, died = self._ask(pages[done + len(found) :][:1])
                found += alone or [_Answer(None, None, died or CRASH)]
            for row, answer in zip(rows[done:], found, strict=False):
                answers[row] = answer
            done += len(found)
        columns = [
            pa.array([answer.text for answer in answers], pa.large_string()),
            pa.array([answer.charset for answer in answers], pa.string()),
            pa.array([answer.reason for answer in answers], pa.string()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=EXTRACTED)
