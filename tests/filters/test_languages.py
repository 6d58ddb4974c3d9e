"""Packs of several languages: thresholds, stop words and words of each document's own language, as FineWeb-2 has them."""

from __future__ import annotations

import gzip
import json
import logging
import random
from collections import defaultdict
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from curate import filters
from curate.config.reading import read_pipeline
from curate.errors import MissingExtra
from curate.filters.language_step import evaluator
from curate.filters.language_table import LanguageTable, read_languages, script_of
from curate.filters.loading import load
from curate.filters.packs import pack_content
from curate.filters.step import Filter, chosen_lines
from curate.filters.words import Splitter, splitter
from curate.pipeline.check import doubts
from curate.pipeline.run import run
from curate.steps import source_steps
from curate.text.view import TextView
from curate.verdicts.bounds import BoundsByRule
from curate.verdicts.rules import rule_from_json, rule_to_json

FILE = Path(__file__).resolve().parents[2] / "filters" / "languages" / "fineweb2.jsonl"
PUBLISHED = {line["language"]: line for line in map(json.loads, FILE.read_text(encoding="utf-8").splitlines()[1:])}
NEEDS_MORE = ("be", "cy", "kk", "mn", "vi", "ja", "ko")
"""Languages of the sample whose libraries the extra does not bring: Stanza's models, Sudachi's, Kiwi's, Pyvi's."""


@cache
def sentences(shared_data: Path) -> dict[str, list[str]]:
    """Sentences of web pages by ISO 639-1."""
    found = defaultdict(list)
    with gzip.open(shared_data / "langid-dev.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            found[row["lang"]].append(row["text"])
    return dict(found)


def documents(lines: list[str], seed: str, number: int = 12) -> list[str]:
    """Texts of one to ten sentences, on lines or not, some with lines repeated and some of short lines."""
    chance = random.Random(seed)
    texts = []
    for place in range(number):
        chosen = chance.sample(lines, chance.choice([1, 3, 6, 10]))
        chosen += chosen[: max(1, len(chosen) // 2)] if place % 4 == 0 else []
        chosen = [line[:30] for line in chosen] * 2 if place % 5 == 0 else chosen
        texts.append(chance.choice(["\n", " "]).join(chosen))
    return texts


def theirs(language: str) -> list[Any]:
    """datatrove's filters as fineweb-2-pipeline.py makes them."""
    blocks = pytest.importorskip("datatrove.pipeline.filters")
    given = PUBLISHED[language]
    return [
        blocks.GopherRepetitionFilter(
            language=language,
            dup_para_frac=0,
            dup_line_char_frac=0,
            dup_para_char_frac=0,
            dup_line_frac=given["dup_line_frac"],
            top_n_grams=[(n, given[f"top_{n}_gram"]) for n in (2, 3, 4)],
            dup_n_grams=[(n, given[f"dup_{n}_gram"]) for n in range(5, 11)],
        ),
        blocks.FineWebQualityFilter(
            language=language,
            short_line_thr=999,
            char_duplicates_ratio=0.1,
            line_punct_thr=given["line_punct_thr"],
            new_line_ratio=given["new_line_ratio"],
        ),
        blocks.GopherQualityFilter(
            language=language,
            max_avg_word_length=given["max_avg_word_length"],
            min_avg_word_length=given["min_avg_word_length"],
            stop_words=given["stopwords"],
            max_non_alpha_words_ratio=given["max_non_alpha_words_ratio"],
            min_stop_words=2,
        ),
    ]


def reason(blocks: list[Any], text: str) -> str | None:
    """Why the first of datatrove's filters drops a text."""
    from datatrove.data import Document

    for block in blocks:
        try:
            result = block.filter(Document(text=text, id="0"))
        except ZeroDivisionError:  # a text without a word
            return "no words"
        if result is not True:
            return str(result[1])
    return None


@pytest.mark.slow
@pytest.mark.slow
def test_every_decision_is_datatrove_s_in_more_than_sixty_languages(shared_data: Path) -> None:
    pytest.importorskip("spacy")
    judged, kept, skipped = 0, 0, []
    for code, lines in sorted(sentences(shared_data).items()):
        if code == "en":
            continue
        pack = load("fineweb2", language=code)
        assert pack.line is not None
        texts = documents(lines, code)
        try:
            failed = pack.evaluate(texts).column("failed").to_pylist()
        except MissingExtra:
            skipped.append(code)
            continue
        blocks = theirs(pack.line.language)
        told = {rule.name: rule.why for rule in pack.rules}
        for text, rules in zip(texts, failed, strict=True):
            why = reason(blocks, text)
            assert bool(rules) == (why is not None), (code, rules, why, text)
            assert why in (None, "empty", "no words", *(told[rule] for rule in rules)), (code, rules, why, text)
            kept += not rules
        judged += 1
    assert set(skipped) <= set(NEEDS_MORE)
    assert judged >= 60 and kept > 150


def test_german_is_judged_by_german_and_not_by_english_stop_words(shared_data: Path) -> None:
    pytest.importorskip("spacy")
    texts = [" ".join(sentences(shared_data)["de"][start : start + 10]) for start in range(0, 200, 10)]
    english = filters.load("gopher-quality").evaluate(texts).column("failed").to_pylist()
    german = filters.load("fineweb2", language="de").evaluate(texts).column("failed").to_pylist()
    assert sum("stop_words" in rules for rules in english) > 10
    assert sum(map(bool, german)) <= 1


def table() -> LanguageTable:
    return read_languages(FILE)


def test_the_file_has_every_published_language_with_all_numbers() -> None:
    assert len(table().lines) == 1929
    assert "d0defb24f193bb9a5a11b8b14524a03c4858e1b6" in table().source
    german = table().by_language["deu_Latn"]
    assert german.numbers["language_score"] == 0.821 and german.numbers["dup_10_gram"] == 0.098
    assert german.stop_words[:3] == ("der", "und", "die") and len(german.stop_words) == 15


@pytest.mark.parametrize(
    ("code", "language"),
    [("de", "deu_Latn"), ("zh", "cmn_Hani"), ("ar", "arb_Arab"), ("arz", "arz_Arab"), ("no", "nob_Latn"),
     ("tl", "fil_Latn"), ("sr", "srp_Cyrl"), ("tha_Thai", "tha_Thai"), ("sw", "swh_Latn")],
)  # fmt: skip
def test_a_code_means_its_largest_language(code: str, language: str) -> None:
    assert table().largest(code).language == language


def test_a_language_of_two_scripts_is_told_by_the_text() -> None:
    assert table().of_text("sr", "Добар дан, како сте?") == "srp_Cyrl"
    assert table().of_text("sr", "Dobar dan, kako ste?") == "srp_Latn"
    assert table().of_text("sr", "12") == "srp_Cyrl"
    assert table().of_text("en", "Good day") is None
    assert script_of("日本のテレビ") == "Jpan" and script_of("…") == ""


def test_without_a_choice_the_languages_do_not_depend_on_what_is_installed() -> None:
    taken = [line.language for line in chosen_lines(load("fineweb2"), None)]
    assert {"deu_Latn", "cmn_Hani", "tha_Thai", "hin_Deva"} <= set(taken)
    assert not {"jpn_Jpan", "kor_Hang", "vie_Latn", "bel_Cyrl"} & set(taken)
    if find_spec("stanza") is None:
        evaluation = source_steps()["filter"].evaluation
        with pytest.raises(MissingExtra, match="words cannot be split without stanza for bel_Cyrl"):
            evaluation("f", Filter(pack="fineweb2", languages=["be"]))
        with pytest.raises(MissingExtra, match="stanza for cym_Latn"):
            evaluation("f", Filter(pack="fineweb2", language="cy"))


@pytest.mark.slow
def test_a_batch_of_many_languages_is_each_language_by_itself(shared_data: Path) -> None:
    pytest.importorskip("spacy")
    codes = ["de", "ru", "fr", "en", "hi", "sr", None]
    rows = [(code, text) for code in codes for text in documents(sentences(shared_data)[code or "it"], "batch", 6)]
    random.Random(1).shuffle(rows)
    batch = pa.record_batch({"language": pa.array([code for code, _ in rows], pa.string())})
    texts = pa.array([text for _, text in rows], pa.large_string())
    params = {
        "pack": "fineweb2",
        "lists": {},
        "content": pack_content(load("fineweb2")),
        "languages": ["deu_Latn", "rus_Cyrl", "fra_Latn", "hin_Deva", "hin_Latn", "srp_Cyrl", "srp_Latn"],
    }
    applied = evaluator("f", params).apply(TextView(texts), batch)
    chosen = applied.columns["f.language"].to_pylist()
    assert applied.columns["f.without_thresholds"].to_pylist() == [code in ("en", None) for code, _ in rows]
    for metric in load("fineweb2").metric_names:
        together = applied.columns[f"f.{metric}"].to_pylist()
        for row, (_, text) in enumerate(rows):
            pack = load("fineweb2") if chosen[row] is None else load("fineweb2", language=chosen[row])
            assert together[row] == pack.apply(pa.array([text])).metrics[metric][0].as_py(), (metric, rows[row])


@pytest.mark.slow
def test_a_run_judges_each_document_by_its_language(tmp_path: Path, shared_data: Path) -> None:
    pytest.importorskip("spacy")
    with open(tmp_path / "x.jsonl", "w", encoding="utf-8") as file:
        for code in ("de", "ru", "en", "el"):
            for text in documents(sentences(shared_data)[code], "run", 6):
                file.write(json.dumps({"text": text}) + "\n")
    pipeline = tmp_path / "mine.yaml"
    pipeline.write_text(PIPELINE.format(keep="all", pack="fineweb2"))
    made = run(pipeline, {}, tmp_path / "out", engine="serial")
    ledger = ds.dataset(made.path / "ledger").to_table().to_pylist()
    for row in ledger:
        assert row["fineweb2.without_thresholds"] == (row["fineweb2.language"] is None)
        named = {"de": "deu_Latn", "ru": "rus_Cyrl", "el": "ell_Grek", "en": None, "und": None}.get(
            row["language"], "?"
        )
        assert row["fineweb2.language"] == named or named == "?"
        assert row["fineweb2.without_thresholds"] == ("fineweb2/without_thresholds" in row["failed"])
    assert any(row["kept"] for row in ledger)


def test_words_do_not_depend_on_what_was_split_before(shared_data: Path) -> None:
    pytest.importorskip("spacy")
    texts = TextView(pa.array(sentences(shared_data)["fr"]))
    used = splitter("fra_Latn")
    used.view(TextView(pa.array(sentences(shared_data)["fr"][::-2])))
    splitter.cache_clear()
    for found, fresh in zip(used.view(texts).scan.words, splitter("fra_Latn").view(texts).scan.words, strict=True):
        assert (found == fresh).all()


@pytest.mark.parametrize("by_runs", [True, False])
def test_a_text_at_which_a_library_raises_is_split_at_white_space(by_runs: bool) -> None:
    def raises(text: str) -> list[str]:
        if "bad" in text:
            raise RuntimeError("no words")
        return list(text.replace(" ", ""))

    found = Splitter(raises, by_runs).view(TextView(pa.array(["ab c", "", "a bad one"]))).scan.words
    assert np.diff(found.offsets).tolist() == [3, 0, 5 if by_runs else 3]


def test_a_long_run_without_white_space_is_cut_and_not_a_matter_of_minutes() -> None:
    pytest.importorskip("spacy")
    asked: list[int] = []

    def split(text: str) -> list[str]:
        asked.append(len(text))
        return [text]

    found = Splitter(split, True).view(TextView(pa.array(["x" * 100_000, "[" * 1_000 + " y"]))).scan.words
    assert max(asked) <= 256 and sum(asked) < 2_000
    assert np.diff(found.offsets).tolist() == [391, 5]
    assert found.lengths.sum() == 101_001


def test_bounds_by_language_travel_as_json_and_are_told() -> None:
    rule = BoundsByRule("f", "long", "words", "f.language", (("de", 3.0, None), ("ja", None, 1.0)))
    assert rule_from_json("f", json.loads(json.dumps(rule_to_json(rule)))) == rule
    row = {"f.words": 2, "f.language": "de"}
    judged = rule.judged(row, frozenset({"f/long"}))
    assert judged.bounds == ">= 3" and judged.value == 2 and judged.fails
    assert rule.judged({"f.words": 2, "f.language": None}, frozenset()).bounds == "off"


PIPELINE = """
name: mine
sources:
  web:
    read: {{format: jsonl, paths: [x.jsonl]}}
    steps:
      - language: {{keep: {keep}}}
      - filter: {pack}
tokens: null
"""


@pytest.mark.parametrize(
    ("keep", "pack", "told"),
    [
        ("[en]", "gopher-quality", []),
        ("[en, de]", "gopher-quality", ["web: gopher-quality/stop_words is made for en, and the source keeps de"]),
        ("all", "c4", ["web: c4 is made for en, and the source keeps every language"]),
        ("[de, sr]", "fineweb2", []),
        ("[de, en]", "fineweb2", ["and the source keeps en; documents in others fail `without_thresholds`"]),
        ("[de, ja]", "fineweb2", ["fail `without_thresholds`; `languages` has to name ja for thresholds of theirs"]),
        (
            "all",
            "fineweb2",
            ["keeps every language; documents in others fail `without_thresholds`, but for those that"],
        ),
        ("[de, fr]", "{pack: fineweb2, language: de}", ["and the source keeps fr"]),
        ("[de]", "gopher-repetition", []),
    ],
)
def test_check_warns_where_a_rule_does_not_speak_what_a_source_keeps(
    tmp_path: Path, keep: str, pack: str, told: list[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(PIPELINE.format(keep=keep, pack=pack))
    found = doubts(read_pipeline(path).pipeline)
    assert len(found) == len(told) and all(part in sentence for part, sentence in zip(told, found, strict=True))


@pytest.mark.parametrize(
    ("pack", "message"),
    [
        ("{name: x, rules: {a: {metric: words, min: {language: y}}}}", "a bound by language needs `languages`"),
        ("{name: x, languages: no.jsonl, rules: {}}", "no.jsonl: cannot be read"),
        ("{name: x, languages: FILE, rules: {a: {metric: words, min: {language: dup_line_fraq}}}}", "dup_line_frac"),
        ("{name: x, languages: FILE, rules: {a: {metric: words, min: {languages: y}}}}", "did you mean 'language'"),
        ("{name: x, languages: 3, rules: {}}", "expected a list of codes, or the path"),
    ],
)
def test_a_mistake_in_a_pack_of_languages_says_what_is_right(tmp_path: Path, pack: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(pack.replace("FILE", str(FILE)))
    with pytest.raises(filters.PackError, match=message):
        filters.load(str(path))


def test_a_pack_of_languages_is_not_evaluated_without_one() -> None:
    with pytest.raises(filters.PackError, match="load it with one"):
        filters.load("fineweb2").evaluate(["x"])
    with pytest.raises(filters.PackError, match="no language 'xq'"):
        filters.load("fineweb2", language="xq")


def test_what_a_splitter_s_library_says_of_its_dictionary_is_not_told() -> None:
    splitter("cmn_Hani")
    assert not logging.getLogger("jieba").isEnabledFor(logging.INFO)
