"""The host of an address: one definition for mixtures by domain, reports, and removal by domain.

What a takedown by domain reaches must be what the report counts under that domain. Knows the syntax of addresses (RFC
3986); knows no list, no column of the ledger and no run.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_AUTHORITY = r"^\s*[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#\\]*@)?(?P<host>\[[^\]/?#]*\]|[^/?#:\\]*)"
"""Scheme, user and host (RFC 3986, section 3.2); a host in brackets is an IPv6 address. The last `@` ends the user, and a
backslash ends the authority as a slash does (WHATWG URL, 4.4)."""
_WWW = "www."


def hosts(urls: pa.Array) -> pa.Array:
    """The host of each address (string or large_string) in lower case; null where there is none, and of a null.

    Without user, port, a leading `www.` and dots at its end. An internationalised name stays as it is written: `xn--`
    forms and their letters are two hosts.

    >>> hosts(pa.array(["https://me@WWW.Example.org.:8080/a", "no address"])).to_pylist()
    ['example.org', None]
    """
    found = pc.struct_field(pc.extract_regex(urls, _AUTHORITY), "host")
    found = pc.utf8_rtrim(pc.utf8_lower(found), ".")
    found = pc.if_else(pc.starts_with(found, _WWW), pc.utf8_slice_codeunits(found, len(_WWW)), found)
    return pc.if_else(pc.equal(found, ""), pa.scalar(None, found.type), found)


def host(url: str) -> str | None:
    """The host of one address; see hosts.

    >>> host("http://[2001:db8::1]:80/")
    '[2001:db8::1]'
    """
    found: str | None = hosts(pa.array([url.encode("utf-8", "replace").decode()], pa.string()))[0].as_py()
    return found


def domain_names(texts: pa.Array) -> pa.Array:
    """Domains as people write them (string or large_string), each as `domain_name` has it; nulls stay."""
    found = pc.utf8_rtrim(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), ".")
    return pc.if_else(pc.starts_with(found, _WWW), pc.utf8_slice_codeunits(found, len(_WWW)), found)


def domain_name(text: str) -> str:
    """A domain as people write it, as hosts are written: lower case, without `www.` and dots at its end.

    >>> domain_name(" WWW.Example.org. ")
    'example.org'
    """
    return text.strip().lower().rstrip(".").removeprefix(_WWW)
