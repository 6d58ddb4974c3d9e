"""Evaluation items are found in training text however they are written, cut out by the published procedure, and reported."""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import punctuation
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.decontaminate.cutting import in_characters, merged, pieces_without
from curate.decontaminate.grams import FEWEST_WORDS, find_grams, grams_of, table_of
from curate.decontaminate.items import Item, read_items, set_name
from curate.decontaminate.words import folding, words_of
from curate.pipeline.made import Run
from curate.pipeline.run import run
from curate.text.columns import as_column, text_buffers
from curate.text.hashing import word_code


def plain_words(text: str) -> list[str]:
    """The definition, in Python."""
    table = str.maketrans("", "", punctuation + "–—“”’…،。\u200b\u00ad\u0301")
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", text).translate(table)).lower()
    return [word for token in plain.split() for word in re.findall(r"[一-鿿ぁ-ゟァ-ヿ]|[^一-鿿ぁ-ゟァ-ヿ]+", token)]


PHRASES = st.text(alphabet="abcXY 1é日本かカＡ１ΔΠ.,-'“—…\n\t\u00a0\u3000\u200b\u00ad\u0301", max_size=60)


@settings(max_examples=300, deadline=None)
@given(PHRASES)
def test_words_are_lower_case_without_punctuation_between_white_space(text: str) -> None:
    data, bounds = text_buffers(as_column([text]))
    codes, starts, ends = np.empty(99, np.uint64), np.empty(99, np.int64), np.empty(99, np.int64)
    count = words_of(data, bounds[0], bounds[1], folding(), codes, starts, ends)
    assert len(set(codes[:count].tolist())) == len(set(plain_words(text)))
    tokens = [text.encode()[start:end].decode() for start, end in zip(starts[:count], ends[:count], strict=True)]
    assert [word for token in tokens for word in plain_words(token)] == plain_words(text)
    latin = [word for word in plain_words(text) if word.isascii() or word.isdigit() or word[0] in "δπς"]
    assert {word_code(word) for word in latin if "σ" not in word and "ς" not in word} <= set(codes[:count].tolist())


WORDS = st.lists(st.sampled_from(["a", "B,", "c.", "(d)", "e"]), max_size=14).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=5), st.integers(2, 8))
def test_every_ngram_of_an_item_is_found_wherever_it_stands_and_nothing_else(
    texts: list[str], items: list[str], ngram: int
) -> None:
    grams = grams_of(items, range(len(items)), ngram)
    found = find_grams(as_column(texts), grams, table_of(grams))
    pairs = {
        (int(row), int(item))
        for row, gram in zip(found.rows, found.grams, strict=True)
        for item in grams.items[grams.offsets[gram] : grams.offsets[gram + 1]]
    }
    expected = set()
    for row, text in enumerate(texts):
        for item, written in enumerate(items):
            words, wanted = plain_words(text), plain_words(written)
            length = min(ngram, len(wanted))
            if length < ngram and length < FEWEST_WORDS:
                continue
            of_text = {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}
            of_item = {tuple(wanted[i : i + length]) for i in range(len(wanted) - length + 1)}
            if of_text & of_item:
                expected.add((row, item))
    assert pairs == expected


def test_answers_to_choose_from_are_not_searched_alone() -> None:
    """Of an item without a text of n words, the longest is matched whole; the short choices beside it are not."""
    grams = grams_of(
        ["What do plants take in through their leaves?", "a gas of the air", "the light of day"], [0, 0, 0], 13
    )
    assert grams.lengths.tolist() == [8]
    assert grams.items.tolist() == [0]


def test_each_question_of_four_words_is_searched_and_the_answers_beside_it_are_not() -> None:
    texts = ["What do plants take in?", "the light of the sun by day"]
    grams = grams_of(texts, [0, 0], 13, [True, False])
    assert grams.lengths.tolist() == [5]
    assert grams.words.tolist() == [5]


def test_200_characters_go_on_each_side_and_short_pieces_go_too() -> None:
    text = "a" * 450 + "MATCH" + "b" * 399 + "MATCH" + "c" * 700
    spans = [(450, 455), (854, 859)]
    assert pieces_without(text, spans) == ["a" * 250, "c" * 500]
    apart = "a" * 450 + "MATCH" + "b" * 600 + "MATCH" + "c" * 300
    assert pieces_without(apart, [(450, 455), (1055, 1060)]) == ["a" * 250, "b" * 200, "c" * 100]


def test_spans_that_touch_are_one_and_offsets_are_characters() -> None:
    assert merged([(5, 9), (0, 3), (8, 12), (3, 4)]) == [(0, 4), (5, 12)]
    text = "é日a ü"
    assert in_characters(text.encode(), [(0, 2), (6, 9)]) == [(0, 1), (3, 5)]


ROWS: list[dict[str, Any]] = [
    {"id": "one", "question": "What is it?", "choices": ["this", "that"], "gold": 1},
    {"id": "two", "question": "Who was it?", "choices": [], "gold": 0},
]


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst", "parquet"])
def test_items_are_read_from_every_format(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"quiz.{ending}"
    lines = "\n".join(json.dumps(row) for row in ROWS).encode()
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        packed = {
            "jsonl": lines,
            "jsonl.gz": gzip.compress(lines),
            "jsonl.zst": zstandard.ZstdCompressor().compress(lines),
        }
        path.write_bytes(packed[ending])
    assert next(read_items(str(path), None)) == Item(
        "one", ("one", "What is it?", "this", "that"), (False, True, False, False)
    )
    assert [item.texts for item in read_items(str(path), ["question"])] == [("What is it?",), ("Who was it?",)]
    assert set_name(path.name) == "quiz"
    with pytest.raises(ValueError, match=r"row 0: none of the fields answer; it has id, question"):
        list(read_items(str(path), ["answer"]))


def test_a_line_that_is_no_item_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "fine"}\n[1]\n')
    with pytest.raises(ValueError, match=r"bad\.jsonl, line 2: a JSON object is needed, found list"):
        list(read_items(str(tmp_path / "bad.jsonl"), None))


def filler(seed: int, characters: int) -> str:
    """Text in which no two documents share thirteen words."""
    rng = np.random.default_rng(seed)
    text = " ".join(f"w{number}" for number in rng.integers(10**6, 10**9, characters // 8))
    return text[:characters]


PASSAGE = "the lantern keeper counted seven herons on the weir before the fog came down over the mill"


def decontaminated(
    folder: Path, files: Sequence[Sequence[str]], items: Sequence[Mapping[str, Any]], settings_: str = ""
) -> tuple[Run, list[dict[str, Any]], dict[str, str], dict[str, Any]]:
    """A run over documents in files: the run, its ledger, texts that are left by address, its report."""
    number = 0
    folder.mkdir(exist_ok=True)
    for index, texts in enumerate(files):
        rows = []
        for text in texts:
            rows.append(json.dumps({"url": f"u{number}", "text": text}))
            number += 1
        (folder / f"part-{index}.jsonl").write_text("\n".join(rows))
    (folder / "quiz.jsonl").write_text("\n".join(json.dumps(item) for item in items))
    (folder / "pipeline.yaml").write_text(
        f"""
name: decontaminated
sources:
  web:
    read: {{format: jsonl, paths: ["part-*.jsonl"]}}
combine:
  - decontaminate: {{against: [quiz.jsonl]{settings_}}}
keep: [decontaminate]
"""
    )
    result = run(folder / "pipeline.yaml", out=folder / "run", engine="serial")
    ledger = pq.read_table(folder / "run" / "ledger").to_pylist()
    kept = pq.read_table(folder / "run" / "documents" / "decontaminate").to_pylist()
    report = json.loads((folder / "run" / "contamination.json").read_text())
    return result, ledger, {row["url"]: row["text"] for row in kept}, report


ITEMS = [{"id": "herons", "text": PASSAGE}, {"id": "short", "text": "Name the river that runs north."}]


def test_a_run_cuts_drops_and_names_what_it_found(tmp_path: Path) -> None:
    before, after = filler(1, 1000), filler(2, 1000)
    many = " ".join(filler(10 + number, 900) + " " + PASSAGE for number in range(11)) + " " + filler(30, 900)
    texts = [
        f"{before} {PASSAGE} {after}",
        f"{filler(3, 150)} {PASSAGE.upper()} {filler(4, 150)}",
        filler(5, 1000),
        many,
        f"{filler(6, 600)} “name -- the River, that runs NORTH!” {filler(7, 600)}",
    ]
    result, ledger, kept, report = decontaminated(tmp_path, [texts[:2], texts[2:]], ITEMS)
    assert kept == {
        "u0": f"{before[:801].strip()}\n\n{after[199:].strip()}",
        "u2": texts[2],
        "u4": f"{filler(6, 600)[:401].strip()}\n\n{filler(7, 600)[199:].strip()}",
    }
    herons, short = ["quiz:herons"], ["quiz:short"]
    assert [row["contamination"] for row in ledger] == [herons, herons, [], herons, short]
    assert [row["failed"] for row in ledger] == [[], ["decontaminate/too-short"], [], ["decontaminate/pieces"], []]
    assert [row["dropped_at"] for row in ledger] == [None, "decontaminate", None, "decontaminate", None]
    (row,) = [row for row in result.stats["sources"]["web"]["funnel"] if row["step"] == "decontaminate"]
    assert (row["in"], row["dropped"], row["kept"]) == (5, 2, 3)
    quiz = report["sets"]["quiz"]
    assert {name: quiz[name] for name in ("items", "too_short", "found", "documents")} == {
        "items": 2, "too_short": 0, "found": 2, "documents": 4,
    }  # fmt: skip
    first, second = quiz["overlaps"]
    assert (first["item"], second["item"]) == ("herons", "short")
    assert [place["url"] for place in first["documents"]] == ["u0", "u1", "u3"]
    assert first["documents"][0] == {"id": ledger[0]["id"].hex(), "source": "web", "url": "u0", "text": PASSAGE}
    assert second["documents"][0]["text"] == "“name -- the River, that runs NORTH!”"


def test_whole_documents_go_where_that_is_asked_for(tmp_path: Path) -> None:
    texts = [f"{filler(1, 1000)} {PASSAGE} {filler(2, 1000)}", filler(3, 500)]
    _, ledger, kept, _ = decontaminated(tmp_path, [texts], ITEMS, ", mode: drop")
    assert ledger[0]["failed"] == ["decontaminate/match"]
    assert kept == {"u1": texts[1]}


@pytest.mark.parametrize(("copies", "cut"), [(10, True), (11, False)])
def test_ngrams_in_more_than_ten_documents_of_all_files_are_ignored(tmp_path: Path, copies: int, cut: bool) -> None:
    texts = [f"{filler(number, 600)} {PASSAGE} {filler(100 + number, 600)}" for number in range(copies)]
    _, ledger, kept, report = decontaminated(tmp_path, [texts[:6], texts[6:]], ITEMS)
    assert [row["contamination"] for row in ledger] == [["quiz:herons"] if cut else []] * copies
    assert (list(kept.values()) == texts) is not cut
    assert (report["frequent"]["ngrams"] == 0) is cut


def test_how_documents_lie_in_files_changes_nothing(tmp_path: Path) -> None:
    texts = [f"{filler(number, 700)} {PASSAGE} {filler(50 + number, 700)}" for number in range(4)]
    _, _, together, _ = decontaminated(tmp_path / "one", [texts], ITEMS)
    _, _, apart, _ = decontaminated(tmp_path / "three", [texts[:1], texts[1:2], texts[2:]], ITEMS)
    assert together == apart


FORMS = ("verbatim", "recased", "repunctuated", "split")


def written(form: str, item: str, text: str) -> str:
    """An article with an item in its midst; split: one half a third of the way in, the other two thirds."""
    words, tokens = text.split(" "), item.split()
    half = len(tokens) // 2
    places = {
        "verbatim": [(len(words) // 2, item)],
        "recased": [(len(words) // 2, item.swapcase())],
        "repunctuated": [(len(words) // 2, " ".join(f"“{token.strip(punctuation)}” —" for token in tokens))],
        "split": [(2 * len(words) // 3, " ".join(tokens[half:])), (len(words) // 3, " ".join(tokens[:half]))],
    }
    for place, inserted in places[form]:
        words.insert(place, inserted)
    return " ".join(words)


def test_items_planted_in_real_text_are_found_in_every_form(tmp_path: Path, shared_data: Path) -> None:
    with gzip.open(shared_data / "eval" / "gsm8k.jsonl.gz", "rt") as lines:
        questions = [json.loads(line) for line in lines]
    with gzip.open(shared_data / "text" / "abc-science.jsonl.gz", "rt") as lines:
        articles = [json.loads(line)["text"] for line in lines][:120]
    usable = [i for i, row in enumerate(questions) if 26 <= len(plain_words(row["question"])) <= 60]
    texts, planted = list(articles), {}
    for number, place in enumerate(range(0, 80)):
        form = FORMS[number % len(FORMS)]
        texts[place] = written(form, questions[usable[number]]["question"], articles[place])
        planted[place] = (form, usable[number])
    _, ledger, kept, report = decontaminated(tmp_path, [texts[:60], texts[60:]], questions)
    for place, row in enumerate(ledger):
        if place not in planted:
            assert row["contamination"] == []
            assert kept[row["url"]] == texts[place]
            continue
        form, item = planted[place]
        assert f"quiz:{item}" in row["contamination"], (form, place)
        left = " ".join(plain_words(kept.get(row["url"], "")))
        wanted = plain_words(questions[item]["question"])
        assert not any(" ".join(wanted[i : i + 13]) in left for i in range(len(wanted) - 12)), (form, place)
    assert report["sets"]["quiz"]["documents"] == len(planted)
