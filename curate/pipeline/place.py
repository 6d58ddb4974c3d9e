"""Where a run works and publishes: a folder of this machine, or a folder in a bucket and its mirror here.

Knows locks, leases and commits; knows no stage and no file of a run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from curate.audit.places import forget_emptied
from curate.audit.removals import LIST, read_lists
from curate.config.models import Pipeline
from curate.engine.commit import Commit, sweep
from curate.engine.generation import BucketCommit, claim_address, sweep_generations
from curate.engine.lease import Lease, hold_address
from curate.engine.lock import hold
from curate.engine.mirror import (
    Mirror,
    forget_stale_work,
    here,
    put_progress,
    put_timings,
    run_address,
    sweep_results,
)
from curate.errors import StorageError
from curate.pipeline.publish import OF_A_RUN, claim
from curate.storage import output_path


@dataclass
class Place:
    """A place that a run has claimed. `folder` is where it works; `mirror` and `lease` are of one in a bucket."""

    folder: Path
    name: str
    """The pipeline's."""
    replace: bool
    mirror: Mirror | None = None
    lease: Lease | None = None
    _commit: Commit | None = None

    def commit(self) -> Commit:
        """What the run is published by, at the end."""
        if self.mirror is not None:
            assert self.lease is not None, "a run in a bucket publishes while it holds it"
            self._commit = BucketCommit(self.mirror, self.name, self.lease, OF_A_RUN)
        else:
            self._commit = Commit(self.folder, OF_A_RUN, take_over=self.replace)
        return self._commit

    @property
    def published(self) -> Path:
        """The run directory on this machine, once the run is published."""
        return self._commit.folder if self._commit is not None else self.folder


def claim_place(out: str | Path, pipeline: Pipeline, replace: bool) -> Place:
    """The place that `out` names, where this pipeline may run. Raises OutputError where it may not, DamagedError,
    PermissionError, StorageError."""
    address = run_address(out)
    if address is None:
        folder = output_path(out, "a run")
        claim(folder, pipeline.name, replace)
        return Place(folder, pipeline.name, replace)
    claim_address(address, pipeline.name, replace)
    mirror = Mirror.of(address)
    return Place(mirror.folder, pipeline.name, replace, mirror)


@contextmanager
def held(place: Place, pipeline: Pipeline, *, force_unlock: bool) -> Iterator[None]:
    """Hold a place for the length of the block; what killed processes left in it is swept first. Raises LockedError."""
    mirror = place.mirror
    called, instead = mirror.address if mirror is not None else "", ", or give --out another directory"
    with hold(place.folder, called, instead):
        sweep(place.folder)
        lists: list[str | Path] = [*pipeline.removals, place.folder / LIST]
        if mirror is None:
            forget_emptied(place.folder, read_lists(lists))
            yield
            return
        mirror.establish()
        beat = functools.partial(put_progress, mirror)
        with hold_address(mirror.address, mirror.folder, force=force_unlock, beat=beat) as lease:
            place.lease = lease
            sweep_results(mirror, lease.now)
            sweep_generations(mirror, lease.now)
            forget_stale_work(mirror)
            (place.folder / LIST).unlink(missing_ok=True)
            here(place.folder / LIST)
            forget_emptied(place.folder, read_lists(lists))
            try:
                yield
            finally:
                _tell(mirror)


def _tell(mirror: Mirror) -> None:
    """Put how long tasks took; where that fails, what went before it is told."""
    try:
        put_timings(mirror)
    except (StorageError, PermissionError):
        return
