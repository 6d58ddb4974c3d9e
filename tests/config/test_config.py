"""A mistake in a pipeline file is named with file, line, key path and what would be right."""

from pathlib import Path

import pytest

from curate.config.reading import ConfigError, read_pipeline
from tests.support.running import EXAMPLE, ROOT, curate

GOOD = f"""name: small
sources:
  web:
    read: {{format: warc, paths: [{EXAMPLE}/web/*.warc.gz]}}
    steps:
      - extract: {{engine: resiliparse}}
      - filter: c4
tokens: {{tokenizer: gpt2}}
shards: {{tokens_per_shard: 64M, validation: 0.005}}
"""


def problem(folder: Path, text: str, *sets: str) -> str:
    """What is said of a pipeline file, without the folder it lies in."""
    file = folder / "p.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_pipeline(file, sets)
    return str(caught.value).replace(f"{folder}/", "")


def test_a_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(GOOD)
    pipeline = read_pipeline(tmp_path / "p.yaml").pipeline
    assert pipeline.shards.tokens_per_shard == 64_000_000
    assert [name for name, _ in pipeline.sources["web"].named_steps()] == ["extract", "c4"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("validation: 0.005", "validaton: 0.005", "p.yaml:9: shards.validaton: unknown key; did you mean 'validation'?"),
        ("- filter: c4", "- filtr: c4", "p.yaml:7: sources.web.steps[1].filtr: unknown step 'filtr'; did you mean 'filter'?"),
        ("- filter: c4", "- filter: {pack: c4, az: x}", "p.yaml:7: sources.web.steps[1].filter.az: unknown key; did you mean 'as'?"),
        ("format: warc", "format: wrac", "p.yaml:4: sources.web.read.format: no format 'wrac'; did you mean 'warc'?"),
        ("64M", "lots", "p.yaml:9: shards.tokens_per_shard: 'lots' is not a count: write a whole number, or one with k, M, B or T"),
        ("validation: 0.005", "validation: 2", "p.yaml:9: shards.validation: input should be less than or equal to 1 (got 2)"),
        ("name: small\n", "", "p.yaml:1: name: missing"),
        ("name: small", "name: small\nname: again", "p.yaml:2: not valid YAML: the key 'name' was given on line 1 already"),
        ("tokens: {tokenizer: gpt2}", "tokens: {tokenizer: gpt2", "p.yaml:9: not valid YAML"),
        ("      - extract: {engine: resiliparse}\n", "", "p.yaml:5: sources.web.steps: WARC files hold HTML"),
        ("format: warc", "format: wet", "sources.web.steps[0]: wet files hold text already: leave this step out"),
        ("- filter: c4", "- filter: c4\n      - filter: c4", "p.yaml:8: sources.web.steps[2]: a second step named 'c4'"),
        ("- filter: c4", "- filter: c4\n      - extract: {}", "p.yaml:8: sources.web.steps[2]: step out of order: extract"),
        ("- filter: c4", "- quality: {positives: [wen]}", "sources.web.steps[1].quality.positives: no source 'wen'; did you mean 'web'?"),
        ("tokens: {", "combine: [{scrub: {types: [EMAIL]}}, {deduplicate: {}}]\ntokens: {",
         "p.yaml:8: combine[1]: step out of order: deduplicate comes before scrub"),
        ("tokens: {", "filters: {c5: {min_sentences: {min: 2}}}\ntokens: {", "p.yaml:8: filters.c5: no filter step 'c5'; did you mean 'c4'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(
    before: str, after: str, said: str, tmp_path: Path
) -> None:
    assert before in GOOD
    assert said in problem(tmp_path, GOOD.replace(before, after))


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    said = problem(tmp_path, GOOD.replace("validation: 0.005", "validation: 2").replace("- filter: c4", "- filtr: c4"))
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("tokens.tokenizr=gpt2", "tokens.tokenizr: unknown key; did you mean 'tokenizer'?"),
        ("sorces.web=1", "--set sorces.web: no key or step 'sorces'; did you mean 'sources'?"),
        ("seed", "--set seed: write KEY=VALUE"),
        ("name.first=x", "--set name.first: name holds a value, not keys"),
    ],
)
def test_a_mistake_on_the_command_line_is_named(assignment: str, said: str, tmp_path: Path) -> None:
    assert said in problem(tmp_path, GOOD, assignment)


@pytest.mark.parametrize("value", ["crawl/*.warc.gz", "[crawl/*.warc.gz]", "*.gz"])
def test_set_takes_a_bare_glob_and_takes_paths_from_here(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    paths = read_pipeline("p.yaml", [f"sources.web.read.paths={value}"]).pipeline.sources["web"].read.paths
    assert paths == (str(tmp_path / value.strip("[]")),)


def test_paths_in_the_file_are_taken_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "p.yaml").write_text(GOOD.replace(f"{EXAMPLE}/web", "../web"))
    monkeypatch.chdir(tmp_path)
    assert read_pipeline("recipes/p.yaml").pipeline.sources["web"].read.paths == (str(tmp_path / "web" / "*.warc.gz"),)


def test_set_reaches_a_step_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(GOOD.replace("- filter: c4", "- language: {keep: [en]}\n      - filter: c4"))
    pipeline = read_pipeline(tmp_path / "p.yaml", ["language.minimum=0.8", "sources.web.steps.c4.as=clean"]).pipeline
    settings = dict(pipeline.sources["web"].named_steps())
    assert settings["language"].model_dump()["minimum"] == 0.8
    assert "clean" in settings


def test_no_is_norwegian_not_false(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(GOOD.replace("- filter: c4", "- language: {keep: [no, en]}"))
    pipeline = read_pipeline(tmp_path / "p.yaml").pipeline
    assert dict(pipeline.sources["web"].named_steps())["language"].model_dump()["keep"] == ("no", "en")


def test_the_command_names_a_missing_file_and_the_bundled_recipes() -> None:
    done = curate("check", "webtxt", check=False)
    assert done.returncode == 2
    assert "webtxt" in done.stderr
    assert "webtext" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pattern_that_matches_nothing_is_named_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(GOOD.replace("*.warc.gz", "*.warc.zst"))
    done = curate("check", tmp_path / "p.yaml", check=False)
    assert done.returncode == 2
    assert "p.yaml:4: sources.web.read.paths: no file matches" in done.stderr.replace("\n", " ")


def test_check_shows_the_resolved_plan_and_runs_nothing(tmp_path: Path) -> None:
    printed = curate("check", ROOT / "pipelines" / "webtext.yaml", cwd=tmp_path).stdout
    assert "web: 3 warc files" in printed
    assert "extract" in printed
    assert list(tmp_path.iterdir()) == []


def test_the_schema_describes_the_example(tmp_path: Path) -> None:
    import json

    import jsonschema
    import yaml

    schema = json.loads(curate("schema").stdout)
    jsonschema.validate(yaml.safe_load((ROOT / "pipelines" / "webtext.yaml").read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "x", "sources": {"a": {"raed": {}}}}, schema)


def test_until_names_the_steps_it_knows(tmp_path: Path) -> None:
    done = curate("run", ROOT / "pipelines" / "webtext.yaml", "--until", "extrct", "--out", tmp_path / "r", check=False)
    assert done.returncode == 2
    assert "did you mean 'extract'" in done.stderr


@pytest.mark.parametrize("column", ["robots", "index", "model", "key", "lists", "base", "pack"])
def test_a_column_that_is_called_as_a_key_of_paths_is_has_values_and_no_paths(column: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    steps = f"[{{metadata: {{allow: {{{column}: [a/b.json, noai]}}, missing: pass}}}}]"
    path.write_text(
        f"name: p\nsources: {{a: {{read: {{format: jsonl, paths: [x.jsonl], metadata: [{column}]}}, steps: {steps}}}}}"
    )
    (step,) = read_pipeline(path).pipeline.sources["a"].steps
    assert step.setting.model_dump()["allow"] == {column: ("a/b.json", "noai")}
    change = f"sources.a.steps.metadata.refuse.{column}=[a/b.json]"
    (step,) = read_pipeline(path, [change]).pipeline.sources["a"].steps
    assert step.setting.model_dump()["refuse"] == {column: ("a/b.json",)}
