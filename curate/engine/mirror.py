"""A run directory in a bucket, and the folder of this machine that mirrors what is touched of it.

Below the run's address lie

    current.json                              which generation is published: the pointer
    published/GENERATION/                     a published run, laid out as on a disk, and its listing
    .work/STAGE.FINGERPRINT/KEY.json          manifests of committed tasks
    .work/STAGE.FINGERPRINT/KEY.SHA256.NAME   what they wrote; the name carries the content's hash (16 digits of it)
    timings/, .lease.json                     how long tasks took; who holds the run

A generation is named by the hash of its listing, so every name stands for one content, whoever writes it. Mirrors lie in
the cache folder, or in CURATE_MIRROR_DIR, each with a mark that says whose it is: a file that is not there is brought
when it is asked for, and its checksum compared. Knows names and checksums; knows no task and no content.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.engine.listing import LISTING, DamagedError, read_listing
from curate.engine.lock import is_held
from curate.engine.pointer import DIGITS, PUBLISHED, generation_of, is_hash, read_pointer, run_above
from curate.engine.seal import sealed, unsealed
from curate.engine.task import entries_now
from curate.errors import ConfigError
from curate.storage import OutputError, bucket_folder, is_bucket, is_safe_name, locate, shown, write_atomically
from curate.storage.objects import (
    LOCK_LANE,
    Listed,
    delete_objects,
    fetch_object,
    list_level,
    list_objects,
    put_bytes,
    read_object,
)
from curate.storage.patience import patience
from curate.text.caching import cache_folder

WORK = ".work"
TIMINGS = "timings"
MARK = ".bucket.json"
"""In a folder of this machine: of which run in a bucket it holds files."""
VARIABLE = "CURATE_MIRROR_DIR"
"""The variable that names the folder of mirrors: a large disk, or one that a cluster's machines share."""
EMPTIED_MARK = ".emptied.json"
"""Beside a run: which documents were taken out of `.work` since it was written, and for which entries of lists."""
_DEPTH = 5
"""Folders between a file of a mirror and its mark, at most: documents/STEP/, .work/STAGE.FINGERPRINT/, mixes/NAME/."""


def run_address(place: str | Path) -> str | None:
    """The address of a run in a bucket; None for a path of this machine. Raises OutputError where runs do not lie there:
    only object stores take the conditional writes by which two runs are kept apart."""
    found = locate(place)
    if isinstance(found, Path):
        return None
    if is_bucket(found):
        return bucket_folder(found)
    raise OutputError(
        f"a run directory cannot lie at {shown(found)}: give a folder of this machine, or a bucket's (s3://, gs://, az://)"
    )


@dataclass(frozen=True)
class Mirror:
    """The run at an address, and the folder of this machine that mirrors it. `generation` is the published one that it
    holds files of, empty for the folder that a run works in."""

    address: str
    folder: Path
    generation: str = ""

    @staticmethod
    def of(address: str) -> Mirror:
        """The folder that a run at an address works in on this machine."""
        digest = hashlib.sha256(f"{os.environ.get('AWS_ENDPOINT_URL', '')} {address}".encode()).hexdigest()
        given = os.environ.get(VARIABLE)
        if given and not os.path.isabs(given):
            raise ConfigError(f"{VARIABLE}={given}: write an absolute path")
        return Mirror(address, (Path(given) if given else cache_folder("runs")) / digest[:DIGITS])

    def establish(self) -> None:
        """Make the folder with its mark, where they are not there."""
        if not (self.folder / MARK).exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / MARK, sealed({"address": self.address, "generation": self.generation}))

    def object(self, name: str) -> str:
        """The address of a file by its name in the run's bucket."""
        return f"{self.address}/{name}"

    def result(self, stage: str, key: str, name: str, sha256: str) -> str:
        """The address of what a task wrote: its folder and key, the file's name and hash."""
        return self.object(f"{WORK}/{stage}/{key}.{sha256[:DIGITS]}.{name}")

    def bring(self, path: Path) -> None:
        """Bring a file of the folder from the bucket, if it is there. Raises DamagedError where it is not what was
        written, PermissionError, StorageError."""
        pieces = path.relative_to(self.folder).parts
        with contextlib.suppress(FileNotFoundError):
            if pieces[0] == WORK and len(pieces) == 3:
                self._bring_result(path, pieces[1], *pieces[2].split(".", 1))
            elif self.generation and pieces[0] != WORK:
                self._bring_published(path, "/".join(pieces))
            elif not self.generation and len(pieces) == 1 and read_pointer(self.address) is not None:
                published = here(open_mirror(self.address) / pieces[0])
                if published.exists():  # a run reads a file of the one before: the list of removals
                    write_atomically(path, published.read_bytes())

    def _bring_result(self, path: Path, stage: str, key: str, name: str = "") -> None:
        if name == "json":
            found = read_object(self.object(f"{WORK}/{stage}/{path.name}"))
            if found is not None:
                _unsealed(found[0], f"{self.address}/{WORK}/{stage}/{path.name}", self.address)
                write_atomically(path, found[0])
            return
        manifest = path.with_name(f"{key}.json")
        if here(manifest).exists():
            entry = entries_now(unsealed(manifest.read_bytes())).get(name)
            if entry is not None:
                self._fetch(self.result(stage, key, name, entry["sha256"]), path, entry, manifest)

    def _bring_published(self, path: Path, name: str) -> None:
        listed = (read_listing(self.folder) or {}).get(name)
        if listed is not None:
            address = self.object(f"{PUBLISHED}/{self.generation}/{name}")
            self._fetch(address, path, vars(listed), self.folder / LISTING)

    def _fetch(self, address: str, path: Path, entry: Any, like: Path) -> None:
        fault = fetch_object(address, path, int(entry["bytes"]), str(entry["sha256"]), like)
        if fault is not None:
            raise DamagedError(
                f"{shown(address)} {fault}: `curate verify {self.address} --repair` restores what it can"
            )


def _unsealed(data: bytes, address: str, run: str) -> dict[str, Any]:
    try:
        return unsealed(data)
    except ValueError as error:
        raise DamagedError(
            f"{shown(address)} is damaged ({error}): `curate verify {run} --repair` tells more"
        ) from None


def mirror_of(path: Path) -> Mirror | None:
    """The mirror that a path lies in; None where it lies in none."""
    for folder in [path, *path.parents][:_DEPTH]:
        try:
            mark = unsealed((folder / MARK).read_bytes())
            return Mirror(str(mark["address"]), folder, str(mark["generation"]))
        except (OSError, ValueError, KeyError):
            continue
    return None


def here(path: str | Path) -> Path:
    """A file's path; where it lies in a mirror and was not brought yet, it is now. One that is nowhere stays missing.

    Raises DamagedError, PermissionError, StorageError.
    """
    path = Path(path)
    if not path.exists():
        mirror = mirror_of(path.parent)
        if mirror is not None:
            mirror.bring(path)
    return path


def all_here(paths: Iterable[str | Path]) -> list[Path]:
    """The paths of files, several brought at once where they are missing."""
    found = [Path(path) for path in paths]
    missing = [path for path in found if not path.exists()]
    if missing and mirror_of(missing[0].parent) is not None:
        with ThreadPoolExecutor(patience().at_once, thread_name_prefix="mirror") as pool:
            list(pool.map(here, missing))
    return found


def place_of(folder: Path) -> str:
    """A run directory as people call it: the address of one in a bucket, else the path."""
    mirror = mirror_of(folder)
    return mirror.address if mirror is not None else str(folder)


def open_mirror(address: str) -> Path:
    """The folder of this machine that mirrors what is published at an address: a run directory whose files are brought when
    they are asked for. Raises FileNotFoundError where nothing is published, DamagedError, PermissionError, StorageError."""
    pointer = read_pointer(address)
    if pointer is None:
        raise FileNotFoundError(f"{address} holds no finished run: `curate status {address}` says how far one is")
    root = Mirror.of(address)
    folder = root.folder / pointer.generation
    if not (folder / LISTING).exists():
        name = f"{PUBLISHED}/{pointer.generation}/{LISTING}"
        found = read_object(root.object(name))
        if found is None or generation_of(found[0]) != pointer.generation:
            raise DamagedError(
                f"{root.object(name)} is {'damaged' if found else 'missing'}: run the same command again"
            )
        _bring_timings(root)
        make_generation(root, pointer.generation, found[0])
    if not is_held(root.folder):
        forget_stale_work(root)
    forget_generations(root.folder, {pointer.generation, pointer.before})
    return folder


def mirrored(place: str | Path) -> str | Path:
    """A place as it can be opened: of what lies in a published run in a bucket, or is one, the path of its mirror here;
    any other as it is."""
    found = locate(place)
    if isinstance(found, Path) or not is_bucket(found):
        return place
    above = run_above(found)
    return open_mirror(above[0]) / above[2] if above is not None else place


def make_generation(root: Mirror, generation: str, listing: bytes) -> Path:
    """The folder of this machine for files of a generation: its mark, its listing, and ways to what generations share."""
    mirror = Mirror(root.address, root.folder / generation, generation)
    root.establish()
    mirror.establish()
    for shared in (WORK, TIMINGS):
        (root.folder / shared).mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (mirror.folder / shared).symlink_to(Path("..") / shared)
    write_atomically(mirror.folder / LISTING, listing)
    return mirror.folder


def forget_generations(root: Path, wanted: set[str]) -> None:
    """Remove what was brought of generations that are published no more."""
    for folder in root.iterdir():
        if is_hash(folder.name) and folder.name not in wanted:
            shutil.rmtree(folder, ignore_errors=True)


def forget_stale_work(root: Mirror) -> None:
    """Remove the results of tasks that are mirrored here where documents were taken out of those in the bucket since: they
    are brought again, without these, when they are asked for."""
    found = read_object(root.object(EMPTIED_MARK))
    there, kept = found[0] if found is not None else b"", root.folder / EMPTIED_MARK
    if there != (kept.read_bytes() if kept.exists() else b""):
        shutil.rmtree(root.folder / WORK, ignore_errors=True)
        (root.folder / WORK).mkdir(parents=True, exist_ok=True)
        write_atomically(kept, there)


def _bring_timings(root: Mirror) -> None:
    """Bring how long tasks took, unless a run is at it here."""
    root.establish()
    if is_held(root.folder):
        return
    for each in list_objects(root.object(TIMINGS)):
        if is_safe_name(each.name):
            found = read_object(root.object(f"{TIMINGS}/{each.name}"))
            if found is not None:
                write_atomically(root.folder / TIMINGS / each.name, found[0])


def put_timings(mirror: Mirror) -> None:
    """Put how long tasks took beside the run; nothing depends on it."""
    for path in sorted((mirror.folder / TIMINGS).glob("[!.]*.json*")):
        put_bytes(mirror.object(f"{TIMINGS}/{path.name}"), path.read_bytes())


def put_progress(mirror: Mirror) -> None:
    """Put how far the run is, without waiting for long transfers."""
    path = mirror.folder / TIMINGS / "progress.json"
    if path.exists():
        put_bytes(mirror.object(f"{TIMINGS}/{path.name}"), path.read_bytes(), LOCK_LANE)


def sweep_results(mirror: Mirror, now: float) -> int:
    """Delete what attempts that died left in the bucket's work folder: files of no manifest, a day old by the store's clock.
    Returns how many. The caller holds the run."""
    swept = 0
    for folder in (each.rstrip("/") for each in list_level(mirror.object(WORK)) if each.endswith("/")):
        found = list_objects(mirror.object(f"{WORK}/{folder}"))
        done = {each.name.removesuffix(".json") for each in found if each.name.endswith(".json")}
        dead = [each.name for each in found if is_hash(folder.rpartition(".")[2]) and _is_dead(each, done, now)]
        delete_objects(mirror.object(f"{WORK}/{folder}"), dead)
        swept += len(dead)
    return swept


_SETTLED = 86_400.0
"""Seconds after which no worker of an earlier run still writes the manifest of what it put."""


def _is_dead(each: Listed, done: set[str], now: float) -> bool:
    pieces = each.name.split(".", 2)
    ours = len(pieces) == 3 and all(map(is_hash, pieces[:2]))
    return ours and pieces[0] not in done and now - each.written > _SETTLED


def read_progress_of(address: str) -> dict[str, Any] | None:
    """How far the run at an address was when it last said so; None where none was ever started there."""
    found = read_object(f"{address}/{TIMINGS}/progress.json")
    return None if found is None else json.loads(found[0])
