"""Runs in which several engines extract every page, and one text of each is chosen when all was evaluated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import curate
from curate.audit.finished_run import open_finished
from curate.audit.whatif import decide, passing_texts, what_if
from curate.errors import ConfigError
from curate.pipeline.run import Run
from tests.audit.test_takedown import texts_below
from tests.support.archives import record, response
from tests.support.reports import unpacked
from tests.support.running import curate as command
from tests.support.running import product

ENGINES = """
import re

def short(html):
    return "Too short." if "<p>" in html else ""

def long(html):
    return " ".join(re.findall(r">([^<]+)", html)) if "long" in html else ""
"""
PACK = """
name: sized
about: Lengths.
source: none
rules:
  enough: {metric: words, min: MIN, why: short texts say little}
"""
PIPELINE = """
name: several
sources:
  web:
    read: {format: warc, paths: [FOLDER/*.warc]}
    steps:
      - extract: EXTRACT
      - filter: FOLDER/sized.yaml
tokens: {tokenizer: gpt2}
shards: {validation: 0}
"""
WORDS = "Boil fresh water and pour it over the leaves then wait for four minutes before you drink. "
PAGES = {
    "http://own.example/": f"<p>{WORDS * 3}",
    "http://long.example/": f"<title>long</title><p>Tea.<script>{WORDS * 3}</script>",
    "http://none.example/": "<p>Tea.",
    "http://empty.example/": "<script>only()</script>",
    "http://one.example/": f"<title>long</title><script>{WORDS * 3}</script>",
}


@pytest.fixture(autouse=True)
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "otherengines.py").write_text(ENGINES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")


def pipeline(
    folder: Path, extract: str = "{also: ['otherengines:short', 'otherengines:long']}", least: int = 20
) -> Path:
    blocks = [record(response(page.encode()), WARC_Target_URI=url) for url, page in PAGES.items()]
    (folder / "pages.warc").write_bytes(b"".join(blocks))
    (folder / "sized.yaml").write_text(PACK.replace("MIN", str(least)))
    (folder / "p.yaml").write_text(PIPELINE.replace("FOLDER", str(folder)).replace("EXTRACT", extract))
    return folder / "p.yaml"


def run(folder: Path, *args: Any, out: str = "run", **more: Any) -> Run:
    return curate.run(pipeline(folder, *args), out=folder / out, **({"engine": "serial"} | more))


def rows(made: Run) -> dict[str, dict[str, Any]]:
    return {row["url"]: row for row in made.ledger().to_table().to_pylist()}


def test_the_first_text_that_passes_every_rule_is_kept_and_its_engine_is_in_the_ledger(tmp_path: Path) -> None:
    made = run(tmp_path)
    found = rows(made)
    assert {url: (row["extract.engine"], row["kept"]) for url, row in found.items()} == {
        "http://own.example/": ("curate", True),
        "http://long.example/": ("otherengines:long", True),
        "http://none.example/": ("curate", False),
        "http://empty.example/": (None, False),
        "http://one.example/": ("otherengines:long", True),
    }
    saved = found["http://long.example/"]
    assert saved["sized.words"] == saved["sized.words@otherengines:long"] > 20 > saved["sized.words@curate"]
    assert saved["chars"] == saved["extract.chars@otherengines:long"] > len("Tea.") == saved["extract.chars@curate"]
    assert found["http://one.example/"]["extract.chars@curate"] == 0
    assert found["http://empty.example/"]["failed"] == ["extract/no-text"]
    assert found["http://none.example/"]["failed"] == ["sized/enough"]


def test_the_chosen_text_is_what_is_tokenized_explained_and_shown(tmp_path: Path) -> None:
    made = run(tmp_path)
    (explained,) = made.explain("http://long.example/")
    assert WORDS.strip() in str(explained) and "otherengines:short" in str(explained)
    assert rows(made)["http://long.example/"]["tokens"] > 50
    reader = unpacked((made.path / "report.html").read_text())
    shown = dict(zip(reader["url"], reader["text"], strict=True))
    assert WORDS.strip() in shown["http://long.example/"][0]
    assert shown["http://none.example/"] == ["Tea."]


def test_every_record_is_kept_or_dropped_and_numbers_say_how_many_texts_each_engine_gave(tmp_path: Path) -> None:
    made = run(tmp_path)
    stats = json.loads((made.path / "stats.json").read_text())["sources"]["web"]
    assert stats["records"] == 5 and stats["documents"] == 4 and stats["kept"] == 3
    assert stats["engines"] == {
        "curate": {"texts": 3, "passing": 1, "only": 1, "chosen": 2},
        "otherengines:short": {"texts": 3, "passing": 0, "only": 0, "chosen": 0},
        "otherengines:long": {"texts": 2, "passing": 2, "only": 2, "chosen": 2},
    }
    assert stats["chars"] == sum(row["chars"] or 0 for row in rows(made).values())
    for step in stats["funnel"]:
        assert step["in"] == step["kept"] + step["dropped"]
    assert "Texts by engine" in (made.path / "report.html").read_text()


def test_the_text_with_the_highest_value_of_a_column_can_be_chosen_or_always_an_engines(tmp_path: Path) -> None:
    also = "also: ['otherengines:short', 'otherengines:long']"
    most = rows(run(tmp_path, f"{{{also}, choose: sized.words}}", 1, out="most"))
    assert most["http://long.example/"]["extract.engine"] == "otherengines:long"
    assert most["http://none.example/"]["extract.engine"] == "otherengines:short"
    always = rows(run(tmp_path, f"{{{also}, choose: 'otherengines:short'}}", 1, out="always"))
    assert always["http://own.example/"]["extract.engine"] == "otherengines:short"
    assert always["http://one.example/"]["extract.engine"] == "otherengines:long"


def test_what_if_another_text_were_chosen_is_what_a_run_gives(tmp_path: Path) -> None:
    run(tmp_path)
    opened = open_finished(tmp_path / "run")
    for number, sets in enumerate(
        (
            ["sources.web.steps.extract.choose=otherengines:short"],
            ["filters.sized.enough.min=1"],
            ["filters.sized.enough.min=1", "sources.web.steps.extract.choose=sized.words"],
            ["filters.sized.enough.min=60"],
        )
    ):
        outcome = decide(opened, opened.changed(sets))
        again = curate.run(tmp_path / "p.yaml", out=tmp_path / f"again{number}", engine="serial", set=sets)
        kept = [row for row in rows(again).values() if row["kept"]]
        assert outcome.documents().low == outcome.documents().high == len(kept), sets
        by_engine = {engine: after for (_, engine), (_, after) in passing_texts(outcome.sums).items() if after}
        told = {row["extract.engine"] for row in kept}
        assert by_engine == {engine: sum(row["extract.engine"] == engine for row in kept) for engine in told}, sets
    answer = what_if(opened, ["sources.web.steps.extract.choose=otherengines:short"], 3)
    assert "Texts that pass every rule, by engine" in str(answer)


def test_a_threshold_or_another_choice_extracts_and_evaluates_nothing_again(tmp_path: Path) -> None:
    run(tmp_path)
    before = {path.name for path in (tmp_path / "run" / ".work").iterdir()}
    sets = ["filters.sized.enough.min=1", "sources.web.steps.extract.choose=otherengines:short"]
    curate.run(tmp_path / "p.yaml", out=tmp_path / "run", engine="serial", set=sets)
    new = {path.name.partition(".")[0] for path in (tmp_path / "run" / ".work").iterdir() if path.name not in before}
    assert not {name for name in new if name.startswith(("read", "evaluate"))} and "choose-web" in new


def test_the_same_bytes_come_from_any_number_of_workers(tmp_path: Path) -> None:
    one, two = (run(tmp_path, out=name, engine=name, workers=2) for name in ("serial", "ray"))
    assert product(one.path) == product(two.path)


def test_a_removed_page_is_taken_out_of_every_engines_texts(tmp_path: Path) -> None:
    made = run(tmp_path)
    holding = {name for name, text in texts_below(made.path) if WORDS.strip() in text}
    assert any("evaluate" not in name and name.endswith("documents-2") for name in holding)
    (tmp_path / "passages").write_text(WORDS.strip())
    command("remove", made.path, "--texts", tmp_path / "passages")
    assert not [name for name, text in texts_below(made.path) if WORDS.strip() in text]


@pytest.mark.parametrize(
    ("extract", "says"),
    [
        ("{choose: trafilatura}", "one engine"),
        ("{also: [curate]}", "named twice"),
        ("{also: [resiliparse], choose: sized.wrods}", "sized.words"),
        ("{also: [resiliparce]}", "resiliparse"),
        ("{also: [resiliparse], format: markdown}", "gives text"),
    ],
)
def test_a_choice_that_cannot_be_made_is_said_before_the_run(tmp_path: Path, extract: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        curate.run(pipeline(tmp_path, extract), out=tmp_path / "run", engine="serial")
