"""Phone numbers: with a country code, in a region's national form, or after a word that says what follows.

A number with `+` and a country code counts when libphonenumber calls it possible, assigned or not. Without, it must be valid
in one of the regions; and since any ten digits are somebody's number, it must be written as one: with the area code set off
and the region's prefix, or after a word such as "phone". Knows forms and libphonenumber's rules only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, ValidationResult

from curate.pii.spans import Looking, Match

_GAP = rb"(?:[ .\-/]|\xc2\xa0|\xe2\x80[\x80-\x8a\x90-\x95\xaf])"
_BEFORE = rb"(?<![\w])(?<!\d[.\-/,])(?<![A-Za-z][\-/])"
_AFTER = rb"(?:(?: ?(?:x|ext\.?|extension) ?\d{1,6})(?!\w)|(?![\w]|[.\-/,]\d))"

_PLUS = re.compile(rb"(?<![\w+])\(?\+ ?\(?\d(?:(?:" + _GAP + rb"|[()]){0,4}\d){6,17}(?:" + _AFTER + rb")?")
_DOUBLE_ZERO = re.compile(_BEFORE + rb"\(?00" + _GAP + rb"?[1-9](?:(?:" + _GAP + rb"|[()]){0,3}\d){7,14}" + _AFTER)
_AREA = rb"(?:\([2-9]\d\d\)" + _GAP + rb"{0,2}|[2-9]\d\d" + _GAP + rb")"
_NORTH_AMERICA = re.compile(_BEFORE + rb"(?:1" + _GAP + rb"{0,2})?" + _AREA + rb"[2-9]\d\d" + _GAP + rb"\d{4}" + _AFTER)
_AREA_IN_BRACKETS = re.compile(
    _BEFORE + rb"\(\d{2,5}\)" + _GAP + rb"{0,2}\d{2,8}(?:" + _GAP + rb"\d{2,5}){0,3}" + _AFTER
)
_NATIONAL_PREFIX = re.compile(
    _BEFORE + rb"\(?0\d{1,5}\)?" + _GAP + rb"{1,3}\d{2,9}(?:(" + _GAP + rb")\d{2,5}(?:\1\d{2,5}){0,3})?" + _AFTER
)
_SAID = re.compile(_BEFORE + rb"\(?\d(?:(?:" + _GAP + rb"|[()]){0,3}\d){6,13}" + _AFTER)

_GROUPED = re.compile(_BEFORE + rb"\(?\d{1,5}\)?(?:" + _GAP + rb"{1,2}\(?\d{1,5}\)?){2,5}" + _AFTER)
_LOCAL_SEVEN = re.compile(_BEFORE + rb"[2-9]\d\d" + _GAP + rb"\d{4}" + _AFTER)
"""A number of North America without its area."""
_WITH_LOCAL_SEVEN = ("US", "CA")
_LOCAL_WORD = re.compile(rb"(?i)(?<![a-z])(?:tel|telephone|phones?|fax|call|cell|mobile|hotline)(?![a-z])[\s.:#]{1,4}$")

_LATIN_WORDS = (
    "tel|telephone|phones?|telefono?|téléphone|teléfono|tél|fon|fax|calls?|called|calling|cell|cellphone|mobile?|mob|móvil|"
    "handy|hotline|helpline|whatsapp|sms|texts?|dial|ring|pager|"
    "answering at|reach(?:ed)? (?:us |me |him |her |them )?(?:at|on)|"
    "telefone|telemóvel|celular|telefonnummer|telefoon|telefoonnummer|mobil|mobiel|tlf|puhelin|gsm|kom|portable|"
    "numer telefonu|điện thoại|hp|telp|telepon|cep"
)
_OTHER_WORDS = (
    "☎|📞|📱|☏|✆|电话|電話|手机|手機|热线|熱線|传真|傳真|联系方式|携帯|ファックス|ＴＥＬ|전화|휴대폰|연락처|팩스|телефон[а-яі]{0,3}|"
    "Телефон[а-яі]{0,3}|тел|Тел|моб|Моб|факс|Факс|τηλ|Τηλ|τηλέφωνο|Τηλέφωνο|هاتف|جوال|تلفن|تلفون|טלפון|נייד|โทร|फ़ोन|फोन|"
    "मोबाइल"
)
_WORD = re.compile(
    rb"(?i)(?:(?<![a-z])(?:" + _LATIN_WORDS.encode() + rb")(?![a-z])|" + _OTHER_WORDS.encode() + rb")[^0-9]{0,20}$"
)
"""Words in several languages and signs that a phone number follows."""
_OTHER_WORD = re.compile(
    rb"(?i)(?<![a-z])(?:isbn|issn|ean|upc|gtin|asin|doi|pmid|arxiv|npi|mrn|iban|account|acct|order|invoice|docket|case|"
    rb"code|item|product|ticket|id|ref|reference|part|model|serial|sku|version|patent|vat|grant|license|licence)"
    rb"(?:[ \-]?1[03])?(?: (?:no|number|nr))?[\s.:#()\"'\-]{0,4}$"
)
"""Words that introduce a number of another kind."""
_WORD_BEFORE = 48  # bytes before a number in which such words are looked for

_DATE = re.compile(
    rb"\(?(?:\d{1,2}[.\-/ ]{1,2}\d{1,2}[.\-/ ]{1,2}(?:19|20)\d\d|(?:19|20)\d\d[.\-/ ][01]\d[.\-/ ][0-3]\d|"
    rb"[01]\d[.\-/] ?(?:19|20)\d\d|[0-2]\d[0-5]\d ?(?:-|\xe2\x80\x93) ?[0-2]\d[0-5]\d)(?!\d)"
)
"""A date, a month of a year, a range of hours."""
_YEAR_IN_BRACKETS = re.compile(rb"\((?:19|20)\d\d\)")
_DECIMAL = re.compile(rb"\+\d{1,3}\.\d{4,}\Z|.*000\Z", re.DOTALL)
"""A coordinate, or a round number, with a sign: a phone number only where it is a valid one."""
_TRUNK = re.compile(rb"\(0\)")
_LAST_WORD = re.compile(rb"(?:[ .\-/(]|\xc2\xa0)* [\d()./\-]*\Z")
_EXTENSION = re.compile(rb" ?(?:x|ext\.?|extension) ?\d+\Z")
_NOT_DIGITS = re.compile(rb"\D+")
_GROUP = re.compile(rb"\d+")
_THOUSAND = 3  # digits between the separators of a large number
_FEWEST, _MOST = 7, 15  # digits of an international number: E.164 allows 15
_FEWEST_NATIONAL = 8  # shorter ones cannot be told from dates


def find_phones(document: bytes, start: int, end: int, looking: Looking) -> Iterator[Match]:
    """Phone numbers in a stretch of digits."""
    stop = min(end + 16, len(document))
    begin = max(0, start - 2)
    for match in _PLUS.finditer(document, begin, stop):
        last = _international_end(match)
        if last:
            yield Match(_first(document, match.start(), last), last, "PHONE")
    for match in _DOUBLE_ZERO.finditer(document, start, stop):
        digits = _digits(match.group())
        if is_valid_international(digits[2:]) and not _is_other(document, match):
            yield Match(match.start(), match.end(), "PHONE")
    regions = (*looking.regions, *looking.local)
    for form in (_NORTH_AMERICA, _AREA_IN_BRACKETS, _NATIONAL_PREFIX):
        for match in form.finditer(document, start, stop):
            if _is_no_phone(document, match):
                continue
            if _balanced(match.group()) and is_national(_digits(match.group()), regions, as_written=True):
                yield Match(match.start(), match.end(), "PHONE")
    yield from _find_said(document, start, stop, regions)
    if looking.local:
        yield from _find_local(document, start, stop, looking.local)


def _find_said(document: bytes, start: int, stop: int, regions: tuple[str, ...]) -> Iterator[Match]:
    """Numbers that a word introduces."""
    for match in _SAID.finditer(document, start, stop):
        before = document[max(0, match.start() - _WORD_BEFORE) : match.start()]
        if _WORD.search(before) and not _is_no_phone(document, match):
            if is_national(_digits(match.group()), regions, as_written=False):
                yield Match(match.start(), match.end(), "PHONE")
            elif _LOCAL_WORD.search(before) and any(region in regions for region in _WITH_LOCAL_SEVEN):
                local = _LOCAL_SEVEN.match(document, match.start(), stop)
                if local is not None and local.end() == match.end():
                    yield Match(match.start(), match.end(), "PHONE")


def _find_local(document: bytes, start: int, stop: int, local: tuple[str, ...]) -> Iterator[Match]:
    """Numbers written in just the groups that the document's country writes them in."""
    for match in _GROUPED.finditer(document, start, stop):
        written = match.group()
        if _is_no_phone(document, match) or not _balanced(written):
            continue
        groups = tuple(group.decode() for group in _GROUP.findall(_EXTENSION.sub(b"", written)))
        if b" " in written and all(len(group) == _THOUSAND for group in groups[1:]) and len(groups[0]) <= _THOUSAND:
            continue  # a large number
        if is_grouped(groups, local):
            yield Match(match.start(), match.end(), "PHONE")


def _is_no_phone(document: bytes, match: re.Match[bytes]) -> bool:
    """Whether it is a date, or a word says that it is another number."""
    written = match.group()
    return bool(_DATE.match(written) or _YEAR_IN_BRACKETS.match(written)) or _is_other(document, match)


def _international_end(match: re.Match[bytes]) -> int:
    """Where a number with a country code ends: without what follows in groups of its own; 0 where there is no number."""
    written = match.group()
    number = _EXTENSION.sub(b"", written)
    extended = len(number) < len(written)
    while True:
        digits = _digits(number)
        if len(digits) < _FEWEST:
            return 0
        good = is_valid_international if _DECIMAL.match(number) else is_possible_international
        if len(digits) <= _MOST and good(digits):
            return match.start() + len(written if extended else number)
        shorter = _LAST_WORD.sub(b"", number)
        if shorter == number:
            return 0
        number, extended = shorter, False


def _first(document: bytes, start: int, end: int) -> int:
    """Without a bracket that is not closed within."""
    unmatched = document[start : start + 1] == b"(" and not _balanced(document[start:end])
    return start + 1 if unmatched else start


def _balanced(written: bytes) -> bool:
    return written.count(b"(") == written.count(b")")


def _digits(written: bytes) -> str:
    """The digits to dial, without an extension."""
    return _NOT_DIGITS.sub(b"", _TRUNK.sub(b"", _EXTENSION.sub(b"", written))).decode()


def _is_other(document: bytes, match: re.Match[bytes]) -> bool:
    return _OTHER_WORD.search(document[max(0, match.start() - _WORD_BEFORE) : match.start()]) is not None


def _parsed(number: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None


@lru_cache(maxsize=1 << 14)
def is_possible_international(digits: str) -> bool:
    """Whether digits with their country code have a length that the country's numbers have."""
    number = _parsed("+" + digits, None)
    return number is not None and phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE


@lru_cache(maxsize=1 << 14)
def is_valid_international(digits: str) -> bool:
    """Whether digits with their country code are in a range that was assigned."""
    number = _parsed("+" + digits, None)
    return number is not None and phonenumbers.is_valid_number(number)


@lru_cache(maxsize=1 << 14)
def is_national(digits: str, regions: tuple[str, ...], as_written: bool) -> bool:
    """Whether digits are a valid number of one of the regions, dialled from within it; `as_written`: with as many digits as
    the region's own way of writing has, its prefix among them, or with the prefix that may precede them."""
    if len(digits) < _FEWEST_NATIONAL:
        return False
    for region in regions:
        prefix, likely = _national_form(region)
        if not likely.fullmatch(digits):
            continue
        number = _parsed(digits, region)
        if number is None or not phonenumbers.is_valid_number_for_region(number, region):
            continue
        if not as_written:
            return True
        usual = re.sub(r"\D", "", phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
        if digits in (usual, prefix + usual):
            return True
    return False


@lru_cache(maxsize=1 << 14)
def is_grouped(groups: tuple[str, ...], regions: tuple[str, ...]) -> bool:
    """Whether digits are a valid number of one of the regions, in the groups of the region's own way of writing.

    >>> is_grouped(("8", "800", "555", "35", "35"), ("RU",)), is_grouped(("880", "0555", "3535"), ("RU",))
    (True, False)
    """
    digits = "".join(groups)
    if len(digits) < _FEWEST_NATIONAL:
        return False
    for region in regions:
        if not _national_form(region)[1].fullmatch(digits):
            continue
        number = _parsed(digits, region)
        if number is None or not phonenumbers.is_valid_number_for_region(number, region):
            continue
        usual = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
        if groups == tuple(re.findall(r"\d+", usual)):
            return True
    return False


@lru_cache
def _national_form(region: str) -> tuple[str, re.Pattern[str]]:
    """(national prefix, a necessary condition on the digits) of a region. Raises ValueError for an unknown region."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.general_desc is None:
        raise ValueError(f"{region!r} is no region that has phone numbers: use ISO 3166 codes such as US, GB, DE")
    prefix = metadata.national_prefix_for_parsing or ""
    number = metadata.general_desc.national_number_pattern
    return metadata.national_prefix or "", re.compile(f"(?:{prefix})?(?:{number})")


def check_regions(regions: tuple[str, ...]) -> None:
    """Raise ValueError for a region that has no phone numbers."""
    for region in regions:
        _national_form(region)
