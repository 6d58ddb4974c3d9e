"""IPv4 and IPv6 addresses and MAC addresses. Knows forms and the registries' reserved ranges only."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from curate.pii.spans import Looking, Match

_IPV4 = re.compile(rb"(?<![\w.])(?<!\d[-/])\d{1,3}(?:(\.|\[\.\]|\(\.\))\d{1,3})(?:\1\d{1,3}){2}(?![\w]|\.\d|-[A-Za-z])")
"""Full stops in brackets are how reports keep an address from being a link."""
_VERSION_BEFORE = re.compile(
    rb"(?i)(?:(?:(?<![a-z])(?:v|vers?|versions?|versione|release|rev|revision|build|firmware|kernel|driver|patch|update[ds]?|"
    rb"upgrade[ds]?|chapter|section|sect?|sec|clause|paragraph|para|table|figure|fig|article|rule|item|step)|\xc2\xa7)"
    rb"(?:[\s.:#\"']|\xc2\xa0){0,3}|[a-z][/\-_])$"
)
_VERSION_WORDS = 16  # bytes before an address in which such a word is looked for
_HEADING = re.compile(rb"(?:\A|\n)[ \t]*$")
_TITLE = re.compile(rb"\.?[ \t]+[A-Z]")
_LARGEST_SECTION = 31  # chapters, sections and their parts are numbered from 1
_VERSION_AFTER = re.compile(
    rb"(?i)[ \-]?(?:\(?(?:alpha|beta|rc|release|stable|build)\b|"
    rb"(?:or|and) (?:later|newer|higher|earlier|older|above|below|up)\b)"
)
_LARGEST_PART = 99  # of a version: few are released a hundred times without a larger number's change
_NAME_BEFORE = re.compile(rb"(?:^|[^\w])([A-Za-z][A-Za-z0-9_+#.\-]*)[ \t]{1,2}\(?$")
_NAME_WITHIN = 40  # bytes before an address in which a product's name is looked for
_OF_VERBS = (b"ed", b"ing")  # "named 1.1.1.1": what ends so is no product
_SAYS_ADDRESS = frozenset(
    b"""a address addresses addr against an and are as at attacker attackers ban banned be between block blocked bot bots
    by client clients connect connected connecting connection contact dns domain dst endpoint firewall for from gateway
    gateways had has have host hosts http https in interface into ip ipaddress ips ipv4 is isp log login machine mask
    nameserver nameservers netmask network node nodes of on only or origin peer peers ping pinged pinging ping. port proxy
    range remote resolver resolvers route router s server servers source src ssh subnet target than that the this through
    to traceroute tracert traffic trace until use used user using via visit visited vpn was were whois with
    adresse adressen an auf bei de del dem der desde di direccion do du e en et ist mit nach oder por sur und van vers vom
    von y zu zur""".split()
)
"""Words, in several languages, that stand before an address and not before a version: what it is, where from, where to."""

_IPV6 = re.compile(rb"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])")
_GROUPS = ipaddress.IPv4Network("224.0.0.0/16")  # IANA, IPv4 multicast: local and internetwork control
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA has allocated for the public internet (RFC 4291, 2.4)

_MAC = re.compile(
    rb"(?<![\w:\-])(?:[0-9A-Fa-f]{2}([:\-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|"
    rb"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w]|[:\-.][0-9A-Fa-f])"
)
_HEX_LETTER = re.compile(rb"[A-Fa-f]")
_DIGIT = re.compile(rb"[0-9]")
_MAC_WORD = re.compile(
    rb"(?i)(?<![a-z])(?:mac|mac.?addr\w*|ether|hwaddr|bssid|lladdr|bluetooth|wlan|wi-?fi|ethernet)(?![a-z])"
)
_MAC_WITHIN = 32  # bytes before decimal pairs in which such a word is looked for


def find_ipv4(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """IPv4 addresses in a stretch of digits; version, section and product numbers are none."""
    for match in _IPV4.finditer(document, start, min(end + 2, len(document))):
        plain = re.sub(rb"[\[\]()]", b"", match.group())
        address = ipaddress_of(plain)
        if address is None or not (is_public(address) or "reserved_ip" in looking.options):
            continue
        if "versions" in looking.options or not _is_version(document, match.start(), match.end(), plain):
            yield Match(match.start(), match.end(), "IP_ADDRESS")


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether a machine on the public internet can have the address; those of groups that documentation names, none has."""
    return address.is_global and address not in _GROUPS


def ipaddress_of(written: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address written so, or None."""
    try:
        return ipaddress.ip_address(written.decode())
    except ValueError:
        return None


def _is_version(document: bytes, start: int, end: int, plain: bytes) -> bool:
    """Whether a word before or after, or a heading, says that the numbers are a version's or a section's.

    Any noun before four small numbers is taken for a product's name, unless it says that an address follows.
    """
    before = document[max(0, start - _VERSION_WORDS) : start]
    if _VERSION_BEFORE.search(before) or _VERSION_AFTER.match(document, end):
        return True
    parts = [int(part) for part in plain.split(b".")]
    if max(parts) <= _LARGEST_SECTION and _HEADING.search(before) and _TITLE.match(document, end):
        return True
    if max(parts[1:]) > _LARGEST_PART or (parts[0] > _LARGEST_PART and parts[1] > 0):
        return False
    name = _NAME_BEFORE.search(document[max(0, start - _NAME_WITHIN) : start])
    if name is None:
        return False
    word = name.group(1).lower().rstrip(b".")
    return word not in _SAYS_ADDRESS and not word.endswith(_OF_VERBS)


def find_macs(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """MAC addresses in a stretch of hexadecimal digits; without a letter only where a word says what they are."""
    for match in _MAC.finditer(document, start, min(end + 2, len(document))):
        digits = re.sub(rb"[:\-.]", b"", match.group()).upper()
        if not _HEX_LETTER.search(digits) and not (
            b":" in match.group() and _MAC_WORD.search(document[max(0, match.start() - _MAC_WITHIN) : match.start()])
        ):
            continue  # six pairs of decimal digits are some other number
        if b"." in match.group() and not _DIGIT.search(digits):
            continue  # words
        if digits not in (b"0" * 12, b"F" * 12):  # nobody's, and everybody's
            yield Match(match.start(), match.end(), "MAC_ADDRESS")


def find_ipv6(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """IPv6 addresses in a stretch of hexadecimal digits."""
    for match in _IPV6.finditer(document, start, min(end + 16, len(document))):
        address = ipaddress_of(match.group())
        if not isinstance(address, ipaddress.IPv6Address):
            continue
        if (is_public(address) and address in _UNICAST) or (
            "reserved_ip" in looking.options and _is_long(match.group())
        ):
            yield Match(match.start(), match.end(), "IP_ADDRESS")


def _is_long(written: bytes) -> bool:
    """Whether an address is more than the `::` and one or two short groups that programs are full of."""
    return len(written) > 6 and any(byte in b"0123456789" for byte in written)
