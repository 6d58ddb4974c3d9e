"""Charsets: from header, `meta` and content, under browsers' labels; nothing in the bytes is fatal."""

import gzip
import json
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.extract.charset import CODECS, decode, detected_charset, name_of, utf16_without_mark
from curate.extract.utf8 import is_utf8, to_utf8

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


SENTENCES = {
    "windows-1252": "Déjà vu : l'été dernier à Besançon, où la fenêtre était ouverte, « ça » n'allait pas très bien…",
    "windows-1251": RUSSIAN,
    "koi8-r": RUSSIAN,
    "windows-1250": "Příliš žluťoučký kůň úpěl ďábelské ódy, zatímco déšť padal na střechy města.",
    "windows-1253": "Χθες το βράδυ έβρεχε πολύ στην πόλη και οι δρόμοι άδειασαν γρήγορα.",
    "windows-1254": "Dün akşam şehirde çok yağmur yağdı ve sokaklar boşaldı, güneş ışığı yoktu.",
    "windows-874": "เมื่อคืนฝนตกหนักในเมืองและถนนก็ว่างเปล่า",
    "shift_jis": "昨日は友達と川のほとりを散歩して、夕方まで本の話をしました。",
    "euc-jp": "昨日は友達と川のほとりを散歩して、夕方まで本の話をしました。",
    "euc-kr": "어제는 친구들과 강가를 걸으며 저녁까지 책 이야기를 했습니다.",
    "gbk": "昨天我们沿着河边散步，谈论天气、书籍和老朋友，直到太阳下山才回家。",
    "big5": "昨天我們沿著河邊散步，談論天氣、書籍和老朋友，直到太陽下山才回家。",
}


def html(text: str, name: str, head: str = "") -> bytes:
    return f"<!doctype html><html><head>{head}<title>{text}</title></head><body><p>{text}</p></body></html>".encode(
        CODECS[name]
    )


@pytest.mark.parametrize("claim", [*SENTENCES, "utf-8", "iso-8859-1", "gb2312", "iso-2022-jp", "x-user-defined"])
@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("by", ["header", "meta", "both"])
def test_valid_utf8_is_utf8_whatever_is_claimed(sentence: str, claim: str, by: str) -> None:
    meta = f"<meta charset={claim}>" if by != "header" else ""
    header = f"text/html; charset={claim}" if by != "meta" else "text/html"
    text, name = decode(html(SENTENCES[sentence], "utf-8", meta), header)
    assert name == "utf-8"
    assert SENTENCES[sentence] in text


@pytest.mark.parametrize("sentence", SENTENCES)
def test_utf8_with_a_stray_byte_is_utf8_against_another_claim(sentence: str) -> None:
    body = html(SENTENCES[sentence] * 3, "utf-8").replace(b"<p>", b"<p>\xe9 ")
    text, name = decode(body, "text/html; charset=iso-8859-1")
    assert name == "utf-8"
    assert SENTENCES[sentence] * 3 in text


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize("header", [None, "utf-8", "UTF8"])
def test_the_pages_own_claim_is_asked_where_the_header_is_disbelieved(sentence: str, header: str | None) -> None:
    body = html(SENTENCES[sentence], sentence, f"<meta charset={sentence}>")
    text, name = decode(body, f"text/html; charset={header}" if header else None)
    assert name == sentence
    assert SENTENCES[sentence] in text


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_claim_that_is_right_is_believed_however_short_the_text(sentence: str) -> None:
    for size in (1, 2, 3, 5, 8):
        text = SENTENCES[sentence][:size]
        assert decode(html(text, sentence), f"text/html; charset={sentence}")[0].count(text) >= 2


@pytest.mark.parametrize(
    ("lang", "text", "name"),
    [
        ("es", "El año pasado la señora Núñez cantó en la plaza.", "windows-1252"),
        ("es", "ñ", "windows-1252"),
        ("da", "Rødgrød med fløde på bordet, sagde kæresten.", "windows-1252"),
        ("is", "Það er gott veður í dag og sólin skín á fjöllin.", "windows-1252"),
        ("ro", "Aţi fost în oraş astă-seară şi aţi văzut ploaia.", "windows-1250"),
        ("hu", "Az őszi eső után a folyó vize zűrös lett.", "windows-1250"),
        ("lt", "Ąžuolas žydi prie ežero, o vėjas ūžia.", "windows-1257"),
        ("pt-BR", "A canção não é difícil, mas o refrão é longo.", "windows-1252"),
    ],
)
def test_without_a_claim_the_pages_language_decides_between_latin_code_pages(lang: str, text: str, name: str) -> None:
    body = f"<html lang='{lang}'><body><p>{text}</p></body></html>".encode(CODECS[name])
    assert decode(body, None) == (body.decode(CODECS[name]), name)


def test_rare_guesses_are_not_taken_over_the_browsers_default() -> None:
    for text in ("El año pasado y la señora", "Rødgrød med fløde på bordet", "Et skip på fjorden, sa gutten på brygga"):
        assert detected_charset(f"<p>{text}</p>".encode("cp1252")) == "windows-1252"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("claim", [None, "utf-8", "windows-1252", "utf-16"])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_utf16_is_known_without_a_mark(sentence: str, claim: str | None, codec: str) -> None:
    body = f"\r\n<html><head><title>{SENTENCES[sentence]}</title></head><body>tides and more".encode(codec)
    text, name = decode(body, claim and f"text/html; charset={claim}")
    assert name == codec.replace("-le", "le").replace("-be", "be")
    assert SENTENCES[sentence] in text


@pytest.mark.parametrize("body", [b"a\0b", b"\0" * 100, b"ab\0\0" * 30, bytes(range(256)) * 4, b"<p>\0</p>" * 20])
def test_stray_nuls_are_not_utf16(body: bytes) -> None:
    assert utf16_without_mark(body) is None


CLAIMS = st.sampled_from((None, *(f"text/html; charset={name}" for name in (*CODECS, "no-such", "x-user-defined"))))
STARTS = st.sampled_from(
    (b"", b"\xef\xbb\xbf", b"<meta charset=gbk>", b"<meta charset=utf-8>", b"<meta charset=iso-2022-jp>")
)


@given(
    STARTS,
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=30),
    st.sampled_from((b"", b"\0", b"\x1b$B", b"\xff", "ж水é\ufffd".encode(), b"\xed\xa0\x80")),
    CLAIMS,
)
def test_a_page_in_utf8_is_taken_as_it_is_where_reading_and_writing_it_would_change_nothing(
    start: bytes, body: bytes, more: bytes, claim: str | None
) -> None:
    page = start + body + more
    text, name = decode(page, claim)
    assert to_utf8(page, claim) == (text.encode("utf-8", "replace"), name)


def test_real_pages_are_the_same_in_utf8_whether_they_were_decoded_or_not(shared_data: Path) -> None:
    taken = 0
    for name in ("realweb-legacy-dev", "realweb-zh", "cc-sample/whirlwind", "realweb-dev"):
        with open(shared_data / f"{name}.warc.gz", "rb") as handle:
            records = ArchiveIterator(handle, record_types=WarcRecordType.response, parse_http=True)
            for record, _ in zip(records, range(200), strict=False):
                body, kind = record.reader.read(), record.http_headers.get("Content-Type")
                text, charset = decode(body, kind)
                page = to_utf8(body, kind)
                assert page == (text.encode("utf-8", "replace"), charset)
                taken += page[0] is body
    assert taken > 100


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(
        st.sampled_from(["a", "é", "\u0800", "中", "\ud7ff", "\ue000", "😀", "\U0010ffff", "a" * 300]), max_size=8
    ),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0x7F, 0xFF)), max_size=3),
    st.integers(0, 4),
)
def test_bytes_are_utf8_where_python_reads_them(pieces: list[str], wrong: list[tuple[int, int]], cut: int) -> None:
    body = bytearray("".join(pieces).encode())
    for place, byte in wrong:
        if body:
            body[place % len(body)] = byte
    kept = bytes(body[: max(0, len(body) - cut)])
    try:
        kept.decode()
    except UnicodeDecodeError:
        assert not is_utf8(kept)
    else:
        assert is_utf8(kept)
