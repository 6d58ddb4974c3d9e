"""The process that runs an extraction engine: `python -m curate.extract.child ENGINE LIMITS BODIES REPLIES`.

It may be killed at any time and holds nothing that matters. Reads requests from standard input until its end (the
parent is gone), bodies from and answers to the files of those descriptors, and says on what was standard output that a
batch is done. Imports little, so that it starts quickly.
"""

import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

from resiliparse.parse.html import HTMLTree
from resiliparse.parse.html.exception import HTMLParserException

from curate.extract.charset import decode
from curate.extract.engines import OWN, Engine, load
from curate.extract.frames import DONE, MEMORY_STATUS, READY, REPLY, REQUEST, Outcome
from curate.extract.limits import ERROR, NO_TEXT, TOO_DEEP, TOO_MANY_NODES, Limits

Read = Callable[[bytes, str | None], tuple[Outcome, str, str]]
"""From a body and its Content-Type to the outcome, the charset, and the text or the reason."""


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


class _Trees:
    """Decides one page after another under fixed limits, by an engine on parsed trees."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self.engine = engine
        self.limits = limits
        # An element too deep has a first sibling as deep: looking at first children alone takes less time.
        self.too_deep = ">".join(["*"] * (limits.depth + 1)) + ":first-child"

    def read(self, body: bytes, content_type: str | None) -> tuple[Outcome, str, str]:
        """The outcome, the charset, and the text or the reason."""
        html, charset = decode(body, content_type)
        if len(html) > self.limits.nodes and html.count("<") > self.limits.nodes:
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


def _receive(requests: BinaryIO) -> list[tuple[int, str]] | None:
    """The next batch: per page the bytes of its body and its Content-Type. None if there are no more."""
    head = requests.read(REQUEST.size)
    if len(head) < REQUEST.size:
        return None
    (size,) = REQUEST.unpack(head)
    table = requests.read(size)
    return json.loads(table) if len(table) == size else None


def _own(limits: Limits) -> Read:
    """The project's own engine, for pages of which one killed the process that it ran in."""
    from curate.extract.html.extracting import SAMPLE, extract_page

    extract_page(SAMPLE, None, limits)  # machine code is loaded before memory and time are counted

    def read(body: bytes, content_type: str | None) -> tuple[Outcome, str, str]:
        page = extract_page(body, content_type, limits)
        outcome = Outcome.TEXT if page.reason is None else Outcome.REASON
        return outcome, page.charset or "", page.reason or page.text or ""

    return read


def serve(read: Read, limits: Limits, bodies: int, replies: int, requests: BinaryIO, pipe: int) -> None:
    """Answer requests until there are no more, or nobody who asks."""
    parent = os.getppid()
    while (batch := _receive(requests)) is not None:
        offset = 0
        for size, content_type in batch:
            if os.getppid() != parent:
                return
            signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds)
            try:
                body = os.pread(bodies, size, offset)
                outcome, charset, text = read(body, content_type or None)
                name, data = charset.encode(), text.encode("utf-8", "replace")
            except MemoryError:
                os._exit(MEMORY_STATUS)  # a fresh process decides whether the page alone is to blame
            reply = REPLY.pack(outcome, len(name), len(data)) + name
            if os.writev(replies, [reply, data]) < len(reply) + len(data):
                os._exit(MEMORY_STATUS)
            offset += size
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.write(pipe, DONE)


def main(engine: str, limits: str, bodies: str, replies: str) -> None:
    """Load the engine, say that it is ready or why not, and serve."""
    frozen = Limits(**json.loads(limits))
    pipe = os.dup(1)
    os.dup2(2, 1)  # nobody but `serve` writes to the pipe
    try:
        read = _own(frozen) if engine == OWN else _Trees(load(engine), frozen).read
    except Exception as error:
        os.write(pipe, f"{type(error).__name__}: {error}".encode())
        return
    _confine(frozen)
    _silence()
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, READY)
        serve(read, frozen, int(bodies), int(replies), sys.stdin.buffer, pipe)


if __name__ == "__main__":
    main(*sys.argv[1:])
