"""Which charset a page's bytes are in, and their text, as browsers decide it.

Knows bytes, the Content-Type header and the names of the WHATWG Encoding Standard; nothing of HTML beyond the `meta`
elements and the XML declaration that may name a charset. Imports little: the extraction child starts with it.

Order of evidence (WHATWG HTML, 13.2.3.2 "Determining the character encoding"): byte order mark, HTTP header, `meta`
or XML declaration, content.
"""

import codecs
import re

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
    """The charset that the content looks like (uchardet's judgement); windows-1252, as in browsers, if it cannot say."""
    guess = detect_encoding(body, html5_compatible=False)
    return (guess and name_of(guess)) or "windows-1252"


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
    read as ASCII, and HTML ignores them in text), and the text never holds a lone surrogate. A claim of UTF-8 under
    which most of what is not ASCII is invalid is not believed: the content decides then.
    """
    text, name = _read(body, content_type)
    if b"\0" in body:  # no charset makes NUL of other bytes; looking through bytes is quicker
        text = text.replace("\0", "")
    return text, name


def _read(body: bytes, content_type: str | None) -> tuple[str, str]:
    for mark, name in MARKS:
        if body.startswith(mark):
            return _decode(body[len(mark) :], name), name
    claimed = header_charset(content_type)
    if claimed is None and body[:2] in (b"<\0", b"\0<"):
        claimed = "utf-16le" if body[0] else "utf-16be"
    claimed = claimed or declared_charset(body)
    if claimed and claimed != "utf-8":
        return _decode(body, claimed), claimed
    text = _valid_utf8(body)
    if text is not None and (claimed or b"\x1b$" not in body):
        return text, "utf-8"
    if claimed:
        text = body.decode("utf-8", "replace")
        if not _mostly_invalid(text):
            return text, "utf-8"
    name = detected_charset(body)
    return _decode(body, name), name
