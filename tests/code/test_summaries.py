"""Sources are parsed once: a kept summary is the one that parsing gives, whatever lies in the cache folder."""

from pathlib import Path

import pytest

from curate.code.behaviour import behaviour
from curate.code.summaries import summary
from curate.text.caching import VARIABLE

SOURCES = sorted(Path("curate/engine").glob("*.py"))


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_kept_summary_says_what_parsing_says(path: Path) -> None:
    source = path.read_bytes()
    first, again = summary(source), summary(source)
    does = behaviour(source)
    assert first == again
    assert (again.imports, set(again.dotted), set(again.loaded)) == (does.imports, does.dotted, does.loaded)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"digest": 1}', b"\xff\xfe"])
def test_a_damaged_summary_is_made_again(damage: bytes, tmp_path: Path) -> None:
    right = summary(b"import os")
    [kept] = (tmp_path / "sources").iterdir()
    kept.write_bytes(damage)
    assert summary(b"import os") == right
    assert kept.read_bytes() != damage


def test_changed_code_has_another_summary_and_a_comment_has_not() -> None:
    assert summary(b"x = 1").digest == summary(b"x = 1  # one").digest != summary(b"x = 2").digest
