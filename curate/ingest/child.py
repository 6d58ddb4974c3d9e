"""The process that reads files for `curate.ingest.isolation`: `python -m curate.ingest.child MEMORY`.

It may be killed at any time and holds nothing that matters. Reads requests, a line of JSON each, from standard input until
its end, and writes messages to what was standard output: batches, then the counts, or an error.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import traceback
from collections import Counter
from typing import Any, BinaryIO

from curate.ingest.messages import MEMORY_STATUS, MESSAGE, Kind


def _confine(memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # when memory is short, this process goes before any that holds work


def _say(pipe: BinaryIO, kind: Kind, content: Any) -> None:
    pipe.write(MESSAGE.pack(kind, len(content)))
    pipe.write(content)


def _told(error: Exception) -> tuple[list[Any], str]:
    """What an exception was made of, and its traceback."""
    facts = [str(error)]
    if isinstance(error, OSError) and error.errno:
        facts = [error.errno, error.strerror, error.filename]  # type: ignore[list-item]
    return facts, traceback.format_exc()


def _serve(request: Any, pipe: BinaryIO) -> None:
    """Read files one after another, or a span of one, and say what is in them."""
    from curate import ingest
    from curate.storage import SourceFile

    counts: Counter[str] = Counter()
    columns = ingest.Columns(**request["columns"])
    try:
        files = [SourceFile(**file) for file in request["files"]]
        span = ingest.Span(**request["span"]) if request["span"] else None
        for batch in ingest.read_files(files, request["source"], request["format"], columns, counts, span=span):
            _say(pipe, Kind.BATCH, memoryview(batch.serialize()))
    except MemoryError:
        raise
    except Exception as error:
        _say(pipe, Kind.ERROR, json.dumps([type(error).__name__, *_told(error)], default=str).encode())
    else:
        _say(pipe, Kind.COUNTS, json.dumps(counts).encode())


def main(memory: str) -> None:
    """Serve requests until there are no more, or nobody who asks."""
    with contextlib.suppress(BrokenPipeError), open(os.dup(1), "wb") as pipe:  # closing writes what is left
        os.dup2(2, 1)  # nobody else writes to the pipe
        import curate.ingest  # noqa: F401  (loaded before memory is limited)

        _confine(int(memory))
        try:
            _say(pipe, Kind.READY, b"")
            pipe.flush()
            for line in sys.stdin.buffer:
                _serve(json.loads(line), pipe)
                pipe.flush()
        except MemoryError:
            os._exit(MEMORY_STATUS)


if __name__ == "__main__":
    main(*sys.argv[1:])
