"""URL packs: what an address is refused for, with lists of any size and with none."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.filters import PackError
from curate.filters.url import load_url
from curate.filters.url_lists import DOMAINS, URLS, WORDS, codes_of, count_matches
from curate.text.columns import text_buffers


def refused(addresses: list[str | None], rule: str, entries: str, tmp_path: Path, pack: str = "url") -> list[bool]:
    (tmp_path / "list.txt").write_text(entries)
    failures = load_url(pack, base=tmp_path, lists={rule: "list.txt"}).failures(pa.array(addresses, pa.string()))
    return failures[rule if pack == "url" else "karma"].tolist()


def test_a_pack_without_lists_refuses_nothing() -> None:
    failures = load_url("url").failures(pa.array(["http://a.com", None, ""]))
    assert len(failures) == 7
    assert not any(failed.any() for failed in failures.values())


def test_a_listed_domain_stands_for_its_subdomains(tmp_path: Path) -> None:
    addresses = {
        "http://bad.com": True,
        "https://www.BAD.com:8080/x?y=1#z": True,
        "http://user:word@a.b.bad.com./": True,
        "http://notbad.com/": False,
        "http://bad.com.evil.org/": False,
        "http://good.com/http://bad.com/": False,
        "http://a.co.uk/": True,
        "http://co.uk/": False,
        "bad.com/page": True,
        "": False,
        "http://": False,
    }
    found = refused(list(addresses), "blocked_domains", "# a comment\nBad.com\n\n*.a.co.uk\n", tmp_path)
    assert dict(zip(addresses, found, strict=True)) == addresses


def test_an_allowlist_refuses_what_it_lacks_and_what_has_no_address(tmp_path: Path) -> None:
    found = refused(["http://a.good.com/x", "http://other.com/", None], "allowed_domains", "good.com", tmp_path)
    assert found == [False, True, True]


def test_a_whole_address_is_found_in_any_usual_spelling(tmp_path: Path) -> None:
    addresses = {
        "http://a.com/x?q=1": True,
        "https://A.com:443/x?q=1#part": True,
        "http://a.com:8080/x?q=1": False,
        "http://a.com/X?q=1": False,
        "http://b.com": True,
        "http://b.com/": True,
        "http://b.com/y": False,
    }
    found = refused(list(addresses), "blocked_urls", "http://a.com/x?q=1\nhttps://b.com/\n", tmp_path)
    assert dict(zip(addresses, found, strict=True)) == addresses


def test_words_stand_alone_and_substrings_do_not(tmp_path: Path) -> None:
    addresses: list[str | None] = ["http://a.com/free-CASINO/", "http://casinos.com/", "http://a.com/"]
    assert refused(addresses, "blocked_words", "casino", tmp_path) == [True, False, False]
    assert refused(addresses, "blocked_substrings", "casino", tmp_path) == [True, True, False]
    assert refused(["http://a.com/x-y", "http://a.com/x"], "suspect_words", "x\ny", tmp_path) == [True, False]


def test_webtext_takes_links_with_three_karma(tmp_path: Path) -> None:
    entries = "http://a.com/1\t3\nhttp://a.com/2\t2\nhttp://a.com/3 12\nhttp://a.com/4\t-5\nhttp://a.com/5\n"
    found = refused([f"https://a.com/{n}" for n in range(1, 7)], "outlinks", entries, tmp_path, "webtext-urls")
    assert found == [False, True, False, True, True, True]


def test_lists_may_be_gzipped_and_are_read_by_address_too(tmp_path: Path) -> None:
    (tmp_path / "list.gz").write_bytes(gzip.compress(b"bad.com\n"))
    for path in ("list.gz", f"file://{tmp_path}/list.gz"):
        pack = load_url("url", base=tmp_path, lists={"blocked_domains": path})
        assert pack.failures(pa.array(["http://bad.com"]))["blocked_domains"].tolist() == [True]


@pytest.mark.parametrize(
    ("pack", "message"),
    [
        ("{name: x, urls: {a: {block: domains}}}", "either list or values"),
        ("{name: x, urls: {a: {block: domains, allow: urls, values: [a]}}}", "either block or allow"),
        ("{name: x, urls: {a: {block: domain, values: [a]}}}", "did you mean 'domains'"),
        ("{name: x, urls: {a: {block: domains, list: b}}}", "declares no list 'b'"),
        ("{name: x, urls: {a: {block: domains, values: a}}}", "expected a list of strings"),
        ("{name: x, urls: {a: {block: words, values: [a], at_least: two}}}", "expected a whole number"),
        ("{name: x, urls: {a: {block: words, valeus: [a]}}}", "did you mean 'values'"),
        ("{name: x, lists: {a: none.txt}, urls: {a: {block: words, list: a}}}", "cannot read"),
        ("{name: x, urls: [1]}", "expected mappings"),
    ],
)
def test_a_mistake_says_where_and_what_would_be_right(tmp_path: Path, pack: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(pack)
    with pytest.raises(PackError) as error:
        load_url("mine.yaml", base=tmp_path)
    assert message in str(error.value)


def test_entries_can_stand_in_the_pack(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("{name: x, urls: {a: {block: substrings, values: [/tag/]}}}")
    pack = load_url("mine.yaml", base=tmp_path)
    assert pack.failures(pa.array(["http://a.com/TAG/x", "http://a.com/tag"]))["a"].tolist() == [True, False]


@settings(deadline=None, derandomize=True)
@given(st.lists(st.text("ab.:/@?#-1é", max_size=20), max_size=8))
def test_no_address_breaks_the_matching(addresses: list[str]) -> None:
    data, bounds = text_buffers(pa.array(addresses, pa.string()))
    listed = "\n".join(addresses).encode()
    for kind in (DOMAINS, WORDS, URLS):
        found = count_matches(data, bounds, kind, codes_of(listed, kind))
        assert (found >= 0).all()
    own = [bool(address.strip()) and not address.startswith("#") for address in addresses]
    assert count_matches(data, bounds, URLS, codes_of(listed, URLS)).astype(bool)[np.array(own, bool)].all()


def test_a_million_entries_are_looked_up_by_hash(tmp_path: Path) -> None:
    entries = "\n".join(f"site{number}.org" for number in range(1_000_000))
    addresses: list[str | None] = [f"https://www.site{number}.org/" for number in (0, 999_999, 1_000_000)]
    found = refused(addresses, "blocked_domains", entries, tmp_path)
    assert found == [True, True, False]
