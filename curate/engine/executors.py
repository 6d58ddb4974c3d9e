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
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeVar

from curate.errors import CurateError

Item = TypeVar("Item")
Result = TypeVar("Result")

_IN_FLIGHT_PER_WORKER = 2  # one running and one waiting, so that a worker never idles for the driver
_LEAST_ASKED = 16  # tasks of a cluster that has few CPUs yet: those that wait tell its autoscaler how many are wanted
_LOOK_SECONDS = 10.0  # until it is looked again how many CPUs a cluster has
_SYSTEM_RETRIES = 4  # a worker that died is not the task's fault until it keeps dying
_OBJECT_STORE_BYTES = 100 << 20  # tasks return manifests only, so Ray's shared memory stays small


START_SECONDS = 180
"""Most seconds that Ray may take to start or to join a cluster; on a busy machine it needs some thirty."""
_ALARM_SECONDS = 5.0  # until the alarm is raised again, where it was lost in a call back from compiled code
_PASSED_ON = ("CURATE_STORAGE_", "NUMBA_CPU_")
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

    def on_each_node(self, function: Callable[[Item], Result], item: Item) -> list[tuple[str, Result]]:
        """(address, result) of one call on every other machine that there is now."""
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

    def on_each_node(self, function: Callable[[Item], Result], item: Item) -> list[tuple[str, Result]]:
        """See Engine.on_each_node: there is no other."""
        return []


def _call(function: Callable[[Item], Result], item: Item) -> Result:
    return function(item)


@dataclass(frozen=True)
class RayEngine:
    """Ray tasks on this machine or a cluster."""

    in_flight: int | None
    """Most tasks handed out at once; None: as many as the cluster's CPUs ask for, which may become more."""
    remote_driver: bool = False
    """Whether this process is on none of the cluster's machines."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], memory: int = 0
    ) -> Iterator[tuple[int, Result]]:
        """See Engine.map. A task whose worker died is tried again elsewhere; an exception of the function is raised."""
        import ray

        options = {"num_cpus": 1, "memory": memory or None, "max_retries": _SYSTEM_RETRIES, "retry_exceptions": False}
        remote = ray.remote(**options)(_call)
        waiting: dict[Any, int] = {}
        following = 0
        most, looked = self._most(), time.monotonic()
        try:
            while waiting or following < len(items):
                while following < len(items) and len(waiting) < most:
                    waiting[remote.remote(function, items[following])] = following
                    following += 1
                done, _ = ray.wait(list(waiting), num_returns=1, timeout=_LOOK_SECONDS)
                if time.monotonic() - looked > _LOOK_SECONDS:
                    most, looked = self._most(), time.monotonic()
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

    def _most(self) -> int:
        """How many tasks to hand out: so many that no worker idles, and that a cluster which grows by what waits does."""
        import ray

        if self.in_flight is not None:
            return self.in_flight
        return _IN_FLIGHT_PER_WORKER * max(_LEAST_ASKED, int(ray.cluster_resources().get("CPU", 0)))

    def on_each_node(self, function: Callable[[Item], Result], item: Item) -> list[tuple[str, Result]]:
        """See Engine.on_each_node. A machine that goes away meanwhile is left out. Raises EngineError naming one where
        curate does not start."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = None if self.remote_driver else ray.get_runtime_context().get_node_id()
        nodes = {
            each["NodeID"]: each["NodeManagerAddress"]
            for each in ray.nodes()
            if each["Alive"] and each["NodeID"] != here and each["Resources"].get("CPU")
        }
        asked = {}
        for node, address in nodes.items():
            strategy = NodeAffinitySchedulingStrategy(node, soft=False)
            there = ray.remote(num_cpus=0, max_retries=1, scheduling_strategy=strategy)(_call)
            asked[address if address not in asked else f"{address} ({node[:8]})"] = there.remote(function, item)
        found = []
        for address, reference in asked.items():
            try:
                found.append((address, ray.get(reference)))
            except ray.exceptions.RayTaskError as error:
                cause = error.cause if isinstance(error.cause, Exception) else error
                raise EngineError(
                    f"the node {address} cannot work on this run: {type(cause).__name__}: {cause}"
                ) from None
            except ray.exceptions.RayError:
                continue  # gone: its tasks go elsewhere
        return found


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
            **({"runtime_env": {"env_vars": _passed_on()}} if address else local),
        )


def _passed_on() -> dict[str, str]:
    """Of the environment what workers on other machines are to have as well: what bounds storage, and the kind of CPU that
    kernels are compiled for. Credentials are not among them."""
    return {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}


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
        if address:  # whose CPUs may come and go; `workers` bounds what is handed out
            yield RayEngine(workers, address.startswith("ray://"))
        else:
            total = int(ray.cluster_resources().get("CPU", 1))
            yield RayEngine(min(workers or total, total) * _IN_FLIGHT_PER_WORKER)
    finally:
        ray.shutdown()
