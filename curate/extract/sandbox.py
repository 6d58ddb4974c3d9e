"""Extraction in a process that can be killed: batches of pages in, texts or reasons out.

Knows Arrow batches, pipes and exit statuses; nothing of how text is found.
"""

import contextlib
import fcntl
import functools
import json
import os
import select
import signal
import subprocess
import sys
import time
import weakref
from dataclasses import asdict, dataclass
from types import TracebackType

import pyarrow as pa

from curate.extract.frames import MEMORY_STATUS, PIPE_BYTES, READY, REPLY, REQUEST, Outcome
from curate.extract.limits import CRASH, MEMORY, TIMEOUT, TOO_LARGE, Limits

EXTRACTED = pa.schema([("text", pa.large_string()), ("charset", pa.string()), ("reason", pa.string())])
"""What `Extractor.extract` returns: exactly one of `text` and `reason` is null, both where the body is."""

START_SECONDS = 120.0
"""Most wall time until a child is ready: imports over a slow network file system take tens of seconds."""

EXIT_SECONDS = 10.0
"""Most wall time between the end of a child's output and its exit: writing no core, it needs milliseconds."""

_REASONS = {-signal.SIGPROF: TIMEOUT, -signal.SIGXCPU: TIMEOUT, -signal.SIGKILL: MEMORY, MEMORY_STATUS: MEMORY}
"""By exit status, as subprocess gives it; any other is a crash."""


class EngineUnavailable(RuntimeError):
    """The child cannot be started or the engine cannot be loaded: no page's fault."""


@dataclass(frozen=True)
class _Answer:
    """One row of EXTRACTED."""

    text: str | None
    charset: str | None
    reason: str | None


class _Died(Exception):
    """The child ended before it answered; the argument is the reason."""


class _Child:
    """One running child process, ready for pages."""

    def __init__(self, engine: str, limits: Limits) -> None:
        self.limits = limits
        command = [sys.executable, "-P", "-m", "curate.extract.child", engine, json.dumps(asdict(limits))]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(folder or os.getcwd() for folder in sys.path)}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.requests, self.replies = self.process.stdin, self.process.stdout.fileno()
        self.stop = weakref.finalize(self, _stop, self.process)
        for pipe in (self.requests.fileno(), self.replies):
            with contextlib.suppress(OSError):  # the user's quota of pipe pages may be used up: smaller ones serve too
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.poll = select.poll()
        self.poll.register(self.replies, select.POLLIN)
        self._await_ready(engine)

    def _await_ready(self, engine: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        said = b""
        with contextlib.suppress(_Died):
            while said != READY:
                said += self._receive(1, deadline)
        if said != READY:
            self.stop()
            said = said or f"its process ended with status {self.process.returncode} before it was ready".encode()
            raise EngineUnavailable(f"extraction engine {engine!r} cannot be used: {said.decode(errors='replace')}")

    def _receive(self, size: int, deadline: float) -> bytes:
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            if not self.poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                self.process.kill()
                self.process.wait()
                raise _Died(TIMEOUT)
            count = os.readv(self.replies, [view[got:]])
            if count == 0:
                raise _Died(self._reason())
            got += count
        return bytes(data)

    def _reason(self) -> str:
        try:
            return _REASONS.get(self.process.wait(EXIT_SECONDS), CRASH)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return CRASH

    def ask(self, body: memoryview, content_type: str) -> _Answer:
        """The answer on one page. Raises _Died."""
        deadline = time.monotonic() + self.limits.wall_seconds
        named = content_type.encode("utf-8", "replace")
        try:
            self.requests.write(REQUEST.pack(len(body), len(named)) + named)
            self.requests.write(body)
            self.requests.flush()
        except BrokenPipeError:
            raise _Died(self._reason()) from None
        outcome, charset_bytes, text_bytes = REPLY.unpack(self._receive(REPLY.size, deadline))
        data = self._receive(charset_bytes + text_bytes, deadline)
        charset, text = data[:charset_bytes].decode(), data[charset_bytes:].decode()
        if outcome == Outcome.TEXT:
            return _Answer(text, charset, None)
        return _Answer(None, charset, text)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End a child that holds nothing worth saving, and leave no zombie and no open pipe."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Extractor:
    """Extracts the main text of HTML pages in a child process, which is replaced when a page kills it.

    A page whose child dies is tried once more, alone, first thing in a fresh child; if that dies too, the page is
    quarantined with the reason that the exit status gives. So a reason does not depend on a page's neighbours. Used by
    one thread; the child is started when first needed.

    `engine`: see `curate.extract.engines.load`. Raises EngineUnavailable (from `extract`) if it cannot be loaded.
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

    def _ask(self, body: memoryview, content_type: str) -> _Answer:
        if self._child is None:
            self._child = _Child(self.engine, self.limits)
        try:
            return self._child.ask(body, content_type)
        except BaseException:
            self.close()  # dead, or in the middle of a page
            raise

    def page(self, body: memoryview, content_type: str) -> _Answer:
        """The text of one page, or the reason why there is none."""
        if len(body) > self.limits.body_bytes:
            return _Answer(None, None, TOO_LARGE)
        with contextlib.suppress(_Died):
            return self._ask(body, content_type)
        try:
            return self._ask(body, content_type)
        except _Died as died:
            return _Answer(None, None, str(died))

    def extract(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Rows of EXTRACTED, one per row of `batch`, in its order.

        `batch` has `body: large_binary`, the page's bytes, and `content_type: string`, the HTTP header's value or null.
        """
        types = batch.column("content_type").to_pylist()
        answers = [
            self.page(memoryview(body.as_buffer()), kind or "") if body.is_valid else _Answer(None, None, None)
            for body, kind in zip(batch.column("body"), types, strict=True)
        ]
        columns = [
            pa.array([answer.text for answer in answers], pa.large_string()),
            pa.array([answer.charset for answer in answers], pa.string()),
            pa.array([answer.reason for answer in answers], pa.string()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=EXTRACTED)


@functools.cache
def extractor(engine: str = "resiliparse", limits: Limits | None = None) -> Extractor:
    """This process's extractor for an engine: one child for the life of a worker."""
    return Extractor(engine, limits)
