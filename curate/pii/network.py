"""IPv4 and IPv6 addresses and MAC addresses. Knows forms and the registries' reserved ranges only."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from curate.pii.spans import Detection, Match

_IPV4 = re.compile(rb"(?<![\w.])(?<!\d[-/])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d|-[A-Za-z])")
_VERSION_BEFORE = re.compile(
    rb"(?i)(?:(?:(?<![a-z])(?:v|vers?|versions?|versione|release|rev|revision|build|firmware|kernel|driver|patch|update[ds]?|"
    rb"upgrade[ds]?|chapter|section|sect?|sec|clause|paragraph|para|table|figure|fig|article|rule|item|step)|\xc2\xa7)"
    rb"(?:[\s.:#\"']|\xc2\xa0){0,3}|[a-z][/\-_])$"
)
_VERSION_WORDS = 16  # bytes before an address in which such a word is looked for
_HEADING = re.compile(rb"(?:\A|\n)[ \t]*$")
_TITLE = re.compile(rb"\.?[ \t]+[A-Z]")
_LARGEST_SECTION = 31  # chapters, sections and their parts are numbered from 1

_IPV6 = re.compile(rb"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])")
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA has allocated for the public internet (RFC 4291, 2.4)

_MAC = re.compile(
    rb"(?<![\w:\-])(?:[0-9A-Fa-f]{2}([:\-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|"
    rb"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w]|[:\-.][0-9A-Fa-f])"
)
_HEX_LETTER = re.compile(rb"[A-Fa-f]")


def find_ipv4(document: bytes, start: int, end: int, detection: Detection) -> Iterator[Match]:
    """IPv4 addresses in a stretch of digits; version, section and product numbers are none."""
    for match in _IPV4.finditer(document, start, min(end + 2, len(document))):
        address = ipaddress_of(match.group())
        if address is None or not (address.is_global or "reserved_ip" in detection.options):
            continue
        if "versions" in detection.options or not _is_version(document, match.start(), match.end()):
            yield Match(match.start(), match.end(), "IP_ADDRESS")


def ipaddress_of(written: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address written so, or None."""
    try:
        return ipaddress.ip_address(written.decode())
    except ValueError:
        return None


def _is_version(document: bytes, start: int, end: int) -> bool:
    before = document[max(0, start - _VERSION_WORDS) : start]
    if _VERSION_BEFORE.search(before):
        return True
    small = all(int(part) <= _LARGEST_SECTION for part in document[start:end].split(b"."))
    return small and bool(_HEADING.search(before)) and bool(_TITLE.match(document, end))


def find_hexadecimal(document: bytes, start: int, end: int, detection: Detection) -> Iterator[Match]:
    """MAC and IPv6 addresses in a stretch of hexadecimal digits."""
    for match in _MAC.finditer(document, start, min(end + 2, len(document))):
        digits = re.sub(rb"[:\-.]", b"", match.group()).upper()
        if b":" not in match.group() and not _HEX_LETTER.search(digits):
            continue  # twelve decimal digits with hyphens or full stops are some other number
        if digits not in (b"0" * 12, b"F" * 12):  # nobody's, and everybody's
            yield Match(match.start(), match.end(), "MAC_ADDRESS")
    for match in _IPV6.finditer(document, start, min(end + 16, len(document))):
        address = ipaddress_of(match.group())
        if not isinstance(address, ipaddress.IPv6Address):
            continue
        if (address.is_global and address in _UNICAST) or (
            "reserved_ip" in detection.options and _is_long(match.group())
        ):
            yield Match(match.start(), match.end(), "IP_ADDRESS")


def _is_long(written: bytes) -> bool:
    """Whether an address is more than the `::` and one or two short groups that programs are full of."""
    return len(written) > 6 and any(byte in b"0123456789" for byte in written)
