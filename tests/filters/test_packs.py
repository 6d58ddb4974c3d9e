"""Packs: read with helpful errors, changed by name, applied together, shown as text."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import filters
from curate.filters.catalogue import list_packs, show_pack
from curate.filters.loading import describe
from curate.filters.metrics import METRICS, metric_type
from curate.text.view import TextView
from curate.verdicts.expression import ExpressionError, parse
from tests.support.running import ROOT

PROSE = "The cat sat on the mat with the dog. " * 3
TEXT_PACKS = [name for name, _ in filters.available() if name not in ("url", "webtext-urls", "c4-badwords")]


def written(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_a_pack_needs_no_code(tmp_path: Path) -> None:
    pack = filters.load(
        written(
            tmp_path,
            """
name: my-rules
about: pages of a length, without trailing dots
rules:
  length:   {metric: words, min: 3, max: 5, why: "Gopher A1"}
  ellipses: {metric: fraction_lines_end_ellipsis, max: 0.3}
  dense:    {metric: (characters - newlines) / (words + 1), min: 2}
""",
        )
    )
    batch = pack.evaluate(["one two three", "one", "one two three...", "a b c d e f"])
    assert batch.column("failed").to_pylist() == [[], ["length", "dense"], ["ellipses"], ["length", "dense"]]
    assert batch.column("words").to_pylist() == [3, 1, 3, 6]
    assert batch.schema.field("words").type == pa.int64()
    assert batch.schema.field("fraction_lines_end_ellipsis").type == pa.float64()
    assert not pack.changes_text


def test_a_path_is_taken_from_where_the_recipe_lies(tmp_path: Path) -> None:
    written(tmp_path, "{name: mine, rules: {short: {metric: words, min: 1}}}")
    assert filters.load("mine.yaml", base=tmp_path).name == "mine"
    with pytest.raises(filters.PackError, match="no pack at"):
        filters.load("other.yaml", base=tmp_path)


@pytest.mark.parametrize(
    ("pack", "message"),
    [
        ("[1, 2]", "a pack holds keys, such as name, about, source; this one holds a list"),
        ("{name: x, rulez: {}}", "did you mean 'rules'"),
        ("{rules: {}}", "name: expected the pack's name"),
        ("{name: x, rules: {a: {metric: wrods, min: 1}}}", "no metric 'wrods'; did you mean 'words'"),
        ("{name: x, rules: {a: {metric: words}}}", "rules.a: a rule needs min or max"),
        ("{name: x, rules: {a: {metric: words, min: many}}}", "rules.a.min: expected a number, found 'many'"),
        ("{name: x, rules: {a: {metric: words, minimum: 1}}}", "rules.a.minimum: unknown key; did you mean 'min'"),
        ("{name: x, rules: {a: {metric: 'words +', min: 1}}}", "expected a name or a number, found the end"),
        ("{name: x, rules: {a: {metric: 'words.real', min: 1}}}", "cannot read '.real'"),
        ("{name: x, metrics: [wrods]}", "did you mean 'words'"),
        ("{name: x, edits: [{drop_line: {words_below: 1}, as: a}]}", "did you mean 'drop_lines'"),
        ("{name: x, edits: [{drop_lines: {word_below: 1}, as: a}]}", "did you mean 'words_below'"),
        ("{name: x, edits: [{drop_lines: {words_below: 1}}]}", "`as` with a name"),
        ("{name: x, edits: [{count_lines: {containing: [a]}, as: words}]}", "the name 'words' is taken"),
        ("{name: x, edits: [{count_lines: {containing: a}, as: b}]}", "expected a list of strings"),
        ("{name: x", "mine.yaml:1: not valid YAML"),
    ],
)
def test_a_mistake_in_a_pack_says_where_and_what_would_be_right(tmp_path: Path, pack: str, message: str) -> None:
    with pytest.raises(filters.PackError) as error:
        filters.load(written(tmp_path, pack))
    assert message in str(error.value)
    assert "mine.yaml" in str(error.value)


def test_bounds_are_changed_by_name() -> None:
    assert filters.load("gopher-quality").evaluate([PROSE]).column("failed").to_pylist() == [["min_words"]]
    for bounds in ({"min": 20}, {"min": None}):
        pack = filters.load("gopher-quality", overrides={"min_words": bounds})
        assert pack.evaluate([PROSE]).column("failed").to_pylist() == [[]]
    with pytest.raises(filters.PackError, match="no rule 'min_word'; did you mean 'min_words'"):
        filters.load("gopher-quality", overrides={"min_word": {"min": 20}})
    with pytest.raises(filters.PackError, match="no bound 'minimum'; did you mean 'min'"):
        filters.load("gopher-quality", overrides={"min_words": {"minimum": 20}})


def test_an_unknown_pack_names_the_nearest() -> None:
    with pytest.raises(filters.PackError, match="did you mean 'gopher-quality'"):
        filters.load("gopher-qualty")
    with pytest.raises(filters.PackError, match="it belongs in a step"):
        filters.load("url")


def test_thresholds_are_decided_again_from_the_metrics_alone() -> None:
    applied = filters.load("fineweb").apply(pa.array([PROSE, "x\n" * 50, ""]))
    again = filters.load("fineweb", overrides={"short_lines": {"max": 1.0}}).verdicts(applied.metrics)
    assert again["short_lines"].tolist() == [False, False, False]
    assert filters.load("fineweb").verdicts(applied.metrics)["short_lines"].tolist() == [False, True, False]


@pytest.mark.parametrize("name", TEXT_PACKS)
def test_every_pack_has_a_source_and_finite_metrics_for_any_page(name: str) -> None:
    pack = filters.load(name)
    assert pack.source and pack.about and all(rule.why for rule in pack.rules)
    applied = pack.apply(pa.array([PROSE, "", "\n", "a"]))
    assert tuple(applied.metrics) == pack.metric_names
    assert {metric: column.type for metric, column in applied.metrics.items()} == pack.metric_types()
    assert all(np.isfinite(np.asarray(column, float)).all() for column in applied.metrics.values())
    assert len(applied.texts) == 4


def test_every_pack_has_its_row_in_the_docs() -> None:
    table = (ROOT / "docs" / "filters.md").read_text().split("\n## The packs\n")[1].split("\n## ")[0]
    told = {
        name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    }
    assert told == {name for name, _ in filters.available()}, "the table `The packs` of docs/filters.md"


def test_every_metric_defines_itself() -> None:
    assert all(metric.__doc__ and metric.__name__ == name for name, metric in METRICS.items())


def test_the_type_of_every_metric_is_known_before_it_is_computed() -> None:
    view = TextView(pa.array([PROSE]))
    assert {name: pa.array(metric(view)).type for name, metric in METRICS.items()} == {
        name: metric_type(name) for name in METRICS
    }


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_text_that_no_edit_changes_is_the_same_object(kind: pa.DataType) -> None:
    kept = pa.array(["One good sentence stands here.\nAnd another one is there too."], kind)
    assert filters.load("c4").apply(kept).texts is kept
    assert filters.load("gopher-quality").apply(kept).texts is kept
    changed = filters.load("c4").apply(pa.array(["menu\nOne good sentence stands here."], kind))
    assert changed.texts.type == kind
    assert changed.texts.to_pylist() == ["One good sentence stands here."]


def test_packs_in_sequence_see_the_text_the_one_before_left() -> None:
    texts = pa.array(["menu\n" + PROSE.strip()])
    c4, length, again = filters.apply_all([filters.load(name) for name in ("c4", "gopher-quality", "fineweb")], texts)
    assert length.metrics["words"].to_pylist() == [27]
    assert length.view is c4.view and again.view is c4.view


@settings(deadline=None, derandomize=True)
@given(st.lists(st.text("ab.!{[1] \n\u2028İ\x1c", max_size=60), max_size=4))
def test_what_the_edits_removed_adds_up(documents: list[str]) -> None:
    for name in ("c4", "c4-datatrove", "refinedweb-lines"):
        applied = filters.load(name).apply(pa.array(documents, pa.large_string()))
        removed = np.sum([*applied.edits.values()], axis=0)
        assert all((each >= 0).all() for each in applied.edits.values())
        lost = [len(a) - len(b) for a, b in zip(documents, applied.texts.to_pylist(), strict=True)]
        assert np.asarray(removed).tolist() == lost or not documents


def test_packs_and_metrics_are_told_as_text() -> None:
    listed = list_packs()
    assert all(name in listed for name, _ in filters.available())
    shown = show_pack("gopher-repetition")
    for words in ("Rae et al. 2021", "duplicate_5grams", "<= 0.15", "fraction_characters_duplicate_5grams"):
        assert words in shown
    assert "bad_words" in show_pack("c4-badwords") and "allowed_domains" in show_pack("url")
    assert describe("c4-badwords").counts[-1] == "bad_word_lines"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("8 / 4 / 2", 1),
        ("2 - 3 - 4", -5),
        ("-a + 1e1", 8),
        ("a / 0", 0),
        ("3*-a", -6),
    ],
)
def test_an_expression_is_arithmetic(text: str, value: float) -> None:
    assert float(parse(text).evaluate({"a": np.float64(2)})) == value  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "text", ["", "1 +", "(1", "1)", "a b", "__import__('os')", "a.b", "a[0]", "1 ** 2", "+" * 1000, "(" * 300]
)
def test_an_expression_is_nothing_else(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


@settings(deadline=None)
@given(st.text("0123456789.+-*/() ab", max_size=30))
def test_an_expression_that_parses_means_what_python_says(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError:
        return
    values = {"a": np.float64(3), "b": np.float64(0.5)}
    try:
        expected = float(eval(text.strip(), {"__builtins__": {}}, dict(values)))
    except (SyntaxError, ZeroDivisionError, NameError, OverflowError):
        return  # leading zeros are no Python number; division by zero is 0 here
    with np.errstate(all="ignore"):
        found = float(expression.evaluate(values))  # type: ignore[arg-type]
    if np.isfinite(expected):
        assert found == pytest.approx(expected)


def test_names_of_an_expression() -> None:
    assert parse("words_dropped / words_before + words_dropped").names() == ("words_dropped", "words_before")
