"""Addresses in one normal form, so that two spellings of one place are equal. Knows addresses; opens none."""

import hashlib
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, section 2.3
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
# Parameters that name the click, not the page: Google Analytics' campaign parameters and click identifiers of
# Google, Microsoft, Meta.
_TRACKING = re.compile(r"(utm_[a-z_]+|gclid|gclsrc|dclid|msclkid|fbclid)(=|$)", re.IGNORECASE)


def _unescape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def normal_address(address: str) -> str:
    """The address without scheme, credentials, `www.`, default port, fragment, tracking parameters and final slashes.

    The host is lower-cased and percent-encoding is normalised (RFC 3986, section 6.2.2); what cannot be parsed is only
    stripped of white space.
    """
    address = address.strip()
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return address
    host = (parts.hostname or "").removeprefix("www.").rstrip(".")
    if not host:
        return address
    place = host if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{port}"
    path = _ESCAPE.sub(_unescape, parts.path).rstrip("/")
    query = "&".join(piece for piece in parts.query.split("&") if piece and not _TRACKING.match(piece))
    return f"{place}{path}?{_ESCAPE.sub(_unescape, query)}" if query else place + path


def hash_addresses(addresses: Sequence[str | None]) -> NDArray[np.uint64]:
    """(addresses, 2) uint64: a 128-bit hash of each normalised address; zeros where there is none."""
    digests = [
        hashlib.blake2b(normal_address(address).encode("utf-8", "replace"), digest_size=16).digest()
        if address and address.strip()
        else bytes(16)
        for address in addresses
    ]
    return np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
