"""The picture of a run: its numbers are the run's, its dots the sample's documents, and its words no document's own."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from curate.audit.report.run_picture import run_picture
from curate.cli.main import main
from tests.support.planted import planted_run
from tests.support.reports import unpacked

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("command", ["report", "compare"])
def test_a_picture_is_called_what_it_is(command: str, tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        main([command, str(tmp_path), "--picture", str(tmp_path / "run.png")])
    assert "run.png: the picture is an SVG; name a file that ends in .svg" in capsys.readouterr().err


def test_a_run_s_picture_has_its_yield_and_a_dot_for_each_document_of_the_sample(tmp_path: Path, capsys: Any) -> None:
    opened = planted_run(True)
    file = tmp_path / "run.svg"
    assert main(["report", str(opened.folder), "--format", "json", "--picture", str(file)]) == 0
    capsys.readouterr()
    root = ElementTree.parse(file).getroot()
    assert root.attrib["viewBox"] == "0 0 1200 630" and file.stat().st_size < 100_000
    rows = unpacked((opened.folder / "report.html").read_text("utf-8"))
    kept = rows["fate"]["of"].count(rows["fate"]["words"].index("kept"))
    dots = [
        each.attrib["d"].count("M") for each in root.iter(f"{SVG}path")
    ]  # of a fate each, and one of each in the legend
    assert kept in dots and sum(dots) - dots.count(1) <= len(rows["id"]) <= sum(dots)
    words = " ".join(each.text or "" for each in root.iter(f"{SVG}text"))
    documents = sum(opened.stats["sources"][name]["documents"] for name in ("web", "books"))
    assert f"extracted: {documents:,} documents" in words
    clumps = {each.text for each in root.iter(f"{SVG}text") if each.attrib.get("class") == "clump"}
    assert clumps == {named for *_, named in rows["map"]["clumps"]}
    assert "@" not in words and not re.search("<script|http:(?!//www.w3.org)", file.read_text())


def test_a_run_whose_texts_are_not_shown_has_a_picture_without_a_map() -> None:
    hidden = run_picture(dataclasses.replace(planted_run(True), texts="none"))
    assert "no map was drawn" in hidden and "dots kept" not in hidden


def test_a_picture_of_several_runs_is_refused_with_what_draws_it(capsys: Any, tmp_path: Path) -> None:
    folder = str(planted_run(True).folder)
    assert main(["report", folder, folder, "--picture", str(tmp_path / "no.svg")]) == 2
    assert "compare --picture FILE.svg" in capsys.readouterr().err and not (tmp_path / "no.svg").exists()
