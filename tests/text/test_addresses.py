"""The host of an address: the same for reports, mixtures and removal by domain."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.audit.ledger import _hosts
from curate.audit.removals import Removal, key_of, matcher
from curate.mixture.groups import domains
from curate.text.addresses import domain_name, host, hosts


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.Example.org:8080/a?b#c", "example.org"),
        ("http://user:pass@word@example.org/", "example.org"),
        ("HTTP://EXAMPLE.ORG.", "example.org"),
        ("  https://a.b/ ", "a.b"),
        ("http://[2001:DB8::1]:80/x", "[2001:db8::1]"),
        ("http://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("http://Bücher.example/", "bücher.example"),
        ("http://example.org\\@evil.example/", "example.org"),
        ("ftp://www.www.example/", "www.example"),
        ("http:///path", None),
        ("mailto:a@b.c", None),
        ("//example.org/", None),
        ("", None),
    ],
)
def test_the_host_is_lower_case_without_user_port_www_and_final_dot(url: str, expected: str | None) -> None:
    assert host(url) == expected


def test_a_null_has_no_host_and_large_strings_are_strings() -> None:
    for kind in (pa.string(), pa.large_string()):
        assert hosts(pa.array([None, "http://a.b/"], kind)).to_pylist() == [None, "a.b"]
        assert hosts(pa.array([], kind)).to_pylist() == []


@settings(deadline=None, derandomize=True)
@given(st.lists(st.text("aA.:/@?#[]-wé\\ \n", max_size=24).map("http://".__add__) | st.text(max_size=8), max_size=8))
@pytest.mark.slow
def test_reports_mixtures_removal_and_sql_name_the_same_host(urls: list[str]) -> None:
    column = pa.array(urls, pa.string())
    names = hosts(column).to_pylist()
    assert domains(column).to_pylist() == [name or "none" for name in names]
    asked = duckdb.connect()
    asked.create_function("host_of", _hosts, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special")
    for url, name in zip(urls, names, strict=True):
        assert asked.execute("select host_of(?)", [url]).fetchone() == (name,)
        if name is not None:
            found = matcher([Removal("domain", key_of("domain", name), "", "")])
            assert found.matches([bytes(16)], [url], [None], [""]).tolist() == [True]
            assert domain_name(name) == name or name.startswith("www.") or name != name.strip()
