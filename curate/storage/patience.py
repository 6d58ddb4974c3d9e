"""How storage is asked: how often, with what pauses, and by how many at once.

A fault that may pass is waited out, longer each time; the pause is a function of the address and the try, never of global
chance, and nothing that is read depends on it. Whoever is asked to slow down keeps its place while it waits, so that fewer
ask. Knows no protocol.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from curate.errors import ConfigError, StorageError
from curate.storage.local import private_folder
from curate.storage.places import shown

T = TypeVar("T")

PROGRESS = 1 << 20
"""Bytes after which a reading that broke off counts its tries anew: it is going on."""
_SILENT = 4
"""Tries in a row that nobody hears of, some ten seconds: what fails so often is said once, on standard error."""
_LOG = logging.getLogger(__name__)
_LOOKING = 0.02
"""Seconds between two looks for a free place among those that ask at once."""


@dataclass(frozen=True)
class Patience:
    """How storage is asked. Each number is set by the environment: CURATE_STORAGE_TRIES and so on."""

    tries: int = 10
    """Times that a request is made before it is given up."""
    wait: float = 1.0
    """Seconds before the second try at most; the bound doubles with each."""
    longest: float = 60.0
    """Seconds that one pause lasts at most, whatever a server asks for."""
    stall: float = 30.0
    """Seconds without a byte after which an answer is given up."""
    at_once: int = 8
    """Requests in flight to one host, of all processes of this user on this machine: Common Crawl asks for no more than
    ten."""


def patience() -> Patience:
    """The numbers in force. Raises ConfigError for one that is none.

    >>> patience().tries > 0
    True
    """
    given = {}
    for field in fields(Patience):
        name = f"CURATE_STORAGE_{field.name.upper()}"
        text = os.environ.get(name)
        if text is None:
            continue
        try:
            number = float(text)
            given[field.name] = int(number) if field.name in ("tries", "at_once") else number
        except (ValueError, OverflowError):
            raise ConfigError(f"{name}={text}: write a number") from None
        if not 0 < number < 1e9 or given[field.name] <= 0:
            raise ConfigError(f"{name}={text}: write a number above 0")
    return Patience(**given)  # type: ignore[arg-type]


class Fault(Exception):
    """What may pass: asked again, it may be answered. `after`: seconds that the server asks to wait. `got`: bytes that came
    all the same."""

    def __init__(self, what: str, after: float = 0.0, got: int = 0) -> None:
        super().__init__(what)
        self.after, self.got = after, got


def pause(address: str, attempt: int, after: float = 0.0) -> float:
    """Seconds to wait after a try, counted from 0, that failed: a share of a bound that doubles, or what was asked for."""
    given = patience()
    bound = min(given.longest, given.wait * 2.0 ** min(attempt, 30))
    digest = hashlib.blake2b(f"{attempt}/{address}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return max(bound * int.from_bytes(digest, "big") / 2.0**64, min(after, given.longest))


def persist(address: str, host: str, ask: Callable[[], T], doing: str = "read") -> T:
    """What `ask` answers, asked again while it raises Fault; `doing` is what was tried, for people. Raises StorageError
    where it never answers."""
    given = patience()
    attempt = 0
    with place_among(host):
        while True:
            try:
                return ask()
            except Fault as fault:
                attempt = 0 if fault.got >= PROGRESS else attempt + 1
                if attempt >= given.tries:
                    raise StorageError(
                        f"{shown(address)} could not be {doing} in {given.tries} tries, the last of which ended so: "
                        f"{fault}. The same command goes on from what is done"
                    ) from None
                if attempt == _SILENT:
                    _LOG.warning("waiting for %s, which was tried %d times: %s", shown(address), attempt, fault)
                time.sleep(pause(address, attempt, fault.after))


@contextmanager
def place_among(host: str) -> Iterator[None]:
    """Be one of those that ask a host at once: a lock on one of so many files, which the system drops with its holder."""
    most = patience().at_once
    root = private_folder(Path(tempfile.gettempdir()) / f"curate-requests-{os.getuid()}")
    folder = private_folder(root / hashlib.blake2b(host.encode(), digest_size=8).hexdigest())
    while True:
        for number in range(most):
            handle = os.open(folder / str(number), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            try:
                yield
            finally:
                os.close(handle)
            return
        time.sleep(_LOOKING)
