"""The prefilter hides nothing: over whole documents the detectors find just what `find` finds."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate import pii
from curate.pii import emails, keys, network, secrets
from curate.pii.detectors import BUILT_IN
from curate.pii.find import find_matches, resolved
from curate.pii.regions import REGIONS, language_by_script, regions_of
from curate.pii.spans import Looking, Match
from tests.support.real_text import extracted_pages

OPTIONS = frozenset(("reserved_ip", "ssn_unsaid"))


def over_whole(document: bytes) -> list[Match]:
    """What the detectors find when each is shown all of a document."""
    looking = Looking(OPTIONS, REGIONS, regions_of(language_by_script(document)))
    finders = dict.fromkeys(row.find for row in BUILT_IN)
    return resolved([match for find in finders for match in find(document, 0, len(document), looking)])


def by_stretches(text: str) -> list[Match]:
    """What `find` finds."""
    column = pa.array([text], pa.large_string())
    return [match for _, _, matches in find_matches(column, pii.Detection(options=OPTIONS)) for match in matches]


def written(pattern: re.Pattern[bytes] | bytes) -> st.SearchStrategy[str]:
    """Strings of a form, in ASCII."""
    source = pattern.pattern if isinstance(pattern, re.Pattern) else pattern
    return st.from_regex(re.compile(source.decode(), re.ASCII), fullmatch=True).filter(str.isascii)


KEYS = st.sampled_from(keys._FORMS).flatmap(written)
SECRETS = st.tuples(
    st.sampled_from(["aws_secret_access_key", "api-key", '"apiKey"', "DB_PASSWORD", "config['token']", "client secret",
                     "pwd", "contraseña", "senha", "credentials", "passphrase", "refreshToken", "Passwort", "mot de passe"]),
    st.sampled_from([": ", "=", " := ", ' = "', "=>", "='"]),
    st.text("abcdefgXYZ0123456789+/-_.", min_size=8, max_size=44),
).map("".join)  # fmt: skip
NUMBERS = st.lists(
    st.tuples(
        st.from_regex(r"\(?[0-9]{1,5}\)?", fullmatch=True),
        st.sampled_from([" ", "-", ".", "/", "", " - ", "\u00a0", "\u2013", "[.]", " x", "ext. "]),
    ),
    min_size=2,
    max_size=8,
).map(lambda pairs: "".join(a + b for a, b in pairs))
HEXADECIMAL = st.lists(
    st.tuples(st.from_regex(r"[0-9a-fA-F]{0,4}", fullmatch=True), st.sampled_from([":", "-", "::", "."])),
    min_size=3,
    max_size=9,
).map(lambda pairs: "".join(a + b for a, b in pairs)[:-1])
NAMES = st.from_regex(r"[a-zA-Zé][a-z0-9.+_%']{0,8}", fullmatch=True)
ADDRESSES = st.tuples(
    NAMES,
    st.sampled_from(["@", "%40", "＠", " @ ", " AT ", " at ", "[at]", "(at) ", "_at_", "{ at }"]),
    NAMES,
    st.sampled_from([".", " DOT ", " dot ", "[dot]", " . ", "_dot_"]),
    st.sampled_from(["com", "org", "ORG", "net", "uk"]),
).map("".join)
_FIXED = """
4111111111111111 4111.1111.1111.1111 GB29NWBK60161331926819 219-09-9999 SSN 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa
https://bob:pw@host.example -----BEGIN 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed phone: 手机 13800138000 Bearer
+1(315)773-4209x12 8-800-555-35-35 Позвоните 2001:4860:4860::8888 aa:bb:cc:dd:ee:ff twilio"""
FIXED = st.sampled_from(_FIXED.split())
PIECES = st.one_of(KEYS, SECRETS, NUMBERS, HEXADECIMAL, ADDRESSES, FIXED, st.text(max_size=6))
DOCUMENTS = st.lists(
    st.tuples(PIECES, st.sampled_from([" ", "\n", ", ", "", "_", "-", "."])), min_size=1, max_size=5
).map(lambda pairs: "".join(piece + gap for piece, gap in pairs))


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS)
@example("xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzzqgy")
@example("xapp-1-A0B1C2D3E-1234567890123-abcdef0123456789")
@example("hvs.CAESIJlULMLQZqAbcdefghijklmnop")
@example("aa:bb:cc:dd:ee:ff")
@example("phone 2125550142x135")
@example("GB29NWBK60161331926819  GB29NWBK60161331926819 GB29NWBK60161331926819, ")
@example("AB12 GB29NWBK60161331926819-GB29NWBK60161331926819")
def test_what_detectors_find_in_whole_documents_is_what_is_found(text: str) -> None:
    document = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    assert by_stretches(document) == over_whole(document.encode())


@settings(max_examples=150, deadline=None)
@given(KEYS, st.sampled_from(["", "key ", "(", '"', "url=", "key: "]), st.sampled_from(["", " ", ")", '"', "\n", ","]))
def test_every_form_of_key_is_found_wherever_it_stands(key: str, before: str, after: str) -> None:
    """But for what is so regular that no key can be told from a word: letters of one case."""
    if not keys._KEY.fullmatch(key.encode()) or not any(
        (keys._DIGIT.search(key.encode()), keys._UPPER_AND_LOWER.search(key.encode()))
    ):
        return
    (spans,) = pii.find([before + key + after])
    assert any(span.start <= len(before) and len(before) + len(key) <= span.end for span in spans), spans


@pytest.mark.slow
def test_the_same_holds_on_real_pages(shared_data: Path) -> None:
    for text in extracted_pages(shared_data, most=300):
        assert by_stretches(text) == over_whole(text.encode())


@pytest.mark.parametrize("module", [emails, keys, network, secrets])
def test_every_detector_stands_in_the_table(module: object) -> None:
    """A function `find_...` that no row names would find nothing."""
    here = {value for name, value in vars(module).items() if name.startswith("find_")}
    assert here <= {row.find for row in BUILT_IN}
