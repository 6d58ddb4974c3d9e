"""The detectors of personal data: the built-in ones in one table, and those that a user names as `module:NAME`.

The types, the choices of the pipeline file and of the command line, and the ledger's counts derive from the table; another
built-in detector is a function in a file of its own and a row here. Knows who looks at what; knows no form.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from curate.errors import nearest
from curate.pii import candidates as marked
from curate.pii.accounts import find_cards, find_ibans, find_ssns
from curate.pii.emails import find_at, find_spelled
from curate.pii.keys import find_blocks, find_credentials, find_keys
from curate.pii.network import find_ipv4, find_ipv6, find_macs
from curate.pii.phones import check_regions, find_phones
from curate.pii.regions import REGIONS
from curate.pii.secrets import find_assigned, find_tokens
from curate.pii.spans import Looking, Match
from curate.pii.wallets import find_wallets

Finder = Callable[[bytes, int, int, Looking], Iterator[Match]]
"""(UTF-8 of a document, first byte and byte after a stretch of it, what it is told) -> what lies in the stretch.

What is found must depend on the document alone: over the whole of it the same is found as over the stretches."""


class BuiltIn(NamedTuple):
    """The types of what is found, the kinds of stretches (`curate.pii.candidates`) that can hold it, what finds it there."""

    types: tuple[str, ...]
    stretches: tuple[int, ...]
    find: Finder


BUILT_IN = (
    BuiltIn(("EMAIL",), (marked.AT,), find_at),
    BuiltIn(("EMAIL",), (marked.SPELLED,), find_spelled),
    BuiltIn(("CREDIT_CARD",), (marked.NUMBER, marked.DOTTED), find_cards),
    BuiltIn(("SSN",), (marked.NUMBER, marked.DOTTED), find_ssns),
    BuiltIn(("IP_ADDRESS",), (marked.DOTTED,), find_ipv4),
    BuiltIn(("IP_ADDRESS",), (marked.HEXADECIMAL,), find_ipv6),
    BuiltIn(("PHONE",), (marked.NUMBER, marked.DOTTED), find_phones),
    BuiltIn(("MAC_ADDRESS",), (marked.HEXADECIMAL,), find_macs),
    BuiltIn(("IBAN",), (marked.ACCOUNT,), find_ibans),
    BuiltIn(("API_KEY",), (marked.TOKEN,), find_keys),
    BuiltIn(("API_KEY",), (marked.TOKEN,), find_tokens),
    BuiltIn(("API_KEY", "PASSWORD"), (marked.ASSIGNED,), find_assigned),
    BuiltIn(("API_KEY",), (marked.CREDENTIALS,), find_credentials),
    BuiltIn(("API_KEY",), (marked.KEY_BLOCK,), find_blocks),
    BuiltIn(("CRYPTO",), (marked.TOKEN,), find_wallets),
)
"""Of two findings of the same bytes, that of the earlier row counts."""

TYPES = tuple(dict.fromkeys(name for row in BUILT_IN for name in row.types))
"""Every type that is built in. Names of people and street addresses are not among them."""

OPTIONS = {
    "reserved_ip": "also addresses that no machine on the public internet has: private, reserved, for documentation",
    "ssn_9xx": "also numbers that begin with 9 and were never issued as an ITIN",
    "ssn_unsaid": "also numbers written nnn-nn-nnnn that no word introduces",
    "card_without_luhn": "also card numbers whose check digit is wrong",
    "versions": "also four numbers that a version, a section or a product name introduces, as IP addresses",
}
"""Named looser validations, each off unless asked for."""


@runtime_checkable
class Detector(Protocol):
    """A detector of a user's own, named in `types` as `module:NAME`.

    `type`: what its findings are called, in capitals. `find(texts)`: for each text the (start, end) of its findings, in
    characters. What it answers for a text may depend on that text only.

    >>> class Tickets:
    ...     type = "TICKET"
    ...     def find(self, texts):
    ...         return [[match.span() for match in re.finditer("T-[0-9]{6}", text)] for text in texts]
    >>> DETECTOR = Tickets()
    """

    @property
    def type(self) -> str: ...

    def find(self, texts: Sequence[str], /) -> Sequence[Sequence[tuple[int, int]]]: ...


_TYPE = re.compile(r"[A-Z][A-Z0-9_]{0,39}")


def load_detector(name: str) -> Detector:
    """The detector at `module:NAME`. Raises ValueError saying what is missing there."""
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"no detector {name}: {error}") from None
    if not isinstance(found, Detector) or not callable(found.find):
        raise ValueError(f"{name} is no detector: it needs a `type` and a function `find` from texts to (start, end)")
    if not isinstance(found.type, str) or not _TYPE.fullmatch(found.type):
        raise ValueError(f"{name}: its type is {found.type!r}; use capitals, digits and _, as in CASE_NUMBER")
    return found


def check_type(name: str) -> str:
    """The name of a built-in type, or of a detector as `module:NAME`. Raises ValueError naming what is known."""
    if ":" not in name and name not in TYPES:
        raise ValueError(
            f"{name!r} is no type of personal data{nearest(name, TYPES)}; a detector of your own is module:NAME"
        )
    return name


@dataclass(frozen=True)
class Detection:
    """What to look for: `types` by name, `module:NAME` among them; `regions` of national phone numbers, None for the
    usual ones and those of the document's language; `options`, looser validations.

    Raises ValueError naming an unknown type, detector, region or option.
    """

    types: tuple[str, ...] = TYPES
    regions: tuple[str, ...] | None = None
    options: frozenset[str] = frozenset()
    own: tuple[Detector, ...] = field(init=False, default=(), compare=False)

    def __post_init__(self) -> None:
        for name in self.types:
            check_type(name)
        for option in sorted(self.options):
            if option not in OPTIONS:
                raise ValueError(f"{option!r} is no option of personal data; known: {', '.join(OPTIONS)}")
        check_regions(self.regions or REGIONS)
        object.__setattr__(self, "own", tuple(load_detector(name) for name in self.types if ":" in name))

    @property
    def found_types(self) -> tuple[str, ...]:
        """What findings are called: the built-in types in their order, then those of the user's detectors."""
        built_in = [name for name in TYPES if name in self.types]
        return tuple(dict.fromkeys((*built_in, *(detector.type for detector in self.own))))
