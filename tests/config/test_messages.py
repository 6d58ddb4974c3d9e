"""What is said of a mistake: the nearest right word, at the line or the `--set` where it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.cli.main import main
from curate.config.bundled import sample_folder
from curate.errors import nearest
from curate.text.language_codes import LANGUAGES, meant
from tests.support.mistakes import FILE, SET, WRITTEN


@pytest.fixture
def file(tmp_path: Path) -> Path:
    text = FILE.replace("WEB", str(sample_folder() / "web")).replace("REF", str(sample_folder() / "reference"))
    (tmp_path / "p.yaml").write_text(text)
    return tmp_path / "p.yaml"


def said(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    assert main([str(each) for each in arguments]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "expected"),
    SET,
)
def test_a_value_set_wrongly_is_told_where_it_was_set(
    change: str, expected: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in said(["check", file, "--set", change], capsys)


@pytest.mark.parametrize(
    ("right", "wrong", "place", "expected"),
    WRITTEN,
)  # fmt: skip
def test_a_mistake_in_a_file_is_told_at_its_line(
    right: str, wrong: str, place: int, expected: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"WEB": str(sample_folder() / "web"), "REF": str(sample_folder() / "reference")}
    text = FILE.replace(right, wrong, 1)
    for name, folder in places.items():
        text = text.replace(name, folder)
    file.write_text(text)
    lines = [line for line in said(["check", file], capsys).splitlines() if expected in line]
    assert lines and f"p.yaml:{place}: " in lines[0], lines


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("english", "en"),
        ("German", "de"),
        ("EN", "en"),
        ("en-US", "en"),
        ("zh_CN", "zh"),
        ("deu", "de"),
        ("portugese", "pt"),
    ],
)
def test_a_language_by_another_name_is_told_by_its_code(word: str, code: str) -> None:
    assert meant(word) == f"; did you mean {code!r}?"
    assert code in LANGUAGES


def test_case_and_joints_are_no_other_word() -> None:
    assert nearest("Gopher_Quality", ["gopher-repetition", "gopher-quality"]) == "; did you mean 'gopher-quality'?"


def test_a_folder_is_told_with_the_ending_of_its_files(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = file.parent / "my [data]"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.parquet", "b.parquet", "README.md"):
        (folder / name).touch()
    assert f"for example {folder}/*.parquet" in said(
        ["check", file, "--set", f"sources.ref.read.paths={folder}"], capsys
    )
    assert "it matches folders only" in said(
        ["check", file, "--set", f"sources.ref.read.paths=['{file.parent}/my*']"], capsys
    )
