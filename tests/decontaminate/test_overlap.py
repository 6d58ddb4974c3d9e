"""Items found by the share of their words, in other writings, and in scripts without spaces; recall by kind of edit."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.decontaminate.items import Item
from curate.decontaminate.overlap import NGRAM, Standing, least_share, longest_question, most_together
from tests.decontaminate.test_decontaminate import decontaminated, filler, plain_words

STANDINGS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9), st.integers(1, 4)).map(
        lambda each: Standing(5 * each[0], 5 * (each[0] + each[2]), each[1], each[2])
    ),
    min_size=1,
    max_size=12,
)


def together_slowly(standing: list[Standing], words: int, share: float) -> set[Standing]:
    """Every stretch of the document tried."""
    ordered = sorted(standing)
    a_word = sum(each.end - each.start for each in ordered) / sum(each.length for each in ordered)
    found: set[Standing] = set()
    for first in range(len(ordered)):
        for last in range(first, len(ordered)):
            inside = ordered[first : last + 1]
            if all(inside[at].end - inside[0].start <= 2 * words * (a_word + 1) for at in range(len(inside))):
                covered = {place for each in inside for place in range(each.place, each.place + each.length)}
                if len(covered) >= least_share(words, share) * words:
                    found.update(inside)
    return found


@settings(max_examples=300, deadline=None)
@given(
    STANDINGS.filter(lambda each: len({x.length for x in each}) == 1),
    st.integers(4, 14),
    st.sampled_from([0.3, 0.5, 1.0]),
)
def test_what_stands_together_is_what_trying_every_stretch_finds(
    standing: list[Standing], words: int, share: float
) -> None:
    assert set(most_together(standing, words, share)) == together_slowly(standing, words, share)


def test_the_longest_question_is_looked_for_and_no_answer_beside_it() -> None:
    item = Item("1", ("a much longer answer of many words", "What is it?"), (False, True))
    assert longest_question(item) == [1]
    assert longest_question(Item("2", ("short", "the longest text"), (False, False))) == [1]
    assert longest_question(Item("3", (), ())) == []


def one_changed(text: str, rng: random.Random) -> str:
    words = text.split()
    words[rng.randrange(len(words))] = "zeppelin"
    return " ".join(words)


EDITS = {
    "verbatim": lambda text, rng: text,
    "upper case": lambda text, rng: text.upper(),
    "re-wrapped": lambda text, rng: "\n  ".join(text.split()),
    "zero width": lambda text, rng: "\u200b".join(text),
    "full width": lambda text, rng: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "soft hyphens": lambda text, rng: text.replace("e", "e\u00ad"),
    "no punctuation": lambda text, rng: " ".join(plain_words(text)),
    "one word changed": one_changed,
}
LEAST = {"one word changed": 0.95}
"""Share of the planted items that is found; of the other edits all."""


@pytest.mark.parametrize("edit", EDITS)
def test_planted_questions_of_13_to_25_words_are_found_by_their_share(
    edit: str, tmp_path: Path, shared_data: Path
) -> None:
    rows = []
    for name, field in (("arc-easy", "query"), ("gsm8k", "question"), ("boolq", "query")):
        with gzip.open(shared_data / "eval" / f"{name}.jsonl.gz", "rt") as lines:
            rows += [{"question": json.loads(line)[field]} for line in lines]
    rows = [row for row in rows if 13 <= len(plain_words(row["question"])) <= 25][:60]
    with gzip.open(shared_data / "text" / "abc-science.jsonl.gz", "rt") as lines:
        articles = [json.loads(line)["text"] for line in lines][:90]
    rng = random.Random(5)
    texts = list(articles)
    for place, row in enumerate(rows):
        texts[place] += "\n" + EDITS[edit](row["question"], rng) + " " + filler(place, 300)
    _, ledger, _, _ = decontaminated(tmp_path, [texts], rows, ", overlap: 0.5")
    found = [f"quiz:{place}" in (row["contamination"] or ()) for place, row in enumerate(ledger[: len(rows)])]
    assert sum(found) >= LEAST.get(edit, 1.0) * len(rows), (sum(found), len(rows))
    for row in ledger[len(rows) :]:
        assert row["contamination"] == []


CHINESE = "小明有三个苹果，他给了小红一个，然后又买了五个苹果，请问小明现在一共有几个苹果？"
JAPANESE = "太郎さんは駅から家まで毎日三キロメートル歩きますが、今日は何分かかりますか。"


@pytest.mark.parametrize("settings_", ["", ", overlap: 0.5"])
def test_chinese_and_japanese_items_are_found_by_their_characters(tmp_path: Path, settings_: str) -> None:
    items = [{"id": "zh", "question": CHINESE}, {"id": "ja", "question": JAPANESE}]
    texts = [
        f"{filler(1, 900)}{CHINESE}{filler(2, 900)}",
        f"{filler(3, 900)} {JAPANESE} 次へ {filler(4, 900)}",
        "小明有苹果。" * 40,
    ]
    _, ledger, _, _ = decontaminated(tmp_path, [texts], items, settings_)
    assert [row["contamination"] for row in ledger] == [["quiz:zh"], ["quiz:ja"], []]


def test_phrases_of_an_item_scattered_over_a_long_document_are_no_item(tmp_path: Path) -> None:
    words = [f"word{number}" for number in range(20)]
    scattered = " ".join(" ".join(words[at : at + NGRAM]) + " " + filler(at, 2000) for at in range(0, 20, NGRAM))
    together = " ".join(words[:8]) + " " + filler(50, 60) + " " + " ".join(words[9:]) + " " + filler(51, 600)
    _, ledger, _, _ = decontaminated(
        tmp_path, [[scattered, together]], [{"id": "q", "question": " ".join(words)}], ", overlap: 0.5"
    )
    assert [row["contamination"] for row in ledger] == [[], ["quiz:q"]]
