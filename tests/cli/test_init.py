"""`curate init`: from an empty folder to a pipeline file that runs, over the sample or files of one's own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from curate.cli.main import main
from curate.config.bundled import recipes, sample_folder
from curate.config.reading import read_pipeline
from curate.config.schema import ATTACH
from curate.ingest.columns import look_up
from curate.pipeline.check import check_inputs
from curate.pipeline.run import find_inputs
from curate.pipeline.start import SAMPLE, StartError, start
from curate.storage import list_files
from tests.support.archives import pages, record

PROSE = "The ferry left the harbour with the people and the post of that day, and nobody missed it. " * 8


def written(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def table(path: Path, **columns: list[object]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return str(path)


def test_init_asks_nothing_and_what_it_writes_can_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    assert "curate run pipeline.yaml" in said and "curate try pipeline.yaml" in said
    text = Path("pipeline.yaml").read_text()
    assert text.startswith(ATTACH) and text.count("#") > 10, "commented"
    assert main(["run", "pipeline.yaml", "--engine", "serial"]) == 0
    told = capsys.readouterr().out
    assert "Report: file://" in told and "report.html" in told
    commands = [line.split("#")[0].split()[1:] for line in told.splitlines() if line.startswith("  curate ")]
    assert len(commands) == 2
    for arguments in commands:
        assert main(arguments) == 0, arguments
        assert capsys.readouterr().out


def test_what_was_written_is_not_written_over_unasked(tmp_path: Path) -> None:
    start(tmp_path)
    (tmp_path / "pipeline.yaml").write_text("mine")
    with pytest.raises(StartError, match="there already: --replace"):
        start(tmp_path)
    assert (tmp_path / "pipeline.yaml").read_text() == "mine"
    start(tmp_path, replace=True)
    assert (tmp_path / "pipeline.yaml").read_text() != "mine"


def test_a_file_of_ones_own_where_the_sample_goes_is_not_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "sample" / "web" / "web-00000.warc.gz"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(StartError, match=r"web-00000\.warc\.gz is there already"):
        start(tmp_path)
    assert mine.read_bytes() == b"mine" and not (tmp_path / "pipeline.yaml").exists()
    start(tmp_path, replace=True)
    assert mine.read_bytes() != b"mine"


@pytest.mark.parametrize("recipe", [path.stem for path in recipes()])
def test_every_recipe_begins_a_pipeline_over_the_sample(recipe: str, tmp_path: Path) -> None:
    file = read_pipeline(start(tmp_path / "new", recipe).file)
    inputs = find_inputs(file)
    check_inputs(file, inputs)
    assert all(inputs.values())
    assert all(Path(each.path).is_relative_to(tmp_path) for files in inputs.values() for each in files)
    own = next(path for path in recipes() if path.stem == recipe).read_text()
    comments = [line for line in own.splitlines() if line.lstrip().startswith("#")]
    assert [line for line in comments if line not in (tmp_path / "new" / "pipeline.yaml").read_text()] == []


KINDS = ("parquet", "jsonl", "warc", "wet")


@pytest.mark.parametrize(
    ("recipe", "kind"),
    [(None, kind) for kind in KINDS]
    + [(path.stem, KINDS[(number + more) % 4]) for number, path in enumerate(recipes()) for more in (0, 2)],
)
def test_data_of_any_format_takes_the_place_of_a_recipe_s(recipe: str | None, kind: str, tmp_path: Path) -> None:
    data = {
        "jsonl": lambda: written(tmp_path, "my [2024]/x.json.gz", gzip.compress(json.dumps({"body": PROSE}).encode())),
        "parquet": lambda: table(tmp_path / "my [2024]" / "x.pq", content=[PROSE], Title=["T"]),
        "warc": lambda: written(tmp_path, "x.gz", gzip.compress(b"".join(pages(3)))),
        "wet": lambda: written(tmp_path, "x", record(b"Tides follow.", "conversion", Content_Type="text/plain")),
    }[kind]()
    made = start(tmp_path / "new", recipe, [data])
    file = read_pipeline(made.file)
    (name,) = made.looked
    assert file.pipeline.sources[name].read.format == kind
    inputs = find_inputs(file)
    check_inputs(file, inputs)
    assert [each.path for each in inputs[name]] == [data]


def test_columns_are_found_in_the_first_file_and_the_others_carried_along(tmp_path: Path) -> None:
    data = table(
        tmp_path / "a.parquet",
        doc_id=["1"], content=[PROSE], source_url=["http://a/"], timestamp=["2024-01-01"], stars=[3], license=["MIT"],
    )  # fmt: skip
    read = read_pipeline(start(tmp_path / "new", "fineweb", [data]).file).pipeline.sources["web"].read
    assert (read.text, read.id, read.url, read.date) == ("content", "doc_id", "source_url", "timestamp")
    assert read.metadata == ("stars", "license")


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"label": ["a"], "passage": [PROSE]}, "passage"),
        ({"text": ["a"], "passage": [PROSE]}, "text"),
        ({"Content": ["a"], "n": [1]}, "Content"),
    ],
)
def test_the_text_is_the_column_named_so_or_the_longest(
    columns: dict[str, list[object]], text: str, tmp_path: Path
) -> None:
    found = look_up(list_files([table(tmp_path / "a.parquet", **columns)]))
    assert found.text == text
    lines = written(tmp_path, "a.jsonl", json.dumps({name: values[0] for name, values in columns.items()}).encode())
    assert look_up(list_files([lines])).text == text


def test_patterns_are_seen_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "my" / "a.parquet", text=[PROSE])
    made = start(Path("deep/new"), data=["my/*.parquet"])
    assert yaml.safe_load(made.file.read_text())["sources"]["documents"]["read"]["paths"] == ["../../my/*.parquet"]
    assert not made.sample and not (Path("deep/new") / SAMPLE).exists()


def test_a_source_is_named_before_its_files(tmp_path: Path) -> None:
    data = table(tmp_path / "a=b.parquet", text=[PROSE])
    made = start(tmp_path / "new", "gpt3", [f"books1={data}"])
    sources = read_pipeline(made.file).pipeline.sources
    assert sources["books1"].read.format == "parquet"
    assert "sample" in sources["books2"].read.paths[0]
    assert "reads the package's small invented sample" in made.file.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fine-web"], "no recipe 'fine-web'; did you mean 'fineweb'?"),
        (["gpt3", "--data", "boks1=x.jsonl"], "no source 'boks1'; did you mean 'books1'?"),
        (["--data", "nothing/*.parquet"], "no file matches"),
        (["--data", "binary"], "is of no format that is read"),
        (["--data", "numbers.parquet"], "has no column of text; its columns are n"),
        (["--data", "folder"], "is a folder: name its files"),
    ],
)
def test_what_cannot_be_begun_with_says_what_would_be_right(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "binary", b"root:x:0:0")
    table(tmp_path / "numbers.parquet", n=[1])
    (tmp_path / "folder").mkdir()
    assert main(["init", *arguments]) != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "pipeline.yaml").exists()


def test_the_sample_is_small_and_its_records_are_the_example_s() -> None:
    files = [path for path in sample_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 200_000
    example = b"".join(path.read_bytes() for path in sorted((sample_folder().parent / "web").glob("*.gz")))
    members = [
        part for path in sample_folder().glob("web/*.gz") for part in path.read_bytes().split(b"\x1f\x8b\x08\x00")
    ]
    assert len(members) > 50
    assert [part for part in members if part not in example] == []


def test_a_recipe_s_name_is_a_recipe_where_a_folder_has_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fineweb").mkdir()
    assert main(["recipes", "show", "fineweb"]) == 0
