"""`expect:` of a pipeline file and mixtures by columns: what cannot be is named with its line before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.config.reading import ConfigError, read_pipeline
from curate.pipeline.run import check_steps
from curate.settings import parse_range

PIPELINE = """\
name: expected
sources:
  web:
    read: {format: warc, paths: [web.warc]}
    steps:
      - extract: {}
      - language: {keep: [en, de], minimum: 0.5}
      - filter: c4
  reference:
    read: {format: jsonl, paths: [reference.jsonl]}
    role: reference
combine:
  - deduplicate: {exact: true}
"""


def written(folder: Path, more: str) -> Path:
    path = folder / "expected.yaml"
    path.write_text(PIPELINE + more)
    return path


def test_what_can_be_expected(tmp_path: Path) -> None:
    expect = (
        "expect: {web.kept: 0.2..0.8, web.tokens: 1M.., web.c4: ..0.5, web.deduplicate: 0.9.., reference.records: 400}"
    )
    pipeline = read_pipeline(written(tmp_path, expect)).pipeline
    assert pipeline.expect["web.tokens"] == "1M.." and pipeline.expect["reference.records"] == "400"
    again = pipeline.model_validate(pipeline.model_dump(mode="json", by_alias=True))
    assert again.expect == pipeline.expect
    changed = read_pipeline(written(tmp_path, expect), ["expect.web.kept=0.5.."]).pipeline
    assert changed.expect["web.kept"] == "0.5.."


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        ("wbe.kept: 0.2..0.8", "expected.yaml:15: expect.wbe.kept: no source 'wbe'; did you mean 'web'?"),
        ("web.keept: 0.2..0.8", "expected.yaml:15: expect.web.keept: no number 'keept' of 'web'; did you mean 'kept'?"),
        ("web.c5: 0.2..", "expected.yaml:15: expect.web.c5: no number 'c5' of 'web'; did you mean 'c4'?"),
        ("web: 0.2..", "expected.yaml:15: expect.web: no number ''"),
        ("web.kept: 80..90", "expected.yaml:15: expect.web.kept: web.kept is a share between 0 and 1"),
        ("web.kept: 0.8..0.2", "expected.yaml:15: expect.web.kept: 0.8 is more than 0.2"),
        ("web.kept: lots", "expected.yaml:15: expect.web.kept: write a range as 0.2..0.8"),
        ("web.kept: ..", "expected.yaml:15: expect.web.kept: write a range"),
        ("web.kept: true", "expected.yaml:15: expect.web.kept: write a range"),
        ("web.kept: [0.2, 0.8]", "expected.yaml:15: expect.web.kept: write a range"),
        ("reference.kept: 0.2..", "expected.yaml:15: expect.reference.kept: 'reference' has the role 'reference'"),
        ("reference.deduplicate: 1", "expect.reference.deduplicate: no number 'deduplicate' of 'reference'"),
    ],
)
def test_what_cannot_be_expected_is_named_with_its_line(expectation: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_pipeline(written(tmp_path, f"expect:\n  {expectation}\n"))
    assert words in str(caught.value)


def test_an_expectation_of_the_command_line_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^--set expect\.web\.kept=9\.\.: expect\.web\.kept: .* share between 0 and 1"
    ):
        read_pipeline(written(tmp_path, "expect:\n  web.kept: 0.5..\n"), ["expect.web.kept=9.."])


@given(st.floats(0, 1e9, allow_subnormal=False), st.floats(0, 1e9, allow_subnormal=False))
def test_a_range_is_read_as_it_is_written(one: float, other: float) -> None:
    low, high = sorted([one, other])
    assert parse_range(f"{low!r}..{high!r}") == (low, high)
    assert parse_range(f"{low!r}..") == (low, float("inf"))
    assert parse_range(f"..{high!r}") == (float("-inf"), high)
    assert parse_range(low) == (low, low)


@pytest.mark.parametrize(
    ("mixture", "words"),
    [
        ("{by: source, sources: {wbe: {weight: 1}}}", "mixture.sources.wbe: no source 'wbe'; did you mean 'web'?"),
        ("{by: langauge, sources: {en: {weight: 1}}}", "mixture.by: no step of 'web' makes a column 'langauge'; did you mean 'language'?"),
        ("{by: quality_score, sources: {'0.9': {weight: 1}}}", "mixture.by: no step of 'web' makes a column 'quality_score'"),
        ("{by: c4.sentenses, temperature: 2}", "mixture.by: no step of 'web' makes a column 'c4.sentenses'; did you mean 'c4.sentences'?"),
        ("{by: language, sources: {en: {weight: 1}, fr: {weight: 1}}}", "mixture.sources.fr: no document that is kept is of the group 'fr' of language; known: de, en, none"),
        ("{by: language_score, sources: {'0.95': {weight: 1}}}", "mixture.sources.0.95: no document that is kept is of the group '0.95'"),
    ],
)  # fmt: skip
def test_a_mixture_of_groups_that_cannot_be_is_named_before_a_run(mixture: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check_steps(read_pipeline(written(tmp_path, f"mixture: {mixture}\n")))
    assert f"expected.yaml:14: {words}" in str(caught.value)


@pytest.mark.parametrize(
    "mixture",
    [
        "{by: language, sources: {en: {weight: 1}, de: {weight: 2}}}",
        "{by: language_score, sources: {'0.9': {weight: 1}, '1.0': {weight: 1}, none: {epochs: 1}}}",
        "{by: domain, sources: {site.example: {weight: 1}}}",
        "{by: duplicate_kind, temperature: 2}",
        "{by: c4.sentences, temperature: 2}",
        "{by: tokens, temperature: 2}",
    ],
)
def test_a_mixture_of_groups_that_can_be_is_not_refused(mixture: str, tmp_path: Path) -> None:
    check_steps(read_pipeline(written(tmp_path, f"mixture: {mixture}\n")))
