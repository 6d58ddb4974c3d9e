"""Files of web servers, read whole or not at all.

What a server says of a file is believed once it marks its content (ETag) and counts it (Content-Range), else when two
answers agree. Reading is by ranges; a body that ends early is asked for again from where it ended, and one of another length
or mark than the file's is no part of it. A server that gives no ranges is read to the end into a temporary file. Knows
addresses and answers; knows nothing of what the bytes mean.
"""

from __future__ import annotations

import email.utils
import functools
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast
from urllib.parse import urlsplit

import urllib3

from curate.errors import ConfigError, StorageError
from curate.storage.patience import Fault, patience, persist
from curate.storage.places import shown
from curate.storage.ranged import open_ranged

_CONNECT = 10.0
"""Seconds that a connection may take."""
_REDIRECTS = 10
_PIECE = 1 << 16
_ENDS = 1 << 16
"""Bytes at either end of a file that name its content where the server does not."""
_TOLD = 200
"""Characters of a refusal's body that are repeated: it may say whom to ask."""
_PASSING = frozenset({403, 408, 409, 425, 429})
"""Statuses beside 5xx that may pass. Common Crawl answers 403 and 429 to those who ask too fast."""
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)")
_MARKS = ("ETag", "Content-MD5", "Digest", "x-goog-hash", "Last-Modified")


@dataclass(frozen=True)
class Said:
    """What a server says of a file: its size (None: nothing), what marks its content, whether it gives ranges."""

    size: int | None
    mark: str
    ranges: bool


def describe(address: str) -> Said:
    """What a server says of a file, size and mark in any case: where it says neither, the file is read to its end.

    Raises FileNotFoundError, PermissionError, StorageError.
    """
    said = _agreed(address)
    if said.size is None or (not said.ranges and not said.mark):
        with _download(address, said) as file:
            return Said(file.seek(0, os.SEEK_END), said.mark or _digest(file), said.ranges)
    if said.mark:
        return said
    head = fetch(address, 0, min(_ENDS, said.size), said)
    tail = fetch(address, max(0, said.size - _ENDS), said.size, said)
    return Said(said.size, f"ends-{hashlib.sha256(head + tail).hexdigest()}", said.ranges)


def open_http(address: str, size: int | None = None) -> IO[bytes]:
    """Open a file for reading; `size` where it is known. Raises FileNotFoundError, PermissionError, StorageError, the latter
    also while it is read."""
    said = _agreed(address, size)
    if size is not None and said.size not in (None, size):
        raise _changed(address, f"{said.size:,} bytes, not {size:,}")
    if said.size is None or not said.ranges:
        return _download(address, said if size is None else Said(size, said.mark, False))
    return open_ranged(said.size, lambda start, end: fetch(address, start, end, said))


def read_http(address: str, start: int, end: int) -> bytes:
    """The bytes of a file from `start` up to `end` in one request, fewer where it ends before. Raises FileNotFoundError,
    PermissionError, StorageError."""

    def ask() -> bytes:
        with _answer(address, f"bytes={start}-{end - 1}") as response:
            if response.status == 416:
                return b""
            if response.status == 200:
                raise Fault("a range was asked for, and the answer is the whole file")
            _check_range(response, start, Said(None, "", True))
            total = _CONTENT_RANGE.fullmatch(response.headers["Content-Range"])[3]  # type: ignore[index]
            wanted = (end if total == "*" else min(end, int(total))) - start
            data = b"".join(_pieces(response))
        if len(data) != wanted:
            raise Fault(f"{len(data):,} bytes came of {wanted:,}")
        return data

    return persist(address, _host(address), ask)


def fetch(address: str, start: int, end: int, said: Said) -> bytes:
    """The bytes of a file from `start` up to `end`, all of them, whatever pieces they come in. Raises StorageError."""
    got = bytearray()

    def ask() -> bytes:
        before = len(got)
        first = start + before
        if first == end:
            return bytes(got)
        with _answer(address, f"bytes={first}-{end - 1}") as response:
            if response.status == 206:
                _check_range(response, first, said)
            elif response.status != 200 or first:
                raise Fault("a range was asked for, and the answer is another")
            _check_mark(response, said)
            try:
                for piece in _pieces(response):
                    got.extend(piece[: end - start - len(got)])
                    if len(got) == end - start:
                        return bytes(got)
            except Fault as fault:
                raise Fault(str(fault), got=len(got) - before) from None
        raise Fault(f"the answer ended {end - start - len(got):,} bytes too early", got=len(got) - before)

    return persist(address, _host(address), ask)


def _agreed(address: str, size: int | None = None) -> Said:
    """What is to be believed of what a server says: one answer that marks and counts, or is as expected, else two that
    agree."""
    last: list[Said] = []

    def ask() -> Said:
        said = _learn(address)
        if (said.ranges and said.mark.startswith("ETag") and size is None) or (size is not None and said.size == size):
            return said
        if last and last[-1] == said:
            return said
        last.append(said)
        if len(last) > 1:
            raise Fault(f"it says another thing each time: {last[-2]}, then {said}")
        return ask()

    return persist(address, _host(address), ask)


def _learn(address: str) -> Said:
    with _answer(address, "bytes=0-0") as response:
        mark = next((f"{name} {response.headers[name]}" for name in _MARKS if response.headers.get(name)), "")
        ranged = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status in (206, 416) and ranged and ranged[3] != "*":
            return Said(int(ranged[3]), mark, True)
        if response.status == 416:
            return Said(None, mark, False)
        length = response.headers.get("Content-Length", "")
        coded = response.headers.get("Transfer-Encoding") or response.headers.get("Content-Encoding")
        known = response.status == 200 and length.isdigit() and not coded
        return Said(int(length) if known else None, mark, False)


def _download(address: str, said: Said) -> IO[bytes]:
    """The whole file, in a temporary one. Where nothing marks its end, it is read until two readings agree."""
    file = cast("IO[bytes]", tempfile.TemporaryFile(prefix="curate-"))  # noqa: SIM115 (the caller closes it)
    seen: list[str] = []

    def ask() -> IO[bytes]:
        held = file.seek(0, os.SEEK_END)
        if not said.mark:  # nothing says that the rest will be of the same file
            held = 0
        file.seek(held)
        file.truncate()
        with _answer(address) as response:
            if response.status != 200:
                raise Fault(f"status {response.status}")
            _check_mark(response, said)
            skipped, came = held, 0
            try:
                for piece in _pieces(response):
                    came += len(piece)
                    file.write(piece[min(skipped, len(piece)) :])
                    skipped -= min(skipped, len(piece))
            except Fault as fault:
                raise Fault(str(fault), got=came - held) from None
            chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        written = file.tell()
        if said.size is not None and written != said.size:
            if written > said.size:
                file.truncate(0)
            raise Fault(f"{written:,} bytes came of {said.size:,}", got=came - held)
        if said.size is None and not chunked:
            seen.append(_digest(file))
            if len(seen) < 2 or seen[-1] != seen[-2]:
                file.truncate(0)
                raise Fault("no two readings of it agree, and nothing marks its end")
        file.seek(0)
        return file

    try:
        return persist(address, _host(address), ask)
    except BaseException:
        file.close()
        raise


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
    return f"sha256-{digest}"


@contextmanager
def _answer(address: str, range: str | None = None) -> Iterator[urllib3.BaseHTTPResponse]:
    """A server's answer, its body unread. Raises Fault, FileNotFoundError, PermissionError, StorageError."""
    given = patience()
    headers = {"User-Agent": _user_agent(), "Accept-Encoding": "identity", **_credentials(address)}
    if range is not None:
        headers["Range"] = range
    try:
        response = _connections(given.at_once).request(
            "GET",
            address,
            headers=headers,
            preload_content=False,
            timeout=urllib3.Timeout(connect=min(_CONNECT, given.stall), read=given.stall),
            retries=urllib3.Retry(connect=0, read=0, status=0, other=0, redirect=_REDIRECTS, raise_on_status=False,
                                  respect_retry_after_header=False),
        )  # fmt: skip
    except urllib3.exceptions.HTTPError as error:
        raise Fault(_words(error)) from None
    whole = False
    try:
        _check_status(address, response)
        yield response
        whole = response._fp is None or getattr(response._fp, "closed", True)  # type: ignore[attr-defined]
    finally:
        if whole:
            response.release_conn()
        else:
            response.close()


def _check_status(address: str, response: urllib3.BaseHTTPResponse) -> None:
    status = response.status
    if status in (200, 206, 416):
        return
    if status in (404, 410):
        raise FileNotFoundError(f"there is no {shown(address)} (status {status})")
    said = _told(response)
    if status == 401:
        raise PermissionError(f"{shown(address)} needs credentials (status 401){said}")
    if status in _PASSING or status >= 500:
        raise Fault(f"status {status}{said}", _retry_after(response.headers.get("Retry-After", "")))
    raise StorageError(f"{shown(address)} cannot be read: status {status}{said}")


def _told(response: urllib3.BaseHTTPResponse) -> str:
    """What a refusal says in words, printable and short."""
    try:
        text = response.read(_PIECE, decode_content=False).decode("utf-8", "replace")
    except (urllib3.exceptions.HTTPError, OSError):
        return ""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in re.sub(r"<[^>]*>", " ", text)).split())
    return f": {words[:_TOLD]}" if words else ""


def _pieces(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(_PIECE, decode_content=False):
            yield piece
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Fault(_words(error)) from None


def _words(error: Exception) -> str:
    """What went wrong, without the address that libraries repeat."""
    kinds = {
        "ReadTimeoutError": "nothing came for a while",
        "ConnectTimeoutError": "no connection was made in time",
        "NewConnectionError": "no connection could be made",
        "NameResolutionError": "the host's name is not known",
        "ProtocolError": "the connection was cut",
        "IncompleteRead": "the connection was cut",
        "SSLError": "no secure connection could be made",
    }
    reason = getattr(error, "reason", None)
    cause = reason if isinstance(reason, Exception) else error
    return kinds.get(type(cause).__name__, f"the connection broke ({type(cause).__name__})")


def _check_range(response: urllib3.BaseHTTPResponse, first: int, said: Said) -> None:
    ranged = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if ranged is None or ranged[1] is None or int(ranged[1]) != first:
        raise Fault("the answer is of another range than was asked for")
    if ranged[3] != "*" and said.size is not None and int(ranged[3]) != said.size:
        raise Fault(f"the file has {int(ranged[3]):,} bytes, and had {said.size:,}: has it changed?")


def _check_mark(response: urllib3.BaseHTTPResponse, said: Said) -> None:
    name, _, value = said.mark.partition(" ")
    now = response.headers.get(name) if name in _MARKS else None
    if now is not None and now != value:
        raise Fault(f"the file's {name} is another than before: has it changed?")


def _changed(address: str, how: str) -> StorageError:
    return StorageError(f"{shown(address)} has {how}: it has changed since it was listed; run the same command again")


def _retry_after(text: str) -> float:
    """Seconds that a header asks to wait: a number, or a date."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _host(address: str) -> str:
    pieces = urlsplit(address)
    if pieces.username is not None or pieces.password is not None:
        raise ConfigError(f"{shown(address)}: a name and a password do not belong in an address, which runs write down")
    return pieces.netloc.lower()


@functools.cache
def _user_agent() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"curate/{version('curate-data')}"
    except PackageNotFoundError:
        return "curate"


def _credentials(address: str) -> dict[str, str]:
    """What the Hub is told of who asks, by its own library; no other host is told anything."""
    if not address.startswith(f"{hub_endpoint()}/"):
        return {}
    try:
        from huggingface_hub import get_token
    except ImportError:
        return {}
    token = get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def hub_endpoint() -> str:
    """Where Hugging Face's Hub is asked: HF_ENDPOINT, which its own library knows too."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


@functools.lru_cache(maxsize=2)
def _connections(at_once: int) -> urllib3.PoolManager:
    return urllib3.PoolManager(num_pools=32, maxsize=at_once)
