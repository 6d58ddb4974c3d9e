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

from curate.audit.compare import compare, compared
from curate.audit.diff import diff
from curate.audit.finished_run import AuditError, OpenedRun
from curate.audit.report.against import comparison_page
from curate.audit.report.shared_picture import comparison_picture
from curate.cli.main import main
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
    from curate.audit.finished_run import open_finished

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
        domains=tuple((name, *range(16)) for name in odd),
        languages=(),
    )
    html = comparison_page(many, [("k" * 9000, None, "<b>")] * 500)
    assert "<script" not in html and "alert(3)" in html and len(html) < 500_000
    assert "9 smaller sets" not in html and "4 smaller sets are left out" in html


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(320, "dark"), (1280, "light")])
def test_a_comparison_fits_every_width(browser: Any, tmp_path: Path, width: int, theme: str) -> None:
    path = tmp_path / "page.html"
    path.write_text(comparison_page(compared([planted_run(False), planted_run(True)])))
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
    answer = json.loads(capsys.readouterr().out)
    assert [each["run"] for each in answer["runs"]] == ["c4", "gopher"]
    assert answer["read_by_all"] > 150 and all(each["documents"] > 100 for each in answer["runs"])


def test_a_recipe_without_one_crawl_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "x.warc.gz", "--recipes", "pile", "--out", str(tmp_path)]) == 2
    assert "recipe 'pile' has no source 'web' of WARC files" in capsys.readouterr().err
