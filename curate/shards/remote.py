"""Shards at an address (S3, GCS, HTTPS): brought here whole, ahead of use, checked, and let go. Knows files only."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from curate.shards.entry import ShardEntry, ShardError
from curate.storage import atomic_path, digest_file, open_binary, private_folder

_KEPT = 4  # shards on disk at once: the one in use, its neighbour, the next, and one on its way
_CHUNK = 8 << 20


class RemoteShards:
    """The shards of one remote folder, in a cache folder on this machine (`CURATE_CACHE_DIR`, else the temporary one)."""

    def __init__(self, folder: str, fingerprint: str) -> None:
        self._folder = folder
        given = os.environ.get("CURATE_CACHE_DIR")
        root = Path(given) / "curate-shards" if given else Path(tempfile.gettempdir()) / f"curate-shards-{os.getuid()}"
        self._cache = private_folder(root) / f"{fingerprint}-{os.getpid()}"
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="shards")
        self._coming: OrderedDict[str, Future[Path]] = OrderedDict()
        self._lock = threading.Lock()

    def fetch_ahead(self, entry: ShardEntry) -> None:
        """Begin to fetch a shard unless it is here or coming; the one used longest ago goes when there are too many."""
        with self._lock:
            if entry.file in self._coming:
                self._coming.move_to_end(entry.file)
                return
            self._coming[entry.file] = self._pool.submit(self._fetch, entry)
            if len(self._coming) > _KEPT:
                _, oldest = self._coming.popitem(last=False)
                oldest.add_done_callback(_remove)

    def path(self, entry: ShardEntry) -> str:
        """The shard's path on this machine, once it is here. Raises ShardError where it is not what the manifest lists."""
        self.fetch_ahead(entry)
        with self._lock:
            coming = self._coming[entry.file]
        return str(coming.result())

    def _fetch(self, entry: ShardEntry) -> Path:
        path = self._cache / entry.file
        address = f"{self._folder}/{entry.file}"
        with atomic_path(path) as temporary:
            with open_binary(address) as source, open(temporary, "wb") as target:
                left = entry.bytes
                while left >= 0 and (chunk := source.read(_CHUNK)):
                    left -= len(chunk)  # no more than the manifest lists is taken in, whatever is sent
                    target.write(chunk[: max(0, left + len(chunk))])
            if left != 0 or digest_file(temporary) != entry.sha256:
                raise ShardError(f"{address} has another SHA-256 than the manifest lists; copy it there again")
        return path


def _remove(done: Future[Path]) -> None:
    if not done.exception():
        done.result().unlink(missing_ok=True)  # who has it mapped keeps it until it lets go
