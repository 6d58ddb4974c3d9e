"""Files of object stores, S3, Google Cloud Storage and Azure, by object_store's one client for all (the extra `cloud`).

Credentials come from where each cloud's own programs look; they stay in the client, which is made anew in each process from
an address and never sent anywhere. Knows keys and ranges; nothing of what the bytes mean.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, TypeVar

from curate.errors import StorageError
from curate.storage.patience import Fault, persist
from curate.storage.places import shown
from curate.storage.ranged import open_ranged

T = TypeVar("T")

SCHEMES = frozenset({"s3", "s3a", "gs", "az", "abfs", "abfss", "adl"})
"""Schemes of addresses that this client reads."""
_TIMEOUT = timedelta(minutes=2)
"""For a request with its body: a block of 8 MiB at 70 kB a second."""
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
"""What stores say of a bucket that is not there, where the client takes it for a fault."""
_ENDPOINTS = ("AWS_ENDPOINT_URL", "GOOGLE_SERVICE_ACCOUNT", "AZURITE_BLOB_STORAGE_URL")
"""Where else than at the cloud's own address a store may be told to be."""
_AWS_SETTINGS = ("AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE")


class ChangedError(StorageError):
    """An object that is not the one that was listed, or asked for before."""


def is_bucket(address: str) -> bool:
    """Whether an address is an object store's."""
    return address.partition("://")[0] in SCHEMES


def list_bucket(folder: str) -> list[tuple[str, int, str]]:
    """(address, size, mark) of every object below a folder, ordered by address; the mark changes with the content.

    Raises StorageError, PermissionError.
    """
    store, prefix = store_of(folder)
    begin = folder[: len(folder) - len(prefix)] if prefix else f"{folder.rstrip('/')}/"

    def ask() -> list[tuple[str, int, str]]:
        return [
            (begin + str(meta["path"]), int(meta["size"]), _mark(meta))
            for batch in store.list(prefix.rstrip("/") or None)
            for meta in batch
        ]

    return sorted(asked(folder, ask))


def describe_object(address: str) -> tuple[int, str]:
    """(size, mark) of an object. Raises FileNotFoundError, PermissionError, StorageError."""
    store, key = store_of(address)
    meta = asked(address, lambda: store.head(key))
    return int(meta["size"]), _mark(meta)


def open_object(address: str, size: int | None = None) -> IO[bytes]:
    """Open an object for reading, all of it as it is now: where it changes meanwhile, reading fails. `size` where it is
    known. Raises FileNotFoundError, PermissionError, StorageError."""
    store, key = store_of(address)
    meta = asked(address, lambda: store.head(key))
    now, mark = int(meta["size"]), meta.get("e_tag")
    if size is not None and size != now:
        raise ChangedError(f"{shown(address)} has {now:,} bytes, not {size:,}: it has changed since it was listed")

    def fetch(start: int, end: int) -> bytes:
        def ask() -> bytes:
            options: dict[str, Any] = {"range": (start, end)}
            if mark:
                options["if_match"] = mark
            data = bytes(store.get(key, options=options).bytes())
            if len(data) != end - start:
                raise Fault(f"{len(data):,} bytes came of {end - start:,}")
            return data

        return asked(address, ask)

    return open_ranged(now, fetch)


def read_object_range(address: str, start: int, end: int) -> bytes:
    """The bytes of an object from `start` up to `end`, fewer where it ends before. Raises FileNotFoundError,
    PermissionError, StorageError."""
    store, key = store_of(address)

    def ask() -> bytes:
        try:
            answer = store.get(key, options={"range": (start, end)})
        except Exception:
            if start >= int(store.head(key)["size"]):
                return b""
            raise
        data, wanted = bytes(answer.bytes()), min(end, int(answer.meta["size"])) - start
        if len(data) != wanted:
            raise Fault(f"{len(data):,} bytes came of {wanted:,}")
        return data

    return asked(address, ask)


def _mark(meta: Any) -> str:
    return f"ETag {meta['e_tag']}" if meta.get("e_tag") else f"Last-Modified {meta['last_modified'].isoformat()}"


def asked(address: str, ask: Callable[[], T], doing: str = "read", lane: str = "") -> T:
    """The answer of the client, whose faults are told apart: what may pass, and what is so. `doing` is what was tried, for
    people; `lane` names places among those that ask at once which long transfers do not take."""
    from obstore.exceptions import BaseError, PreconditionError

    def told() -> T:
        try:
            return ask()
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no {shown(address)}") from None
        except PermissionError:
            raise PermissionError(f"{shown(address)} may not be {doing} with the credentials there are") from None
        except PreconditionError:
            raise ChangedError(f"{shown(address)} has changed while it was read; run the same command again") from None
        except BaseError as error:
            if any(word in str(error) for word in _NO_BUCKET):
                raise FileNotFoundError(f"there is no bucket {'/'.join(shown(address).split('/')[:3])}") from None
            raise Fault(_words(error)) from None

    return persist(address, address.split("/")[2] + lane, told, doing)


def _words(error: Exception) -> str:
    """The kind of a client's error, and the status in it; its text repeats requests."""
    text = str(error)
    status = next((word for word in text.replace(":", " ").split() if word.isdigit() and len(word) == 3), "")
    return f"{type(error).__name__}{f' (status {status})' if status else ''}"


def store_of(address: str, tries: int = 0) -> tuple[Any, str]:
    """The client of an address's bucket, and the key in it; it asks again so many times by itself, of which a file that is
    sent in many pieces has need. Raises ImportError where the extra is not installed."""
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    told = tuple(os.environ.get(name, "") for name in _ENDPOINTS)
    return _store(f"{scheme}://{bucket}", told, os.getpid(), tries), key


@functools.lru_cache(maxsize=64)
def _store(bucket: str, endpoints: tuple[str, ...], process: int, tries: int) -> Any:
    """One client a bucket and process: its threads do not survive a fork."""
    from obstore.store import from_url

    options = _client_options(bucket, endpoints[0])
    more: dict[str, Any] = {}
    if bucket.startswith("s3") and not any(os.environ.get(name) for name in _AWS_SETTINGS):
        provider = _profile()
        if provider is not None:
            more["credential_provider"] = provider
    make: Any = from_url
    return make(bucket, client_options=options, retry_config={"max_retries": tries}, **more)


def _client_options(bucket: str, endpoint: str) -> dict[str, Any]:
    plain = endpoint.startswith("http://") and bucket.startswith("s3")
    plain |= bucket.startswith("gs") and os.environ.get("GOOGLE_ALLOW_HTTP", "").lower() == "true"
    return {"timeout": _TIMEOUT} | ({"allow_http": True} if plain else {})


def bucket_system(address: str) -> tuple[Any, str]:
    """(a file system as fsspec has them, the path in it) of an address, for what is written there by names of its own.

    It makes no conditional writes. Raises ImportError where the extra is not installed.
    """
    from obstore.fsspec import FsspecStore

    scheme, _, path = address.partition("://")
    options = _client_options(scheme, os.environ.get("AWS_ENDPOINT_URL", ""))
    make: Any = FsspecStore
    return make(scheme, client_options=options), path


def _profile() -> Any:
    """What gives the credentials of the user's AWS profile, where there is one and boto3 is installed to read it."""
    configured = os.environ.get("AWS_PROFILE") or any(
        (Path.home() / ".aws" / name).exists() for name in ("credentials", "config")
    )
    if not configured:
        return None
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        return None
    return Boto3CredentialProvider()
