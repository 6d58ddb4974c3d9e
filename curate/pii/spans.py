"""Kinds of personal data and where they were found. Knows names only; finds nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

TYPES = ("EMAIL", "PHONE", "IP_ADDRESS", "MAC_ADDRESS", "CREDIT_CARD", "IBAN", "SSN", "API_KEY", "CRYPTO")
"""Every kind that is looked for. Names of people and street addresses are not among them."""

REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU", "CA", "BR", "JP")
"""Regions (ISO 3166) whose national phone numbers are looked for unless others are named."""

OPTIONS = {
    "reserved_ip": "also addresses that no machine on the public internet has: private, reserved, for documentation",
    "ssn_9xx": "also numbers that begin with 9 and were never issued as an ITIN",
    "card_without_luhn": "also card numbers whose check digit is wrong",
    "versions": "also four numbers that a version, a section or a product name introduces, as IP addresses",
}
"""Named looser validations, each off unless asked for."""


class Span(NamedTuple):
    """text[start:end], in characters, is of this type."""

    start: int
    end: int
    type: str


class Match(NamedTuple):
    """document[start:end], in bytes, is of this type."""

    start: int
    end: int
    type: str


@dataclass(frozen=True)
class Detection:
    """What to look for. Raises ValueError naming an unknown type, region or option."""

    types: tuple[str, ...] = TYPES
    regions: tuple[str, ...] = REGIONS
    options: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        check_names("type", self.types, TYPES)
        check_names("option", sorted(self.options), tuple(OPTIONS))


def check_names(what: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Raise ValueError for the first of the names that is not known."""
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r} is no {what} of personal data; known: {', '.join(known)}")
