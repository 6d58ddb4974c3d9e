"""Card numbers, IBAN, and social security and taxpayer numbers of the United States. Knows check digits and ranges only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from curate.pii.spans import Looking, Match

_BEFORE, _AFTER = rb"(?<![\w.])(?<!\d[\-/])", rb"(?![\w]|[.\-/]\d)"
_CARD = re.compile(
    _BEFORE + rb"(?:\d{12,19}|\d{4}([ \-.])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ \-.])\d{6}\2\d{4,5})" + _AFTER
)
_ISSUERS = (
    ("2131", "2131", (15,)),  # JCB
    ("1800", "1800", (15,)),
    ("2221", "2720", (16,)),  # Mastercard
    ("300", "305", (14, 16, 17, 18, 19)),  # Diners Club
    ("3095", "3095", (14, 16, 17, 18, 19)),
    ("34", "34", (15,)),  # American Express
    ("3528", "3589", (16, 17, 18, 19)),  # JCB
    ("36", "36", (14, 15, 16, 17, 18, 19)),  # Diners Club
    ("37", "37", (15,)),  # American Express
    ("38", "39", (14, 16, 17, 18, 19)),  # Diners Club
    ("4", "4", (13, 16, 19)),  # Visa
    ("5018", "5020", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro, Dankort
    ("5038", "5038", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("51", "55", (16,)),  # Mastercard
    ("5893", "5893", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("6011", "6011", (16, 17, 18, 19)),  # Discover
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("6304", "6304", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("644", "649", (16, 17, 18, 19)),  # Discover
    ("65", "65", (16, 17, 18, 19)),
    ("6759", "6759", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("6761", "6763", (12, 13, 14, 15, 16, 17, 18, 19)),
)
"""First digits from, to, and lengths of the networks' numbers (ISO/IEC 7812; the networks' published ranges)."""
_SHORT_CARD = 13  # so short are article numbers (EAN-13) too: a word must say that it is a card
_CARD_WORD = re.compile(
    rb"(?i)(?<![a-z])(?:cards?|cc|credit|debit|visa|maestro|mastercard|payment)(?![a-z])[^\n]{0,24}$"
)
_WORD_BEFORE = 48  # bytes before a number in which such a word is looked for

_IBAN = re.compile(rb"(?<![A-Za-z0-9_])[A-Za-z]{2}\d{2}(?:[ \-]?[A-Za-z0-9]){11,30}")
_LENGTHS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24
FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32
LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24
RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"""
_IBAN_LENGTHS = {code[:2]: int(code[2:]) for code in _LENGTHS.split()}
"""Characters of a country's IBAN (SWIFT, IBAN Registry)."""

_SSN = re.compile(_BEFORE + rb"(\d{3})([\- ]?)(\d{2})\2(\d{4})" + _AFTER)
_SSN_WORD = re.compile(
    rb"(?i)(?:(?<![a-z])(?:ssns?|s\.s\.n\.?|itin|nss|social[ _\-]security|soc(?:ial)?\.?[ _\-]sec\.?|social|"
    rb"tax(?:payer)?[ _\-]id[a-z]*|sozialversicherung[a-z]*|codice[ _\-]fiscale|seguridad[ _\-]social|"
    rb"s\xc3\xa9curit\xc3\xa9[ _\-]sociale)(?![a-z])"
    rb"|(?<![a-z])(?:id|identity|identification|insurance)"
    rb"(?:[ _\-]|\xc2\xa0)(?:number|no\.?|nr\.?|card)(?![a-z]))[^\n]{0,32}$"
)
"""Words that introduce the number, also of forms that other countries' names for such a number fill with it."""
_SSN_COLUMN = re.compile(rb"(?i)(?<![a-z])(?:ssns?|social[ _\-]security)(?![a-z])")
_COLUMN_WITHIN = 1_000  # bytes: in a list or a table the word stands once, above
_NO_SSN = re.compile(
    rb"(?i)(?<![a-z])(?:case|code|docket|order|part|model|serial|invoice|account|acct|ref|reference|ticket|patent|grant|"
    rb"product|item|sku|form|report|policy|file|phone|tel|fax)(?:[ _\-](?:no|nr|number|id|code))?[\s.:#()\"'\-]{0,4}$"
)
_ITIN_GROUPS = (range(50, 66), range(70, 89), range(90, 93), range(94, 100))  # IRS, Internal Revenue Manual 3.21.263


def find_cards(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """Numbers of an issuer's range and length whose last digit checks."""
    for match in _CARD.finditer(document, start, min(end + 2, len(document))):
        digits = re.sub(rb"[ \-.]", b"", match.group()).decode()
        if not has_issuer(digits) or not (luhn(digits) or "card_without_luhn" in looking.options):
            continue
        if len(digits) <= _SHORT_CARD and not _said(_CARD_WORD, document, match.start()):
            continue
        yield Match(match.start(), match.end(), "CREDIT_CARD")


def has_issuer(digits: str) -> bool:
    """Whether a card network issues numbers with these first digits and this length."""
    return any(low <= digits[: len(low)] <= high and len(digits) in lengths for low, high, lengths in _ISSUERS)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = sum(int(digit) for digit in digits[-1::-2])
    return (total + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])) % 10 == 0


def find_ibans(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """Account numbers of a country's length whose remainder is right, in one piece or in groups."""
    at = start
    while match := _IBAN.search(document, at, end):
        at = match.start() + 1  # the next may begin within what looked like groups of this one
        length = _IBAN_LENGTHS.get(match.group()[:2].decode().upper(), 0)
        last = _end_of(document, match.start(), match.end(), length)
        if not last or document[last : last + 1].isalnum():
            continue
        if iban_checks(re.sub(rb"[ \-]", b"", document[match.start() : last]).decode()):
            yield Match(match.start(), last, "IBAN")
            at = last


def _end_of(document: bytes, start: int, end: int, length: int) -> int:
    """Where the first `length` letters and digits end; 0 where there are not so many."""
    for index in range(start, end):
        length -= document[index : index + 1].isalnum()
        if length == 0:
            return index + 1
    return 0


def iban_checks(account: str) -> bool:
    """Whether an IBAN's check digits are right (ISO 13616: modulo 97)."""
    moved = account[4:] + account[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def find_ssns(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """Social security numbers and ITINs that can have been issued, where a word says what they are: directly before
    them, or, for those with hyphens, above."""
    for match in _SSN.finditer(document, start, min(end + 2, len(document))):
        area, separator, group, serial = match.groups()
        if not is_issued(int(area), int(group), int(serial), "ssn_9xx" in looking.options):
            continue
        if _said(_SSN_WORD, document, match.start()) or (
            separator == b"-"
            and not _said(_NO_SSN, document, match.start())
            and ("ssn_unsaid" in looking.options or _above(document, match.start()))
        ):
            yield Match(match.start(), match.end(), "SSN")


def _above(document: bytes, start: int) -> bool:
    return _SSN_COLUMN.search(document, max(0, start - _COLUMN_WITHIN), start) is not None


def is_issued(area: int, group: int, serial: int, any_nine: bool) -> bool:
    """Whether a number can be an SSN (SSA: no area 000 or 666, no group 00, no serial 0000) or, from 900 on, an ITIN."""
    if area in (0, 666) or serial == 0 or group == 0:
        return False
    return area < 900 or any_nine or any(group in groups for groups in _ITIN_GROUPS)


def _said(word: re.Pattern[bytes], document: bytes, start: int) -> bool:
    return word.search(document[max(0, start - _WORD_BEFORE) : start]) is not None
