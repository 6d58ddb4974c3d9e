"""One run at a time at an address: a lease that its holder renews, and that runs out when it is renewed no more.

The lease is an object that is only ever replaced by whoever saw it last, so of two that want it one has it. Ages are told
by the store's clock; clocks of machines are not compared. Who takes a lease over fences the former holder off: what it put
lies under names that hold its content's hash, and it cannot move the pointer. Knows the lock; knows nothing of runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curate.engine.lock import LockedError
from curate.errors import StorageError
from curate.storage import shown, write_atomically
from curate.storage.objects import LOCK_LANE, Version, check_conditions, put_if, read_object

NAME = ".lease.json"
LEASE_SECONDS = 120.0
"""After so long without a renewal a holder is taken for dead: four renewals, and Google Cloud Storage takes one write a
second to an object."""
RENEWED_EVERY = 30.0
_TOKENS = ".lease"
"""In the mirror: the tokens of who held the lease from it, the last of them last. Whoever holds the mirror's lock goes on
from a dead one."""
_TRIES = 5
"""Times that the lease is looked at anew when others take or leave it meanwhile."""


@dataclass
class Lease:
    """A lease that is held, and renewed by a thread of its own until it is let go. `now` is the time by the store's clock
    when it was taken."""

    address: str
    token: str
    now: float
    _version: Version
    _since: str
    _renewals: int = 0
    _lost: str | None = None

    def check(self) -> None:
        """Raise LockedError where another has taken the lease: what is done stays, and nothing more may be published."""
        if self._lost is not None:
            raise LockedError(self._lost)

    def renew(self) -> None:
        """Say that the holder lives. What is answered too late is tried again the next time."""
        self._renewals += 1
        with contextlib.suppress(StorageError, PermissionError):
            self._put(_content(self.token, self._since, self._renewals))

    def let_go(self) -> None:
        """Say that the lease is free."""
        if self._lost is None:
            with contextlib.suppress(StorageError, PermissionError):
                self._put(_content("", self._since, self._renewals))

    def _put(self, data: bytes) -> None:
        version = put_if(f"{self.address}/{NAME}", data, self._version, LOCK_LANE)
        if version is None:
            self._lost = (
                f"another run took the hold on {shown(self.address)} meanwhile ({_holder(self.address)}): this one "
                "stopped, and published nothing"
            )
        else:
            self._version = version


def _content(token: str, since: str, renewals: int) -> bytes:
    who = f"process {os.getpid()} on {socket.gethostname()}"
    return json.dumps({"owner": token, "holder": who, "since": since, "renewals": renewals}).encode()


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data)
        return {name: str(fields[name])[:200] for name in ("owner", "holder", "since")}
    except (ValueError, KeyError, TypeError):
        return {"owner": "?", "holder": "an unknown process", "since": "an unknown time"}


def _holder(address: str) -> str:
    found = read_object(f"{address}/{NAME}", LOCK_LANE)
    return _parsed(found[0])["holder"] if found is not None else "it is gone since"


@contextlib.contextmanager
def hold_address(address: str, mirror: Path, *, force: bool, beat: Callable[[], None]) -> Iterator[Lease]:
    """Hold the run at an address for the length of the block; the caller holds the mirror's lock. `beat` is called at each
    renewal. With `force`, a lease that has not run out is taken too.

    Raises LockedError where another holds it, OutputError where the store takes no conditional writes, PermissionError,
    StorageError.
    """
    lease = _take(address, mirror, force)
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(RENEWED_EVERY):
            lease.renew()
            with contextlib.suppress(Exception):  # what is told on the side must not end the run
                beat()

    thread = threading.Thread(target=go_on, name="lease", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        ended.set()
        thread.join(LEASE_SECONDS)
        if not thread.is_alive():  # else the store does not answer, and the lease runs out by itself
            lease.let_go()


def _take(address: str, mirror: Path, force: bool) -> Lease:
    now = check_conditions(address)
    before = (mirror / _TOKENS).read_text().split() if (mirror / _TOKENS).exists() else []
    token, since = uuid.uuid4().hex, datetime.now(UTC).isoformat(timespec="seconds")
    write_atomically(mirror / _TOKENS, " ".join([*before[-_TRIES:], token]).encode())
    for _ in range(_TRIES):
        found = read_object(f"{address}/{NAME}", LOCK_LANE)
        if found is not None and not force:
            _check_free(address, found, before, now)
        mine = _content(token, since, 0)
        version = put_if(f"{address}/{NAME}", mine, found[1] if found else None, LOCK_LANE)
        if version is not None:
            return Lease(address, token, now, version, since)
    raise LockedError(f"{shown(address)} is being taken by several runs at once: let one of them have it")


def _check_free(address: str, found: tuple[bytes, Version], before: Sequence[str], now: float) -> None:
    """Raise LockedError unless the lease is free, has run out, or was held from this mirror by a process that is dead."""
    fields, age = _parsed(found[0]), now - found[1].written
    if fields["owner"] in ("", *before) or age > LEASE_SECONDS:
        return
    raise LockedError(
        f"{shown(address)} is in use by another run ({fields['holder']}, since {fields['since']}, last heard of "
        f"{max(0, age):.0f} s ago): wait for it, or give --out another address. If it is dead, its hold ends by itself in "
        f"{LEASE_SECONDS - age + 1:.0f} s, and --force-unlock takes it now"
    )


def is_leased(address: str) -> bool:
    """Whether a run held the address within the last lease, by this machine's clock: to be told, not to be relied on."""
    found = read_object(f"{address}/{NAME}", LOCK_LANE)
    if found is None or not _parsed(found[0])["owner"]:
        return False
    return datetime.now(UTC).timestamp() - found[1].written < LEASE_SECONDS
