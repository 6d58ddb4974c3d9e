"""Charsets: from header, `meta` and content, under browsers' labels; nothing in the bytes is fatal."""

import gzip
import json
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import example, given
from hypothesis import strategies as st

from curate.extract.charset import CODECS, decode, detected_charset, name_of

RUSSIAN = "Вчера вечером в городе шёл сильный дождь, и улицы опустели."


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("utf8", "utf-8"),
        ("UTF-8", "utf-8"),
        ("unicode-1-1-utf-8", "utf-8"),
        ("iso-8859-1", "windows-1252"),
        ("latin1", "windows-1252"),
        ("us-ascii", "windows-1252"),
        ("iso-8859-9", "windows-1254"),
        ("iso-8859-11", "windows-874"),
        ("tis-620", "windows-874"),
        ("windows-874", "windows-874"),
        ("x-sjis", "shift_jis"),
        ("windows-31j", "shift_jis"),
        ("ms_kanji", "shift_jis"),
        ("x-euc-jp", "euc-jp"),
        ("gb2312", "gbk"),
        ("x-gbk", "gbk"),
        ("gb18030", "gb18030"),
        ("big5-hkscs", "big5"),
        ("cn-big5", "big5"),
        ("ks_c_5601-1987", "euc-kr"),
        ("windows-949", "euc-kr"),
        ("iso-8859-8-i", "iso-8859-8"),
        ("koi8-ru", "koi8-u"),
        ("x-cp1251", "windows-1251"),
        ("dos-874", "windows-874"),
        ("mac", "macintosh"),
        ("x-mac-cyrillic", "x-mac-cyrillic"),
        ("866", "ibm866"),
        ("utf-16", "utf-16le"),
        (" Windows-1250\n", "windows-1250"),
        ("utf-7", None),
        ("none", None),
        ("", None),
    ],
)
def test_labels_mean_what_browsers_take_them_for(label: str, name: str | None) -> None:
    assert name_of(label) == name


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("windows-1252", b"\x93caf\xe9\x94 \x80", "“café” €"),
        ("iso-8859-1", b"\x93caf\xe9\x94 \x80", "“café” €"),
        ("shift_jis", b"\x87\x40\xfa\x40", "①ⅰ"),
        ("euc-jp", b"\xc6\xfc\xcb\xdc", "日本"),
        ("euc-jp", b"\xad\xa1\xc6\xfc\xcb\xdc", "①日本"),
        ("gb2312", b"\xe9\x46\xff", "镕\ufffd"),
        ("gb2312", b"\x94\x39\xda\x33", "💩"),
        ("euc-kr", b"\xb0\xa1\x81\x41", "가갂"),
        ("windows-874", b"\xa1\x85", "ก…"),
        ("big5", b"\xa4\xa4\x87\x40", "中䏰"),
        ("iso-2022-jp", b"\x1b$BF|K\\\x1b(B", "日本"),
        ("koi8-u", "Київ".encode("koi8-u"), "Київ"),
    ],
)
def test_bytes_are_read_in_the_code_page_that_extends_the_standard(name: str, data: bytes, text: str) -> None:
    assert decode(data, f"text/html; charset={name}")[0] == text


@pytest.mark.parametrize(
    ("content_type", "body", "charset"),
    [
        ("text/html; charset=utf-8", b"\xff\xfea\0", "utf-16le"),
        ("text/html; charset=windows-1251", b"\xef\xbb\xbf<meta charset=koi8-r>", "utf-8"),
        ("text/html; charset=windows-1251", b"<meta charset=koi8-r>", "windows-1251"),
        ('text/html;CHARSET = "Windows-1251"; x=y', b"", "windows-1251"),
        ("text/html; charset=nonsense", b"<meta charset=koi8-r>", "koi8-r"),
        ("text/html", b"<html><META\nCharSet = 'koi8-r'>", "koi8-r"),
        (None, b'<meta content="text/html; charset=koi8-r" http-equiv=Content-Type>', "koi8-r"),
        (None, b'<meta name=a content="text/html; charset=koi8-r">\xd0\xb4', "utf-8"),
        (None, b"<!-- <meta charset=koi8-r> --><meta charset=windows-1251>", "windows-1251"),
        (None, b"<a title='<meta charset=koi8-r>'><meta charset=windows-1251>", "windows-1251"),
        (None, b"<meta charset=nonsense><meta charset=koi8-r>", "koi8-r"),
        (None, b"<!-- " + b"x" * 5000 + b" --><meta charset=koi8-r>", "koi8-r"),
        (None, b'<?xml version="1.0" encoding="koi8-r"?><html>', "koi8-r"),
        (None, b"<meta charset=utf-16>abc", "utf-8"),
        (None, "<html>é".encode("utf-16-le"), "utf-16le"),
        (None, "<html>é".encode("utf-16-be"), "utf-16be"),
        (None, b"plain", "utf-8"),
        (None, "naïve".encode(), "utf-8"),
        (None, "日本語のテキスト".encode("iso2022_jp"), "iso-2022-jp"),
        (None, RUSSIAN.encode("cp1251"), "windows-1251"),
        (None, RUSSIAN.encode("koi8-r"), "koi8-r"),
    ],
)
def test_mark_then_header_then_page_then_content_decide(content_type: str | None, body: bytes, charset: str) -> None:
    assert decode(body, content_type)[1] == charset


def test_damage_in_utf8_is_replaced_and_a_false_claim_is_not_believed() -> None:
    claim = "text/html; charset=utf-8"
    assert decode("größer".encode() + b"\xff und \0mehr " + "ü".encode()[:1], claim) == (
        "größer\ufffd und mehr \ufffd",
        "utf-8",
    )
    assert decode(RUSSIAN.encode("cp1251"), claim) == (RUSSIAN, "windows-1251")


def test_detection_knows_korean() -> None:
    assert detected_charset("한국어 문장입니다. 오늘은 날씨가 좋습니다.".encode("cp949")) == "euc-kr"


@given(st.binary(), st.sampled_from([None, *sorted(CODECS)]))
@example(b"\x83\x36\xc7\x39", "gb18030")
@example(b"\0\xd8", "utf-16le")
@example(b"\xed\xa0\x80", "utf-8")
def test_any_bytes_in_any_charset_give_text_that_can_be_written(body: bytes, charset: str | None) -> None:
    text, name = decode(body, charset and f"text/html; charset={charset}")
    assert name in CODECS and "\0" not in text
    text.encode()


@given(st.text(alphabet="<>meta-! charset=utf8koir\"'/?xml\n\0", max_size=400))
def test_any_markup_can_be_scanned_for_its_charset(markup: str) -> None:
    assert decode(markup.encode(), None)[0] or not markup.strip("\0")


def test_pages_in_old_charsets_read_as_their_utf8_originals(shared_data: Path) -> None:
    """93 real pages re-encoded, the charset named in the header, the page, both or nowhere."""
    with gzip.open(shared_data / "realweb-legacy-dev.gold.jsonl.gz") as lines:
        gold = {row["record_id"]: row for row in map(json.loads, lines)}
    named = 0
    with open(shared_data / "realweb-legacy-dev.warc.gz", "rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=True):
            true = gold.pop(record.headers["WARC-Record-ID"])["charset"]
            body = record.reader.read()
            text, name = decode(body, record.http_headers.get("Content-Type"))
            assert text.replace("\ufffd", "") == body.decode(CODECS[name_of(true) or ""]).replace("\0", "")
            named += name == name_of(true)
    assert not gold and named >= 92, "one page has no character outside ASCII, so any name is right"
