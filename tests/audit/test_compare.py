"""Runs beside each other: yields, agreement record by record, and one crawl through several recipes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.audit.compare import Kind, compare, compared
from curate.audit.diff import compare as flips_of
from curate.audit.diff import diff
from curate.audit.finished_run import AuditError, OpenedRun, open_finished
from curate.audit.only_here import only_here
from curate.audit.report.against import comparison_page, write_comparison
from curate.audit.report.flips import documents_of, fates_picture
from curate.audit.report.shared_picture import comparison_picture
from curate.cli.main import main
from curate.pipeline.run import run
from curate.text.html import share_of
from tests.support.planted import planted_run, scored_run
from tests.support.running import EXAMPLE


def kept(opened: OpenedRun) -> dict[bytes, int]:
    table = pa.concat_tables([pq.read_table(path, columns=["id", "kept", "tokens"]) for path in opened.ledger])
    return {row["id"]: row["tokens"] for row in table.to_pylist() if row["kept"]}


def read(opened: OpenedRun) -> set[bytes]:
    return {id for path in opened.ledger for id in pq.read_table(path, columns=["id"]).column("id").to_pylist()}


def test_who_keeps_what_is_counted_record_by_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = planted_run(False)
    out = tmp_path / "tighter"
    file = str(first.folder.parent / "planted.yaml")
    assert main(["run", file, "--engine", "serial", "--out", str(out), "--set", "filters.own.few.min=100"]) == 0
    capsys.readouterr()
    assert main(["compare", str(first.folder), str(out), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    second = open_finished(out)
    mine, theirs = kept(first), kept(second)
    assert answer["read_by_all"] == len(read(first) & read(second)) == 790
    (pair,) = answer["agreement"]
    assert (pair["both"], pair["either"]) == (len(mine.keys() & theirs.keys()), len(mine.keys() | theirs.keys()))
    assert [each["kept"] for each in answer["runs"]] == [len(mine), len(theirs)]
    assert [each["only_kept_here"] for each in answer["runs"]] == [len(mine.keys() - theirs), len(theirs.keys() - mine)]
    assert answer["runs"][0]["tokens_only_here"] == sum(mine[id] for id in mine.keys() - theirs)
    settings = diff(first, second, 0).data["settings"]  # type: ignore[call-overload]
    assert settings == [{"key": "filters.own.few.min", "first": 30.0, "second": 100.0}], "30 is the pack's own bound"
    assert {tuple(each["runs"]): each["records"] for each in answer["kept_by"] if each["runs"]} == {
        ("run", "tighter"): len(mine.keys() & theirs.keys()),
        ("run",): len(mine.keys() - theirs),
    }
    assert sum(each["records"] for each in answer["kept_by"]) == 790

    page = tmp_path / "pages" / "two.html"
    page.parent.mkdir()
    assert main(["compare", str(first.folder), str(out), "--html", str(page)]) == 0
    assert "written: file://" in capsys.readouterr().err
    html = page.read_text()
    assert f"Of {len(mine):,} records that any keeps, all keep" in html and 'href="../tighter/report.html"' in html
    assert re.search(r"few\.<wbr>min.*?<code>30</code>.*?→.*?<code>100</code>", html), "a setting, from and to"
    for headline in (f"run keeps most, {share_of(len(mine), 790)}", f'<td class="n">{len(mine.keys() - theirs)}</td>'):
        assert headline in html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy and "script-src" not in policy[1] and "<script" not in html and len(html) < 100_000

    assert main(["diff", str(first.folder), str(out), "--html", str(tmp_path / "diff.html")]) == 0
    told = (tmp_path / "diff.html").read_text()
    moved = len(mine.keys() - theirs)
    assert f'<td class="n">{moved}</td>' in told and "own/<wbr>few" in told


def test_a_picture_has_a_bar_for_each_run_as_long_as_what_it_keeps() -> None:
    found = compared([planted_run(False), scored_run(True)])
    kept_by = {(0, 1): 300, (0,): 200, (1,): 100, (): 400}
    drawn = comparison_picture(found._replace(names=("a", "<b>"), kept_by=kept_by, shared=1000), "Two & two")
    root = ElementTree.fromstring(drawn)
    assert root.attrib["viewBox"] == "0 0 1200 630"
    widths = {kind: [] for kind in ("soft", "all", "some", "only")}  # type: dict[str, list[float]]
    for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
        if rect.attrib["class"] in widths and rect.attrib["width"] != "18":
            widths[rect.attrib["class"]].append(float(rect.attrib["width"]) / 560)
    assert widths == {
        "soft": [1, 1],
        "all": pytest.approx([0.3, 0.3]),
        "some": [0, 0],
        "only": pytest.approx([0.2, 0.1], rel=1e-3),
    }
    words = " ".join(text for each in root.iter() if (text := each.text))
    assert "Two & two" in words and "<b>" in words and "50 % ·" in words and "40 % ·" in words


def test_a_comparison_of_many_runs_with_odd_names_is_a_small_page_that_runs_nothing() -> None:
    found = compared([planted_run(False), scored_run(True)])
    odd = tuple(f"<script>alert({number})</script>{'x' * 400}" for number in range(16))
    row = found.yields[0]
    pairs = tuple((a, b, 5, 9, 55.6) for place, a in enumerate(odd) for b in odd[place + 1 :])
    many = found._replace(
        names=odd,
        yields=tuple((name, *row[1:]) for name in odd),
        pairs=pairs,
        shared=9,
        kept_by={tuple(range(number)): number for number in range(17)},
        domains=tuple(Kind(name, *(tuple(range(16)) for _ in range(3))) for name in odd),
        lost=tuple((name, *(number / 16 for number in range(16))) for name in odd),
        languages=(),
    )
    html = comparison_page(many, [("k" * 9000, None, "<b>")] * 500)
    assert "<script" not in html and "alert(3)" in html and len(html) < 500_000
    assert "9 smaller sets" not in html and "4 smaller sets are left out" in html


def tighter(folder: Path) -> OpenedRun:
    """The clean planted run with another bound."""
    file = planted_run(False).folder.parent / "planted.yaml"
    run(file, ["filters.own.few.min=100"], folder, engine="serial")
    return open_finished(folder)


def test_a_report_of_two_runs_shows_who_changes_and_what_only_one_keeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = planted_run(False), tighter(tmp_path / "tighter")
    page = tmp_path / "pages" / "both.html"
    page.parent.mkdir()
    assert main(["report", str(first.folder), str(second.folder), "--html", str(page)]) == 0
    assert capsys.readouterr().out.strip() == str(page)
    html = page.read_text()
    lost = kept(first).keys() - kept(second)
    assert (
        f"{len(lost)} documents of 790 meet another fate; most often kept becomes dropped at own ({len(lost)})" in html
    )
    found = compared([first, second])
    read = only_here([first, second], found)
    assert [each.run for each in read] == [0] * 4 and {bytes.fromhex(each.id) for each in read} <= lost
    assert [each.id for each in read] == sorted(id.hex() for id in lost)[:4], "of the least ids"
    assert all(each.taken == (("own/few", 1),) and each.text[:40] in html for each in read)
    assert f"curate explain {first.folder} {read[0].id}" in html
    assert main(["report", str(first.folder), str(second.folder), "--html", str(page), "--no-texts"]) == 0
    assert read[0].text[:40] not in page.read_text()


def test_bands_of_fates_hold_every_document_that_both_runs_read(tmp_path: Path) -> None:
    first, second = planted_run(False), tighter(tmp_path / "tighter")
    fates = documents_of(flips_of(first, second, 0).fates)
    drawn = fates_picture(fates, ("first", "second"))
    told = [int(number.replace(",", "")) for number in re.findall(r": ([\d,]+) documents?</title>", drawn)]
    assert sum(told) == sum(fates.values()) == 790
    assert drawn.count('class="band tint8"') == 1, "what was kept and is dropped now stands out"


def test_shares_dropped_by_step_are_those_of_the_ledger(tmp_path: Path) -> None:
    runs = [planted_run(False), tighter(tmp_path / "tighter")]
    answer = compare(runs).data
    for number, each in enumerate(runs):
        rows = pa.concat_tables([pq.read_table(path, columns=["dropped_at"]) for path in each.ledger]).to_pylist()
        told = {row["step"]: row["shares"][answer["runs"][number]["run"]] for row in answer["dropped"]}  # type: ignore[call-overload]
        for step, share in told.items():
            assert share == pytest.approx(sum(row["dropped_at"] == step for row in rows) / len(rows))
        assert set(told) >= {row["dropped_at"] for row in rows} - {None}


def test_one_recipe_on_several_crawls_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs that differ only in what they read are one recipe; the page lies beside them and has no record by record."""
    for name in ("old", "new"):
        rows = [
            {"text": f"{name} word " * (20 + number), "url": f"https://{name}.example/{number}"} for number in range(50)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        pipeline = tmp_path / f"{name}.yaml"
        pipeline.write_text(
            f"name: {name}\nsources:\n  web:\n    read: {{format: jsonl, paths: [{name}.jsonl]}}\n"
            "    steps: [{filter: gopher-quality}]\ntokens: {tokenizer: gpt2}\n"
        )
        run(pipeline, (), tmp_path / "runs" / name, engine="serial")
    folders = [str(tmp_path / "runs" / name) for name in ("old", "new")]
    assert compare([open_finished(folder) for folder in folders]).data["one_recipe"] is True  # type: ignore[call-overload]
    assert main(["report", *folders]) == 0
    path = tmp_path / "runs" / "comparison.html"
    assert capsys.readouterr().out.strip() == str(path.resolve())
    html = path.read_text()
    assert "One recipe, 2 runs" in html and 'id="steps"' in html and 'id="agreement"' not in html
    assert compare([planted_run(False), scored_run(True)]).data["one_recipe"] is False  # type: ignore[call-overload]


def test_options_of_one_report_are_refused_for_several(capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(planted_run(False).folder)
    assert main(["report", folder, folder, "--against", folder]) == 2
    assert "without it" in capsys.readouterr().err
    assert main(["report", folder, "--html", "x.html"]) == 2
    assert "--html is for several runs" in capsys.readouterr().err


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(320, "dark"), (1280, "light")])
def test_a_comparison_fits_every_width(browser: Any, tmp_path: Path, width: int, theme: str) -> None:
    path = tmp_path / "page.html"
    runs = [planted_run(False), tighter(tmp_path / "tighter")]
    write_comparison(runs, compared(runs), path)
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.get_log("browser") == []
    paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(251, 250, 247)") is (theme == "light")


def test_runs_of_other_crawls_have_their_yields_and_no_agreement() -> None:
    answer = compare([planted_run(False), scored_run(True)]).data
    assert answer["read_by_all"] == 0 and answer["agreement"][0]["percent"] is None  # type: ignore[call-overload]


def test_one_run_is_no_comparison() -> None:
    with pytest.raises(AuditError, match="2 to 16 runs are compared, not 1"):
        compare([planted_run(False)])
    with pytest.raises(AuditError, match="named twice"):
        compare([planted_run(False), planted_run(False)])


@pytest.mark.slow
def test_one_crawl_goes_through_several_recipes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(str(path) for path in (EXAMPLE / "web").glob("*.warc.gz"))[:1]
    arguments = ["--recipes", "c4,gopher", "--sample", "200", "--out", str(tmp_path / "out"), "--format", "json"]
    assert main(["compare", *files, *arguments]) == 0
    told = capsys.readouterr()
    answer = json.loads(told.out)
    assert [each["run"] for each in answer["runs"]] == ["c4", "gopher"]
    assert [line for line in told.err.splitlines() if "recipe" in line] == [
        "c4, recipe 1 of 2",
        "gopher, recipe 2 of 2",
    ]
    assert answer["read_by_all"] > 150 and all(each["documents"] > 100 for each in answer["runs"])


def test_a_recipe_without_one_crawl_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before another has run."""
    assert main(["compare", "x.warc.gz", "--recipes", "c4,pile", "--out", str(tmp_path)]) == 2
    assert "recipe 'pile' has no source 'web' of WARC files" in capsys.readouterr().err
