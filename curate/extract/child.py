"""The process that runs an extraction engine: `python -m curate.extract.child ENGINE LIMITS`.

It may be killed at any time and holds nothing that matters. Reads requests from standard input until its end (the
parent is gone), answers on what was standard output. Imports little, so that it starts quickly.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from typing import BinaryIO

from resiliparse.parse.html import HTMLTree
from resiliparse.parse.html.exception import HTMLParserException

from curate.extract.charset import decode
from curate.extract.engines import Engine, load
from curate.extract.frames import MEMORY_STATUS, READY, REPLY, REQUEST, Outcome
from curate.extract.limits import ERROR, NO_TEXT, TOO_DEEP, TOO_MANY_NODES, Limits


def _confine(limits: Limits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # the kernel ends even a loop in C
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # when memory is short, this process goes before any that holds work


def _silence() -> None:
    """What libraries print from now on goes nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.close(null)


class _Page:
    """Decides one page after another under fixed limits."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self.engine = engine
        self.limits = limits
        self.too_deep = ">".join(["*"] * (limits.depth + 1))

    def read(self, body: bytes, content_type: str | None) -> tuple[Outcome, str, str]:
        """The outcome, the charset, and the text or the reason."""
        html, charset = decode(body, content_type)
        if html.count("<") > self.limits.nodes:
            return Outcome.REASON, charset, TOO_MANY_NODES
        try:
            tree = HTMLTree.parse(html)
        except HTMLParserException:
            raise MemoryError from None  # any markup can be parsed, if there is memory for the tree
        try:
            root = tree.document
            if root is None:
                return Outcome.REASON, charset, NO_TEXT
            elements = len(root.query_selector_all("*"))
            if elements > self.limits.nodes:
                return Outcome.REASON, charset, TOO_MANY_NODES
            if elements > self.limits.depth and root.query_selector(self.too_deep):
                return Outcome.REASON, charset, TOO_DEEP
            text = tidy(self.engine(html, tree))
        except MemoryError:
            raise
        except Exception:
            return Outcome.REASON, charset, ERROR
        return (Outcome.TEXT, charset, text) if text else (Outcome.REASON, charset, NO_TEXT)


def tidy(text: str) -> str:
    """Text without NUL and outer white space, lines ended by newlines alone."""
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip()


def serve(engine: Engine, limits: Limits, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests until there are no more."""
    page = _Page(engine, limits)
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        body_bytes, type_bytes = REQUEST.unpack(head)
        content_type = requests.read(type_bytes).decode() or None
        body = requests.read(body_bytes)
        if len(body) < body_bytes:
            return
        signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds)
        try:
            outcome, charset, text = page.read(body, content_type)
            name, data = charset.encode(), text.encode("utf-8", "replace")
        except MemoryError:
            os._exit(MEMORY_STATUS)  # a fresh process decides whether the page alone is to blame
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(REPLY.pack(outcome, len(name), len(data)) + name)
        replies.write(data)
        replies.flush()


def main(engine: str, limits: str) -> None:
    """Load the engine, say that it is ready or why not, and serve."""
    frozen = Limits(**json.loads(limits))
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nobody but `serve` writes to the pipe
    try:
        loaded = load(engine)
    except Exception as error:
        replies.write(f"{type(error).__name__}: {error}".encode())
        replies.flush()
        return
    _confine(frozen)
    _silence()
    with contextlib.suppress(BrokenPipeError):
        replies.write(READY)
        replies.flush()
        serve(loaded, frozen, sys.stdin.buffer, replies)


if __name__ == "__main__":
    main(*sys.argv[1:])
