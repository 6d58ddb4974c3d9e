"""Which charset a page's bytes are in, and their text. Evidence goes before claims, the better evidence first.

| order | evidence | charset |
| --- | --- | --- |
| 1 | a byte order mark | as marked |
| 2 | NULs at every other byte that make text of no control characters | UTF-16, without a mark |
| 3 | all that is not ASCII is valid UTF-8, and the claim's reading is not the better one | UTF-8 |
| 4 | the HTTP header's claim, unless most of what is not ASCII is invalid in it | as claimed |
| 5 | the claim of the page's own `meta` or XML declaration, unless likewise | as claimed |
| 6 | what the bytes look like to uchardet, of the charsets that browsers use somewhere as default | as guessed |
| 7 | the browsers' default for the page's `lang`, else windows-1252 | the default |

Browsers have 4 and 5 before 3 (WHATWG HTML, 13.2.3.2), for fear of scripts; here a page of valid UTF-8 is never read as
windows-1251. "Better" in 3 is asked only where a claim of two bytes a character reads every byte: then UTF-8 needs letters
of three bytes, or of one alphabet.

Knows bytes, the Content-Type header and the names of the WHATWG Encoding Standard; nothing of HTML beyond the elements
that may name a charset or a language. Imports little: the extraction child starts with it.
"""

import codecs
import re
from collections import Counter

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"))

PRESCAN_BYTES = 1024
"""Where a `meta` must lie to be seen before parsing (WHATWG HTML, "prescan a byte stream")."""
LATE_BYTES = 16 << 10
"""Where one is still honoured: browsers change their mind when parsing meets a later one ("change the encoding")."""

CODECS = {
    "big5": "big5hkscs",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "hz-gb-2312": "hz",
    "ibm866": "cp866",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-2022-kr": "iso2022_kr",
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "macintosh": "mac-roman",
    "shift_jis": "cp932",
    "utf-16be": "utf-16-be",
    "utf-16le": "utf-16-le",
    "utf-8": "utf-8",
    "windows-874": "cp874",
    **{f"windows-{page}": f"cp{page}" for page in range(1250, 1259)},
    "x-mac-cyrillic": "mac-cyrillic",
}
"""Names of the Encoding Standard, and Python's codec for what browsers mean by each (its section 4.2: the older
national standards are read as the code pages that extend them). Two that browsers refuse for security, hz-gb-2312 and
iso-2022-kr, are read: nothing here runs scripts."""

_WIDER = {"euc_jp": "euc_jis_2004"}
"""A codec with more characters, tried where the first fails: EUC-JP on the web has NEC's row 13, which the standard's
index includes and Python's euc_jp does not."""

_LABELS = {"x-user-defined": "windows-1252", "x-mac-ukrainian": "x-mac-cyrillic", "cp949": "euc-kr"}
"""Labels that `map_encoding_to_html5` does not know, or that only detection gives. (x-user-defined: WHATWG HTML,
prescan, step 13.)"""

_BY_CODEC = {codecs.lookup(codec).name: name for name, codec in CODECS.items() if name != "gbk"} | {
    codecs.lookup(codec).name: name
    for codec, name in (
        ("iso8859-11", "windows-874"),
        ("shift_jis", "shift_jis"),
        ("euc_kr", "euc-kr"),
        ("big5", "big5"),
        ("gbk", "gbk"),
        ("iso2022_jp", "iso-2022-jp"),
    )
}

_HEADER = re.compile(r"charset\s*=\s*[\"']?([^\s\"';,]+)", re.IGNORECASE)
_CONTENT = re.compile(rb"charset\s*=\s*[\"']?([^\s\"';,]+)", re.IGNORECASE)
_MARKUP = re.compile(
    rb"<!--.*?(?:-->|\Z)|<(?P<name>meta(?=[\s/])|/?[a-z])(?P<rest>(?:[^>\"']|\"[^\"]*\"|'[^']*')*)", re.I | re.S
)
_ATTRIBUTE = re.compile(rb"([^\s=/>\"']+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))")
_XML = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9._:-]+)[\"']")


def name_of(label: str) -> str | None:
    """The Encoding Standard's name (lower-case) for a label found in a header or page; None if it has none."""
    label = label.strip("\t\n\f\r ").lower()
    if label in CODECS:
        return label
    if label in _LABELS:
        return _LABELS[label]
    mapped = map_encoding_to_html5(label, fallback_utf8=False)
    return None if mapped is None else _BY_CODEC.get(codecs.lookup(mapped).name)


def header_charset(content_type: str | None) -> str | None:
    """The charset that an HTTP Content-Type value names, as the standard's name; None if none or unknown."""
    found = _HEADER.search(content_type) if content_type else None
    return name_of(found.group(1)) if found else None


def _meta_charset(attributes: bytes) -> str | None:
    values = {m[1].lower(): m[2] or m[3] or m[4] or b"" for m in reversed(list(_ATTRIBUTE.finditer(attributes)))}
    label: bytes | None = values.get(b"charset")
    if label is None and values.get(b"http-equiv", b"").strip().lower() == b"content-type":
        found = _CONTENT.search(values.get(b"content", b""))
        label = found.group(1) if found else None
    return name_of(label.decode("latin-1")) if label else None


def declared_charset(body: bytes) -> str | None:
    """The charset that the page's own bytes declare in `meta` or an XML declaration, as the standard's name.

    UTF-16 declared in bytes that can be read as ASCII is UTF-8 (WHATWG HTML, prescan).
    """
    for size in (PRESCAN_BYTES, LATE_BYTES):
        head = body[:size]
        for element in _MARKUP.finditer(head):
            name = _meta_charset(element["rest"]) if (element["name"] or b"").lower() == b"meta" else None
            if name:
                return "utf-8" if name.startswith("utf-16") else name
        if len(body) <= size:
            break
    xml = _XML.match(body[:PRESCAN_BYTES])
    name = name_of(xml[1].decode("ascii")) if xml else None
    return "utf-8" if name and name.startswith("utf-16") else name


def detected_charset(body: bytes) -> str:
    """The charset that the content looks like: uchardet's judgement where browsers use that charset as a default.

    Where it cannot say, or names a charset that is rare (it calls Danish iso-8859-15 and Spanish iso-8859-10), the
    browsers' default for the page's language. A guess at another Latin code page gives way to the language's own.
    """
    guess = detect_encoding(body, html5_compatible=False)
    name = guess and name_of(guess)
    name = _SAME_LETTERS.get(name, name) if name else None
    language = _LANGUAGE.search(body[:PRESCAN_BYTES])
    default = _DEFAULTS.get(language[1][:2].decode().lower(), "windows-1252") if language else None
    if name in _LATIN and default in _LATIN:
        return default
    return name if name in _GUESSED else default or "windows-1252"


_LATIN = frozenset({"windows-1250", "windows-1252", "windows-1254", "windows-1257", "windows-1258", "iso-8859-2"})
_GUESSED = _LATIN | {
    *("windows-1251", "windows-1253", "windows-1255", "windows-1256", "windows-874", "koi8-r", "koi8-u", "iso-8859-5"),
    *("iso-8859-7", "shift_jis", "euc-jp", "iso-2022-jp", "euc-kr", "gbk", "gb18030", "big5", "utf-8", "ibm866"),
}
"""Charsets that some browser's locale has as default (WHATWG HTML, table of 13.2.3.2), and Russian's three older ones."""
_SAME_LETTERS = {"iso-8859-13": "windows-1257"}
_DEFAULTS = {
    **dict.fromkeys(("bs", "cs", "hr", "hu", "pl", "ro", "sk", "sl"), "windows-1250"),
    **dict.fromkeys(("ba", "be", "bg", "kk", "ky", "mk", "ru", "sr", "tg", "tt", "uk"), "windows-1251"),
    **dict.fromkeys(("az", "ku", "tr"), "windows-1254"),
    **dict.fromkeys(("et", "lt", "lv"), "windows-1257"),
    **{"el": "windows-1253", "he": "windows-1255", "ar": "windows-1256", "fa": "windows-1256", "th": "windows-874"},
    **{"vi": "windows-1258", "ja": "shift_jis", "ko": "euc-kr", "zh": "gb18030"},
}
"""By language, as the same table has them by locale; iso-8859-2 there is windows-1250 here, which extends its letters."""
_LANGUAGE = re.compile(rb"<html\b[^>]{0,400}?\blang\s*=\s*[\"']?([A-Za-z]{2,3})\b", re.I)

TWO_BYTES = frozenset(
    {"big5", "euc-jp", "euc-kr", "gb18030", "gbk", "hz-gb-2312", "iso-2022-jp", "iso-2022-kr", "shift_jis"}
)
_WEIGHED = 1 << 16  # characters outside ASCII that are looked at to tell one reading from the other
_OUTSIDE = re.compile(r"[^\x00-\x7f]")
_FEW = 8
"""Characters outside ASCII from which on chance is ruled out: pairs of GBK are valid UTF-8 in one of seven cases."""
_ONE_ALPHABET = 0.9
_LATIN_LETTERS = 0x1FF  # up to here all are Latin: two blocks of 256, one alphabet
_STRAY = 1 / 16
"""Most broken characters, as a share of the whole ones, of a page that is still UTF-8 against another claim."""
_UTF16_UNITS = 512
_UTF16_SHARE = 0.2
_UTF16_PLAIN = 0.7
"""Units of two bytes that are looked at, and the least share of them in ASCII, with a tag among them and without one:
markup is ASCII, whatever the language."""
_TAG = re.compile("<[A-Za-z!/?]")
_CONTROLS = re.compile("[\x01-\x08\x0b\x0e-\x1f\ufffe\uffff]")


def utf16_without_mark(data: bytes) -> str | None:
    """`utf-16le` or `utf-16be` if the bytes are evidently that without a byte order mark, else None."""
    head = data[: 2 * _UTF16_UNITS]
    head = head[: len(head) & ~1]
    units = len(head) // 2
    if units < 4 or b"\0" not in head[:64]:
        return None
    for name, high in (("utf-16le", 1), ("utf-16be", 0)):
        ascii_units, wrong = head[high::2].count(0), head[1 - high :: 2].count(0)
        if ascii_units < max(4, _UTF16_SHARE * units) or 4 * wrong > ascii_units:
            continue
        text = head.decode(CODECS[name], "replace")
        sensible = _TAG.search(text) or ascii_units > _UTF16_PLAIN * units
        if sensible and not _CONTROLS.search(text) and text.count("\ufffd") <= 1:
            return name
    return None


def _as_utf8(body: bytes, claimed: str | None) -> str | None:
    """The text in UTF-8 if the bytes are that, whatever is claimed; None where they are not, or are ASCII."""
    if body.isascii():
        return None
    text = body.decode("utf-8", "replace")
    if "\ufffd" in text and _valid_utf8(body) is None:
        other = _outside_ascii(text)
        stray = other.count("\ufffd")
        if len(other) < 2 * _FEW or stray > _STRAY * (len(other) - stray) or not claimed or claimed == "utf-8":
            return None
    if claimed in TWO_BYTES and _reads_all(body, claimed) and not _one_script(_outside_ascii(text)):
        return None
    return text


def _outside_ascii(text: str) -> list[str]:
    """The characters outside ASCII that are weighed; looking at each is dear, so only where evidence is not plain."""
    return _OUTSIDE.findall(text[: 64 * _WEIGHED])[:_WEIGHED]


def _reads_all(body: bytes, name: str) -> bool:
    codec = CODECS[name]
    try:
        body.decode(_WIDER.get(codec, codec))
    except UnicodeDecodeError as error:
        return error.end >= len(body)
    return True


def _one_script(characters: list[str]) -> bool:
    """Whether these are what a UTF-8 page has: letters, of three bytes, or nearly all of one alphabet."""
    letters = [character for character in characters if character.isalpha()]
    if 2 * len(letters) < len(characters):
        return False
    if 2 * sum(character > "\u07ff" for character in letters) >= len(letters):
        return True
    blocks = Counter(max(_LATIN_LETTERS, ord(character)) >> 8 for character in letters)
    return len(letters) >= _FEW and blocks.most_common(1)[0][1] >= _ONE_ALPHABET * len(letters)


def _valid_utf8(body: bytes) -> str | None:
    """The text if the bytes are UTF-8, but for a character cut off at the end."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        cut = error.reason == "unexpected end of data" and error.end == len(body)
        return body[: error.start].decode() + "\ufffd" if cut else None


def _decode(body: bytes, name: str) -> str:
    codec = CODECS[name]
    try:
        text = body.decode(codec)
    except UnicodeDecodeError:
        text = body.decode(_WIDER.get(codec, codec), "replace")
    return text


def _mostly_invalid(text: str) -> bool:
    """Whether more than half of the characters outside ASCII are replacements: the claim of UTF-8 was wrong."""
    replaced = text.count("\ufffd")
    return replaced > 0 and 2 * replaced > len(text) - len(text.encode("ascii", "ignore"))


def decode(body: bytes, content_type: str | None) -> tuple[str, str]:
    """The text of a page and the charset it was read in, by the standard's name in lower case.

    What is invalid in the charset becomes U+FFFD, NUL characters are dropped (they come from binary junk or UTF-16
    read as ASCII, and HTML ignores them in text), and the text never holds a lone surrogate.

        >>> decode("Déjà vu".encode(), "text/html; charset=iso-8859-1")
        ('Déjà vu', 'utf-8')
    """
    text, name = _read(body, content_type)
    if b"\0" in body:  # no charset makes NUL of other bytes; looking through bytes is quicker
        text = text.replace("\0", "")
    return text, name


def _read(body: bytes, content_type: str | None) -> tuple[str, str]:
    for mark, name in MARKS:
        if body.startswith(mark):
            return _decode(body[len(mark) :], name), name
    unmarked = utf16_without_mark(body)
    if unmarked:
        return _decode(body, unmarked), unmarked
    claims = [name for name in (header_charset(content_type), declared_charset(body)) if name]
    text = _as_utf8(body, claims[0] if claims else None)
    if text is not None:
        return text, "utf-8"
    for name in claims:
        text = body.decode("utf-8", "replace") if name == "utf-8" else _decode(body, name)
        if not _mostly_invalid(text):
            return text, name
    if not claims and body.isascii() and b"\x1b$" not in body:
        return body.decode(), "utf-8"
    name = detected_charset(body)
    return _decode(body, name), name
