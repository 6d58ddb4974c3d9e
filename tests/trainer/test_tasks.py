"""Tasks: rows become the texts that OLMES and lm-evaluation-harness score, and likelihoods the measures that they report."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch")

from curate.errors import ConfigError  # noqa: E402
from curate.tokens import load  # noqa: E402
from curate.trainer.evaluate.evaluate import measure_task, score_items  # noqa: E402
from curate.trainer.evaluate.own_tasks import OWN  # noqa: E402
from curate.trainer.evaluate.task_formats import TASKS, Item, Style  # noqa: E402
from curate.trainer.evaluate.task_scores import MEASURES, scores  # noqa: E402
from curate.trainer.evaluate.tasks import read_items, read_shots, with_shots  # noqa: E402
from curate.trainer.model.architecture import Architecture  # noqa: E402
from curate.trainer.model.model import GPT  # noqa: E402

ROWS: dict[str, dict[str, Any]] = {
    "arc-easy": {
        "question": "What is hot?",
        "choices": {"text": ["Ice", "Fire"], "label": ["A", "B"]},
        "answerKey": "B",
    },
    "piqa": {"goal": "dresser", "sol1": "lift it", "sol2": "eat it", "label": 0},
    "boolq": {"passage": "Rain is wet.", "question": "is rain wet", "answer": True},
    "copa": {
        "premise": "The lamp went out.",
        "question": "cause",
        "choice1": "The wind blew.",
        "choice2": "It ran.",
        "label": 0,
    },
    "openbookqa": {
        "question_stem": "The sun is",
        "choices": {"text": ["a star", "a fish"], "label": ["A", "B"]},
        "answerKey": "A",
    },
    "winogrande": {
        "sentence": "Ann helped Bea because _ was tired.",
        "option1": "Ann",
        "option2": "Bea",
        "answer": "2",
    },
    "hellaswag": {
        "activity_label": "Rowing",
        "ctx_a": "A man sits in a boat. [title] Start",
        "ctx_b": "he takes",
        "endings": ["an oar [substeps] and rows.", "a nap."],
        "label": "0",
    },
    "commonsenseqa": {
        "question": "Where is a boat?",
        "choices": {"text": ["sea", "sky"], "label": ["A", "B"]},
        "answerKey": "A",
    },
    "social-iqa": {
        "context": "Bo fell.",
        "question": "How is Bo?",
        "answerA": "sore",
        "answerB": "glad",
        "answerC": "tall",
        "label": "1",
    },
    "mmlu": {"question": "2 + 2 =", "subject": "abstract_algebra", "choices": ["3", "4"], "answer": 1},
    "lambada": {"text": "She lit the old lamp"},
    "blimp": {"sentence_good": "He sees himself.", "sentence_bad": "He sees herself.", "UID": "anaphor"},
    "gsm8k": {"question": "How many?", "answer": "2 * 3 = <<2*3=6>>6 eggs.\nAll told 6.\n#### 6"},
    "humaneval": {"prompt": "def one():\n", "canonical_solution": "    return 1\n"},
}
MMLU = "The following are multiple choice questions (with answers) about abstract algebra.\n\n"
WRITTEN: dict[tuple[str, Style], tuple[str, str]] = {
    ("arc-easy", "olmes"): ("Question: What is hot?\nAnswer:", " Fire"),
    ("arc-easy", "harness"): ("Question: What is hot?\nAnswer:", " Fire"),
    ("piqa", "olmes"): ("Goal: dresser\nAnswer:", " lift it"),
    ("piqa", "harness"): ("Question: dresser\nAnswer:", " lift it"),
    ("boolq", "olmes"): ("Rain is wet.\nQuestion: is rain wet?\nAnswer:", " yes"),
    ("boolq", "harness"): ("Rain is wet.\nQuestion: is rain wet?\nAnswer:", " yes"),
    ("copa", "olmes"): ("The lamp went out because", " the wind blew."),
    ("copa", "harness"): ("The lamp went out because", "  the wind blew."),
    ("openbookqa", "olmes"): ("Question: The sun is\nAnswer:", " a star"),
    ("openbookqa", "harness"): ("The sun is", " a star"),
    ("winogrande", "olmes"): ("Ann helped Bea because Bea", " was tired."),
    ("winogrande", "harness"): ("Ann helped Bea because Bea", " was tired."),
    ("hellaswag", "olmes"): ("Rowing: A man sits in a boat. Start He takes", " an oar and rows."),
    ("hellaswag", "harness"): ("Rowing: A man sits in a boat.. Start He takes", " an oar and rows."),
    ("commonsenseqa", "olmes"): ("Question: Where is a boat?\nAnswer:", " sea"),
    ("commonsenseqa", "harness"): ("Question: Where is a boat?\nA. sea\nB. sky\nAnswer:", " A"),
    ("social-iqa", "olmes"): ("Question: Bo fell. How is Bo?\nAnswer:", " sore"),
    ("social-iqa", "harness"): ("Q: Bo fell. How is Bo?\nA:", " sore"),
    ("mmlu", "olmes"): (MMLU + "Question: 2 + 2 =\nAnswer:", " 4"),
    ("mmlu", "harness"): (MMLU + "2 + 2 =\nA. 3\nB. 4\nAnswer:", " B"),
    ("lambada", "olmes"): ("She lit the old", " lamp"),
    ("lambada", "harness"): ("She lit the old", " lamp"),
    ("blimp", "olmes"): ("", " He sees himself."),
    ("blimp", "harness"): ("", " He sees himself."),
    ("gsm8k", "olmes"): (
        "Question: How many?\nAnswer:",
        " 2 * 3 = 6 eggs. All told 6. So the answer is 6.",
    ),
    ("humaneval", "olmes"): ("def one():\nHere is the completed function:\n\n```python\n", "    return 1\n"),
}
"""By hand, from the two projects' definitions: the prompt and the right answer."""


@pytest.mark.parametrize(("name", "style"), WRITTEN)
def test_a_row_is_written_as_the_project_writes_it(name: str, style: Style) -> None:
    item = TASKS[name].item(ROWS[name], style)
    assert (item.prompts[item.gold], item.continuations[item.gold]) == WRITTEN[name, style]


def test_every_task_has_a_row_here() -> None:
    assert set(TASKS) == set(ROWS) | {"arc-challenge"} | set(OWN)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("arc-easy", {"query": "Question: What is hot?", "choices": ["Ice", "Fire"], "gold": 1}),
        ("piqa", {"query": "Question: dresser\n", "choices": ["lift it", "eat it"], "gold": 0}),
        (
            "boolq",
            {"query": "Passage: Rain is wet.\nQuestion: is rain wet?\n", "choices": ["no", "yes"], "gold": 1},
        ),
        (
            "copa",
            {"query": "The lamp went out, because", "choices": ["the wind blew.", "it ran."], "gold": 0},
        ),
        ("openbookqa", {"query": "The sun is", "choices": ["a star", "a fish"], "gold": 0}),
        (
            "winogrande",
            {
                "context_options": ["Ann helped Bea because Ann", "Ann helped Bea because Bea"],
                "continuation": "was tired.",
                "gold": 1,
            },
        ),
        ("lambada", {"context": "She lit the old", "continuation": "lamp"}),
    ],
)
def test_a_row_of_dclm_s_files_is_the_same_item(name: str, row: dict[str, Any]) -> None:
    for style in ("olmes", "harness"):
        assert TASKS[name].item(row, style) == TASKS[name].item(ROWS[name], style)


def test_measures_are_those_of_the_worked_example() -> None:
    nats, choices = [-9, -7.5, -12], [" a cat", " dog", " the café"]
    by_sum = scores(nats, choices, 0, "none")
    assert by_sum["gold bits/byte"] == pytest.approx(2.164043, abs=1e-6)
    assert by_sum["probability"] == pytest.approx(0.348596, abs=1e-6)
    assert by_sum["margin"] == pytest.approx(-0.040467, abs=1e-6)
    for gold, normalise, spaces, right in (
        (1, "none", True, 1),  # the sum picks the second
        (2, "characters", True, 1),  # -1.5 -1.875 -1.3333
        (2, "characters", False, 1),  # -1.8 -2.5 -1.5
    ):
        assert scores(nats, choices, gold, normalise, spaces=spaces)["accuracy"] == right
    tie = scores(nats, choices, 0, "unconditional", unconditional=[-11, -6, -14])
    assert tie["accuracy"] == 1, "2, -1.5, 2: the first of equals"


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0))


def test_a_limit_draws_from_the_whole_file_whatever_its_order(tmp_path: Path) -> None:
    rows = [{**ROWS["blimp"], "sentence_good": f"Good {n}.", "UID": f"paradigm-{n // 100}"} for n in range(2000)]
    write(tmp_path / "blimp.jsonl.gz", rows)
    drawn = read_items(TASKS["blimp"], tmp_path, 500)
    counts = Counter(item.group for item in drawn)
    assert len(counts) == 20
    assert max(counts.values()) < 50
    write(tmp_path / "blimp.jsonl.gz", rows[::-1])
    assert set(read_items(TASKS["blimp"], tmp_path, 500)) == set(drawn)


def test_shots_come_from_a_split_of_their_own_and_of_the_item_s_subject(tmp_path: Path) -> None:
    subjects = ("abstract_algebra", "astronomy")
    write(tmp_path / "mmlu.jsonl.gz", [{**ROWS["mmlu"], "subject": name} for name in subjects])
    solved = [
        {**ROWS["mmlu"], "question": f"{name} {number}?", "subject": name} for number in range(3) for name in subjects
    ]
    write(tmp_path / "mmlu.shots.jsonl.gz", solved)
    items = read_items(TASKS["mmlu"], tmp_path, style="harness")
    shown = with_shots(items, 2, 0, read_shots(TASKS["mmlu"], tmp_path, "harness"))
    example = "abstract_algebra {}?\nA. 3\nB. 4\nAnswer: B\n\n"
    assert shown[0].prompts[0] == MMLU + example.format(0) + example.format(1) + "2 + 2 =\nA. 3\nB. 4\nAnswer:"
    assert "astronomy 1?" in shown[1].prompts[0]
    with pytest.raises(ConfigError, match="5 solved examples of abstract_algebra are asked for, and the file"):
        with_shots(items, 5, 0, read_shots(TASKS["mmlu"], tmp_path, "harness"))
    assert read_shots(TASKS["piqa"], tmp_path) is None


def test_without_such_a_split_shots_are_other_items_and_the_same_each_time(shared_data: Path) -> None:
    items = read_items(TASKS["arc-easy"], shared_data / "eval", 30)
    once, again = with_shots(items, 3, 0), with_shots(items, 3, 0)
    assert once == again != with_shots(items, 3, 1)
    for item, shown in zip(items, once, strict=True):
        before = shown.prompts[0].removesuffix(item.prompts[0])
        assert before.count("Answer:") == 3
        assert item.text not in before
        assert sum(other.text in before for other in items) == 3


def test_a_file_of_other_columns_is_named_with_its_row(tmp_path: Path) -> None:
    write(tmp_path / "piqa.jsonl.gz", [ROWS["piqa"], {"goal": "x"}])
    with pytest.raises(ConfigError, match=r"piqa\.jsonl\.gz, row 2: no row of piqa \(KeyError\('sol1'\)\)"):
        read_items(TASKS["piqa"], tmp_path)


def test_every_task_s_file_is_read(shared_data: Path) -> None:
    there = [name for name in TASKS if name not in ("hellaswag", "commonsenseqa", "social-iqa", "mmlu", *OWN)]
    for name in there:
        for item in read_items(TASKS[name], shared_data / "eval", 20):
            assert len(item.prompts) == len(item.continuations) >= (2 if TASKS[name].kind == "choice" else 1)
            assert 0 <= item.gold < len(item.prompts)
            assert not any(prompt.endswith(" ") for prompt in item.prompts), name


@pytest.fixture(scope="module")
def model() -> GPT:
    made = GPT(Architecture(vocabulary=50_257, layers=1, width=8, heads=1, context=64)).eval()
    made.initialise(0)
    return made


def test_likelihoods_are_those_of_the_text_as_a_whole(model: GPT) -> None:
    """Prompt and answer encoded as one text and cut where the prompt's tokens end; computed anew from all logits."""
    tokenizer = load("gpt2")
    item = Item(("Question: What?\nAnswer:",) * 2, (" a lamp", " the sea is wide"), 1)

    def nats(prompt: str, ending: str) -> float:
        before = tokenizer.encode(pa.array([prompt]))[0].as_py()
        whole = [tokenizer.end_of_text, *tokenizer.encode(pa.array([prompt + ending]))[0].as_py()]
        with torch.no_grad():
            logits = model(torch.tensor([whole])).log_softmax(dim=-1)[0]
        places = range(len(before), len(whole) - 1)
        return float(sum(logits[place, whole[place + 1]] for place in places))

    expected = scores(
        [nats(item.prompts[0], each) for each in item.continuations],
        item.continuations,
        1,
        "unconditional",
        unconditional=[nats("Answer:", each) for each in item.continuations],
    )
    found = {each.unit: each.mean for each in score_items(model, tokenizer, TASKS["arc-challenge"], [item])}
    assert found == pytest.approx(expected, abs=1e-5)
    assert list(found) == list(MEASURES)


def test_a_task_of_groups_is_the_mean_over_groups(model: GPT, tmp_path: Path) -> None:
    rows = [{**ROWS["blimp"], "sentence_good": f"Good {n}.", "UID": "big" if n < 9 else "small"} for n in range(12)]
    write(tmp_path / "blimp.jsonl.gz", rows)
    whole, big, small = measure_task(model, load("gpt2"), "blimp", tmp_path, wanted=["gold bits/byte"], groups=True)
    assert whole.mean == pytest.approx((big.mean + small.mean) / 2)
    assert (big.name, len(big.values), len(small.values)) == ("blimp big", 9, 3)
    assert not np.isclose(whole.mean, (9 * big.mean + 3 * small.mean) / 12, rtol=1e-9)


def test_where_only_the_answer_counts_there_is_no_accuracy(model: GPT, tmp_path: Path) -> None:
    write(tmp_path / "humaneval.jsonl.gz", [ROWS["humaneval"]] * 2)
    (found,) = measure_task(model, load("gpt2"), "humaneval", tmp_path)
    assert (found.unit, found.name) == ("gold bits/byte", "humaneval")
