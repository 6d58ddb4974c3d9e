"""What is said of a mistake: the nearest right word, at the line or the `--set` where it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.cli.main import main
from curate.config.bundled import sample_folder
from curate.errors import nearest
from curate.text.language_codes import LANGUAGES, meant

FILE = """name: x
sources:
  web:
    read: {format: warc, paths: [WEB/*.warc.gz]}
    steps:
      - extract: {}
      - language: {keep: [en], minimum: 0.65}
      - filter: gopher-quality
  ref:
    read: {format: jsonl, paths: [REF/*.jsonl.gz]}
combine:
  - deduplicate: {exact: true}
"""


STEPS = FILE[FILE.index("    steps:") : FILE.index("\n  ref:")]


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
    [
        ("sources.wbe.read.limit=3", "no source 'wbe'; did you mean 'web'?"),
        ("limit=3", "did you mean 'sources.web.read.limit'?"),
        ("read.limit=3", "did you mean 'sources.web.read.limit'?"),
        ("web.read.limit=3", "did you mean 'sources.web.read.limit'?"),
        ("tokenizer=gpt2", "did you mean 'tokens.tokenizer'?"),
        ("gopher-quality.min_words=3", "write gopher-quality.min_words.min=3 or gopher-quality.min_words.max=3"),
        ("filters.gopher-quality.min_words=3", "write {min: 3}"),
        (
            "gopher-quality.min_wrds.min=3",
            "--set gopher-quality.min_wrds.min=3: filters.gopher-quality.min_wrds: gopher-quality has no rule 'min_wrds'; did you mean 'min_words'?",
        ),
        (
            "filters.gopher-qualty.min_words.min=3",
            "--set filters.gopher-qualty.min_words.min=3: filters.gopher-qualty: no filter step 'gopher-qualty'; did you mean 'gopher-quality'?",
        ),
        ("mixture.sources.wbe.weight=1", "no source 'wbe'; did you mean 'web'?"),
        (
            "language.keep=english",
            "--set language.keep=english: sources.web.steps[1].language.keep: the built-in model knows no language 'english'; did you mean 'en'?",
        ),
        ("language.keep=en,de", "a list is written [en, de]"),
        ("language.min=0.3", "did you mean 'minimum'?"),
        ("sources.web.steps.languag.minimum=0.3", "did you mean 'language'?"),
        ("deduplicate.scope=langauge", "no step makes a column 'langauge'; did you mean 'language'?"),
        ("deduplicate.minhash.jaccard=.8", "did you mean 'threshold'?"),
        ("deduplicate.minhash=5", "write {ngram: 5}"),
    ],
)
def test_a_value_set_wrongly_is_told_where_it_was_set(
    change: str, expected: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in said(["check", file, "--set", change], capsys)


@pytest.mark.parametrize(
    ("right", "wrong", "place", "expected"),
    [
        ("format: jsonl", "format: json", 10, "did you mean 'jsonl'?"),
        ("format: warc", "format: WARC", 4, "did you mean 'warc'?"),
        ("paths: [REF", "files: [REF", 10, "unknown key; did you mean 'paths'?"),
        (".gz]}\ncombine", ".gz], content: body}\ncombine", 10, "unknown key; did you mean 'text'?"),
        ("{exact: true}", "{exact: true, fuzzy: {ngram: 5}}", 12, "did you mean 'minhash'?"),
        (", paths: [REF/*.jsonl.gz]", "", 10, "give paths, or the name of a crawl"),
        ("/*.warc.gz", "", 4, "is a folder: name its files, for example "),
        ("- filter: gopher-quality", "- filter: [c4, gopher-quality]", 8, "one pack a step: write '- filter: NAME' for each"),
        ("- filter: gopher-quality", "- filter:", 8, "missing, as in `pack: gopher-quality`"),
        ("- filter: gopher-quality", "- filter: gopher_quality", 8, "did you mean 'gopher-quality'?"),
        ("- filter: gopher-quality", "- filter: url", 8, "it belongs in a step, '- url: {packs: [url]}'"),
        ("- filter: gopher-quality", "- deduplicate: {exact: true}", 8, "it stands under `combine`"),
        ("- filter: gopher-quality", "- datatrove: {block: C4Filter}", 8, "'datatrove.pipeline.filters.C4QualityFilter'?"),
        ("- language:", "- url: {packs: [gopher-quality]}\n      - language:", 7, "it belongs in a step, '- filter: gopher-quality'"),
        (STEPS, "    steps: {extract: {}}", 5, "steps are a list: begin each with '- ', as in '- extract: ...'"),
        ("- deduplicate: {exact: true}", "- filter: c4", 12, "it stands under `sources.NAME.steps`"),
        ("- deduplicate: {exact: true}", "- scrub: {regions: [XX]}", 12, "scrub: 'XX' is no region"),
        ("- deduplicate: {exact: true}", "- scrub: {types: [email]}", 12, "did you mean 'EMAIL'?"),
        ("- deduplicate: {exact: true}", "- decontaminate: {against: [nosuch.jsonl]}", 12, "there is no file "),
        ("name: x", "name: x\ntokens: gpt2", 2, "write {tokenizer: gpt2}"),
        ("name: x", "name: x\ntokens: {tokenizer: gpt-2}", 2, "did you mean 'gpt2'?"),
        ("name: x", "name: x\ntokens: {tokenizer: meta-llama/Llama-3-8B}", 2, "as in hf:meta-llama/Llama-3-8B@main"),
        ("name: x", "name: x\nmixture: {web: 0.8}", 2, "groups and their weights stand under `sources`"),
        ("name: x", "name: x\nmixture: {sources: {web: 0.8}}", 2, "write {weight: 0.8}"),
        ("name: x", "name: x\nshards: {validation: 1%}", 2, "1% is 0.01"),
        ("name: x", "name: x\nshards: {validation: 5}", 2, "5% is 0.05"),
    ],
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
