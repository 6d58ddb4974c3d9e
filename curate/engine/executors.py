"""Where functions execute: in this process, or as Ray tasks. The one module of the pipeline that knows Ray.

Knows nothing of tasks' meaning. Results come back as they are done; whoever needs an order sorts.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeVar

from curate.errors import CurateError

Item = TypeVar("Item")
Result = TypeVar("Result")

_IN_FLIGHT_PER_WORKER = 2  # one running and one waiting, so that a worker never idles for the driver
_SYSTEM_RETRIES = 4  # a worker that died is not the task's fault until it keeps dying
_OBJECT_STORE_BYTES = 100 << 20  # tasks return manifests only, so Ray's shared memory stays small


START_SECONDS = 180
"""Most seconds that Ray may take to start or to join a cluster; on a busy machine it needs some thirty."""
_ALARM_SECONDS = 5.0  # until the alarm is raised again, where it was lost in a call back from compiled code
CONNECT_SECONDS = 10.0
"""Most seconds until the head of a cluster accepts a connection."""


class EngineError(CurateError, RuntimeError):
    """Ray cannot be reached, or has stopped working; what is committed is kept."""


class Engine(Protocol):
    """Runs a function over items, bounded in flight."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], memory: int = 0
    ) -> Iterator[tuple[int, Result]]:
        """Yield (index of the item, result) as each is done. `memory` is what one call may need, in bytes."""
        ...


@dataclass(frozen=True)
class SerialEngine:
    """Everything in this process, one after another."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], memory: int = 0
    ) -> Iterator[tuple[int, Result]]:
        """See Engine.map."""
        for index, item in enumerate(items):
            yield index, function(item)


def _call(function: Callable[[Item], Result], item: Item) -> Result:
    return function(item)


@dataclass(frozen=True)
class RayEngine:
    """Ray tasks on this machine or a cluster."""

    workers: int

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], memory: int = 0
    ) -> Iterator[tuple[int, Result]]:
        """See Engine.map. A task whose worker died is tried again elsewhere; an exception of the function is raised."""
        import ray

        options = {"num_cpus": 1, "memory": memory or None, "max_retries": _SYSTEM_RETRIES, "retry_exceptions": False}
        remote = ray.remote(**options)(_call)
        waiting: dict[Any, int] = {}
        following = 0
        try:
            while waiting or following < len(items):
                while following < len(items) and len(waiting) < self.workers * _IN_FLIGHT_PER_WORKER:
                    waiting[remote.remote(function, items[following])] = following
                    following += 1
                done, _ = ray.wait(list(waiting), num_returns=1)
                for reference in done:
                    index = waiting.pop(reference)
                    try:
                        yield index, ray.get(reference)
                    except ray.exceptions.RayTaskError as error:
                        cause = error.cause if isinstance(error.cause, Exception) else error
                        raise cause from (None if isinstance(cause, CurateError | OSError) else error)
                    except ray.exceptions.RayError as error:
                        raise _lost(error) from None
        finally:
            for reference in waiting:
                with contextlib.suppress(Exception):
                    ray.cancel(reference, force=False)


def _lost(error: Exception) -> EngineError:
    """The sentence for a worker, a node or a cluster that is gone."""
    import ray

    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return EngineError("a task needed more memory than there is; run the same command with fewer --workers")
    if isinstance(error, ray.exceptions.WorkerCrashedError):
        why = f"a task's worker died {_SYSTEM_RETRIES + 1} times"
    else:
        why = "Ray stopped working"
    return EngineError(f"{why} ({type(error).__name__}); the same command goes on from what is committed")


def start_ray(address: str | None, instead: str, **local: Any) -> None:
    """Start Ray on this machine with the settings `local`, or join the cluster at an address, within START_SECONDS.

    `instead` says what else could be done. Raises EngineError where no cluster answers, or Ray takes longer.
    """
    import ray

    if address:
        _check_answers(address)
    # "local" never joins a cluster that happens to run on this machine
    with _as_before(signal.SIGTERM), _at_most(START_SECONDS, address, instead):
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level="error",
            configure_logging=False,
            **({} if address else local),
        )


def _check_answers(address: str) -> None:
    """Raise EngineError where nothing answers at HOST:PORT or ray://HOST:PORT: Ray itself would wait for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise EngineError(f"--address {address}: no Ray cluster answers there ({error})") from None


@contextlib.contextmanager
def _as_before(number: int) -> Iterator[None]:
    """Put a signal's handler back that the block replaces, as ray.init does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(number)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(number, before)


class _Late(BaseException):
    """Raised by the alarm. Not an Exception: Ray's own retries would catch it and go on."""


@contextlib.contextmanager
def _at_most(seconds: float, address: str | None, instead: str) -> Iterator[None]:
    """Raise EngineError where the block takes longer: only the start of Ray is measured by the clock, no result.

    Ray's compiled code is not interrupted: it gives a connection up after half a minute, and then the alarm is heard.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(number: int, frame: Any) -> NoReturn:
        raise _Late

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds, _ALARM_SECONDS)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _Late:
        where = f"join the cluster at {address}" if address else "start on this machine"
        raise EngineError(f"Ray did not {where} within {seconds:g} s; try again, or {instead}") from None
    finally:
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def start_engine(kind: str, workers: int | None, address: str | None) -> Iterator[Engine]:
    """An engine for the length of the block: `serial`, or `ray` on this machine or at an address."""
    if kind == "serial":
        yield SerialEngine()
        return
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray

        logging.getLogger("ray").setLevel(logging.ERROR)

        start_ray(
            address,
            "use --engine serial",
            num_cpus=workers or os.cpu_count() or 1,
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
        )
    try:
        total = int(ray.cluster_resources().get("CPU", 1))
        yield RayEngine(min(workers or total, total))
    finally:
        ray.shutdown()
