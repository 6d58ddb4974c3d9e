"""The one reader of YAML: what it refuses, where it says so, and that every kind of file is read by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from curate.config.document import MOST_BYTES, MOST_DEPTH, read_document, validate, write_document
from curate.config.reading import read_pipeline
from curate.errors import ConfigError, nearest
from curate.filters.errors import PackError
from curate.filters.loading import load
from tests.support.running import ROOT


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "a.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: &x [1]\nb: *x", "a.yaml:1: not valid YAML: &x: aliases are not read"),
        ("name: &a [*a]", "a.yaml:1: not valid YAML: &a: aliases are not read"),
        ("a: 1\nb: *x", "a.yaml:2: not valid YAML: *x: aliases are not read"),
        ("a: 1\n<<: {b: 2}\n<<: {c: 3}", "a.yaml:3: not valid YAML: the key '<<' was given on line 2 already"),
        ("a: !!python/object/apply:os.system [ls]", "tags are not read"),
        ("a: !!int x", "tags are not read"),
        ("a: 1\nb:\n  c: 1\n  c: 2", "a.yaml:4: not valid YAML: the key 'c' was given on line 3 already"),
        ("? [a, b]\n: 1", "a.yaml:1: not valid YAML: a key is one word"),
        ("a:\n\tb: 1", "a.yaml:2: not valid YAML: a tab where spaces belong"),
        ("a: 1\nb: \x00", "a.yaml:2: the character U+0000 may not stand in YAML"),
        (b"a: 1\nb: \xe4", "a.yaml:2: the byte 0xe4 is not UTF-8"),
        ("a: 1".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
        ("[" * 5_000, f"nested more than {MOST_DEPTH} deep"),
        ("{a: " * 5_000, f"nested more than {MOST_DEPTH} deep"),
        (f"a: [{'1,' * 60_000}]", "more than 50,000 values"),
        (f"# {'x' * MOST_BYTES}", "more than 1,048,576 bytes"),
        ("", "the file holds keys; this one holds nothing"),
        ("- a", "this one holds a list"),
        ("a: 1\n---\nb: 2", "a second document begins here"),
        (f"a: {'9' * 5_000}", "a number of 5,000 digits"),
        ("a: {b", "a.yaml:1: not valid YAML"),
    ],
)
def test_what_is_no_settings_file_is_refused_in_a_sentence_with_its_line(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_document(written(tmp_path, content))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_refused_and_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        read_document(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_document(tmp_path / "none.yaml")


def test_values_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    text = (
        "\ufeffkeep: [no, off, yes, y, true, FALSE]\nno: 1\nnumbers: [012, 0o17, 0x1F, 1_000, 3e-4, 1.5, .inf, -7, +1]\n"
        "words: [12:30, 2024-01-02, 2024-13-45, 1.2.3, '1', \"true\", 0b1]\nnothing: [~, null, '']\nempty:\n"
    )
    assert read_document(written(tmp_path, text)).tree == {
        "keep": ["no", "off", "yes", "y", True, False],
        "no": 1,
        "numbers": [12, 15, 31, 1000, 3e-4, 1.5, float("inf"), -7, 1],
        "words": ["12:30", "2024-01-02", "2024-13-45", "1.2.3", "1", "true", "0b1"],
        "nothing": [None, None, ""],
        "empty": None,
    }


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, derandomize=True)
@given(tree=st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, tree: dict) -> None:
    path = written(tmp_path_factory.getbasetemp(), write_document(tree).encode())
    try:
        read = read_document(path).tree
    except ConfigError as error:
        assert "may not stand in YAML" in str(error)
        return
    assert read == tree


@settings(deadline=None, derandomize=True, max_examples=300)
@given(content=st.binary(max_size=60) | st.text("ab:-[]{}&*!|>'\"#?,\n \t%@`0.~", max_size=40).map(str.encode))
def test_whatever_the_bytes_the_answer_is_keys_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = written(tmp_path_factory.getbasetemp(), content)
    try:
        assert isinstance(read_document(path).tree, dict)
    except ConfigError as error:
        assert str(path) in str(error)


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int = Field(gt=0)
    names: tuple[str, ...] = ()


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Inner
    kind: str = "a"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("inner:\n  widht: 1", ["a.yaml:1: inner.width: missing", "a.yaml:2: inner.widht: unknown key; did you mean 'width'?"]),
        ("inner:\n  width: -1", ["a.yaml:2: inner.width: input should be greater than 0 (got -1)"]),
        ("inner: 3", ["a.yaml:1: inner: input should be keys with values, such as width, names (got 3): write {width: 3}"]),
        ("inner:\n  width: 1\n  names: a", ["a.yaml:3: inner.names: input should be a list, as in [a, b] (got 'a')"]),
    ],
)  # fmt: skip
def test_every_mistake_has_its_line_its_key_and_what_is_right(tmp_path: Path, content: str, said: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(read_document(written(tmp_path, content)), Outer)
    assert [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()] == said


def test_a_pack_that_gives_a_rule_twice_is_refused(tmp_path: Path) -> None:
    pack = "name: mine\nrules:\n  few: {metric: words, min: 50}\n  few: {metric: words, min: 5}\n"
    with pytest.raises(PackError, match=r"a\.yaml:4: not valid YAML: the key 'few' was given on line 3 already"):
        load(str(written(tmp_path, pack)))


def test_a_rule_called_no_is_called_no(tmp_path: Path) -> None:
    pack = load(str(written(tmp_path, "name: mine\nrules:\n  no: {metric: words, min: 5}\n")))
    assert [rule.name for rule in pack.rules] == ["no"]


def test_a_mistake_in_a_pack_has_its_line(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"a\.yaml:4: rules\.b\.minn: unknown key; did you mean 'min'"):
        load(
            str(written(tmp_path, "name: mine\nrules:\n  a: {metric: words, min: 5}\n  b: {metric: words, minn: 5}\n"))
        )


GOOD = f"""name: small
sources:
  web:
    read: {{format: warc, paths: ["{ROOT}/examples/web/*.warc.gz"]}}
    steps:
      - extract:
      - language
      - filter: c4
"""


def test_a_step_without_settings_may_be_only_named(tmp_path: Path) -> None:
    file = read_pipeline(written(tmp_path, GOOD))
    assert [name for name, _ in file.pipeline.sources["web"].named_steps()] == ["extract", "language", "c4"]


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("sources.wbe.read.paths=x", "--set sources.wbe.read.paths: no source 'wbe'; did you mean 'web'?"),
        ("seed=many", "--set seed=many: seed: input should be a valid integer"),
        ("language.minimum=2", "--set language.minimum=2: sources.web.steps[1].language.minimum: input should be less"),
        ("seed", "--set seed: write KEY=VALUE"),
        (
            "sources.web.read.format=json",
            "no format 'json'; did you mean 'jsonl'?",
        ),
    ],
)
def test_a_mistake_of_the_command_line_is_not_blamed_on_the_file(tmp_path: Path, assignment: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_pipeline(written(tmp_path, GOOD), [assignment])
    assert said in str(caught.value)
    assert "a.yaml" not in str(caught.value)


def test_a_bound_of_a_rule_may_be_set_by_step_and_rule(tmp_path: Path) -> None:
    pipeline = read_pipeline(written(tmp_path, GOOD), ["c4.min_sentences.min=9"]).pipeline
    assert pipeline.filters["c4"]["min_sentences"].min == 9


def test_the_nearest_word_is_named_and_a_long_list_is_not_poured_out() -> None:
    assert nearest("engish", ["english", "german"]) == "; did you mean 'english'?"
    assert nearest("x", [f"word-{number}" for number in range(140)]).endswith("and 110 more")
