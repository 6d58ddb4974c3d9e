"""The instruction probe: what is written, what has a loss, what is packed with what, and what is learnt."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from curate.cli.main import main  # noqa: E402
from curate.errors import ConfigError  # noqa: E402
from curate.tokens import load  # noqa: E402
from curate.trainer.compare.validate import read_validation, validate  # noqa: E402
from curate.trainer.evaluate.conversations import pack  # noqa: E402
from curate.trainer.evaluate.instruct import measure_answers, read_conversations, to_batch  # noqa: E402
from curate.trainer.model.architecture import Architecture  # noqa: E402
from curate.trainer.model.loss import IGNORED  # noqa: E402
from curate.trainer.model.model import GPT  # noqa: E402
from curate.trainer.train.train import train  # noqa: E402
from tests.support.trainer_example import make_shards, settings  # noqa: E402
from tests.trainer.test_validate import config  # noqa: E402

TALK = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Two and two?"},
        {"role": "assistant", "content": "Four."},
        {"role": "user", "content": "And café?"},
        {"role": "assistant", "content": "No café."},
    ]
}
WRITTEN = [
    "<|system|>\nBe brief.\n<|user|>\nTwo and two?\n<|assistant|>\nFour.",
    "<|user|>\nAnd café?\n<|assistant|>\nNo café.",
]
ROTARY = Architecture(vocabulary=50_257, context=96, layers=2, width=16, heads=2, positions="rotary")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.getbasetemp() / "trainer")


def model() -> GPT:
    made = GPT(ROTARY)
    made.initialise(3)
    return made.eval()


def test_a_conversation_is_written_with_marks_and_only_answers_have_a_loss() -> None:
    tokenizer = load("gpt2")
    (talk,) = read_conversations([TALK], tokenizer)
    assert talk.ids[0] == tokenizer.end_of_text and not talk.answer[0]
    ends = np.flatnonzero(talk.ids == tokenizer.end_of_text)
    assert [tokenizer.decode(talk.ids[a + 1 : b]) for a, b in itertools.pairwise(ends.tolist())] == WRITTEN
    inputs, targets, _ = to_batch([[talk]], torch.device("cpu"))
    learnt = targets[0][targets[0] != IGNORED].tolist()
    first = learnt.index(tokenizer.end_of_text)
    assert [tokenizer.decode(learnt[:first]), tokenizer.decode(learnt[first + 1 : -1])] == ["Four.", "No café."]
    assert learnt[-1] == tokenizer.end_of_text
    assert inputs.shape == targets.shape


def test_a_prompt_and_its_response_are_a_conversation_of_two_messages() -> None:
    tokenizer = load("gpt2")
    pair = {"prompt": "Hello", "response": "Good day"}
    messages = {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}]}
    first, second = read_conversations([pair, messages], tokenizer)
    assert first.ids.tolist() == second.ids.tolist()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "x"}, "row 2: needs messages, or prompt and response; it has text"),
        ({"messages": [{"role": "user", "content": "x"}]}, "row 2: nobody answers"),
        ({"messages": [{"role": "bot", "content": "x"}]}, "row 2: a message needs a role of system, user, assistant"),
        ({"messages": "x"}, "row 2: needs messages"),
    ],
)
def test_a_row_that_is_no_conversation_is_named(row: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_conversations([TALK, row], load("gpt2"))


@given(st.lists(st.integers(1, 30), max_size=40))
def test_packing_holds_every_conversation_once_and_no_sequence_too_much(lengths: list[int]) -> None:
    rows = pack(lengths, 30)
    assert sorted(number for row in rows for number in row) == list(range(len(lengths)))
    assert all(sum(lengths[number] for number in row) <= 30 for row in rows)
    half_empty = [row for row in rows if sum(lengths[number] for number in row) <= 15]
    assert len(half_empty) <= 1


def test_conversations_side_by_side_do_not_see_each_other() -> None:
    """The losses of packed answers are those of each conversation alone."""
    tokenizer = load("gpt2")
    rows = [TALK, {"prompt": "A", "response": "bee"}, {"prompt": "Count to three", "response": "One two three"}]
    talks = read_conversations(rows, tokenizer)
    network = model()
    with torch.no_grad():
        inputs, targets, of = to_batch([talks], torch.device("cpu"))
        together = network(inputs, targets, of)[targets != IGNORED]
        alone = []
        for talk in talks:
            tokens = torch.from_numpy(talk.ids)[None]
            losses = network(tokens[:, :-1], tokens[:, 1:])[0]
            alone.append(losses[torch.from_numpy(talk.answer[1:])])
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_answers_are_measured_in_bits_per_byte_without_end_of_text() -> None:
    """Against the log-softmax of the whole conversation, token by token."""
    tokenizer = load("gpt2")
    (talk,) = read_conversations([TALK], tokenizer)
    network = model()
    with torch.no_grad():
        logs = network(torch.from_numpy(talk.ids)[None])[0].double().log_softmax(dim=-1)
    bits = sum(
        -logs[place - 1, token].item() / np.log(2)
        for place, (token, answers) in enumerate(zip(talk.ids.tolist(), talk.answer.tolist(), strict=True))
        if answers and token != tokenizer.end_of_text
    )
    assert measure_answers(network, tokenizer, [talk]).mean == pytest.approx(
        bits / len("Four.No café.".encode()), rel=1e-4
    )


def talks(path: Path, numbers: range) -> Path:
    rows = [{"prompt": f"{n}?", "response": "yes yes yes" if n % 2 else "no no no"} for n in numbers]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_taught_model_answers_better_and_is_written_to_be_used(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(settings(shards, tmp_path / "model", 5), lambda _: None)
    files = [
        f"--train={talks(tmp_path / 'a.jsonl', range(40))}",
        f"--test={talks(tmp_path / 'b.jsonl', range(40, 50))}",
    ]
    taught = ["--learning-rate", "0.01", "--epochs", "4", "--batch", "4", "--out", str(tmp_path / "taught")]
    assert main(["model", "instruct", str(tmp_path / "model"), *files, *taught]) == 0
    before, after = (float(line.split()[1]) for line in capsys.readouterr().out.splitlines()[:2])
    assert after < before / 2
    prompt = ["--prompt", "<|user|>\n44?\n<|assistant|>\n", "--tokens", "6", "--temperature", "0"]
    assert main(["model", "generate", str(tmp_path / "taught"), *prompt]) == 0
    assert {"no", "yes"} & set(capsys.readouterr().out.split())


def test_proxies_are_taught_and_their_answers_stand_beside_the_texts(shards: Path, tmp_path: Path) -> None:
    talks(tmp_path / "a.jsonl", range(8))
    talks(tmp_path / "b.jsonl", range(8, 12))
    taught = "evaluation.instruct={train: a.jsonl, test: b.jsonl, epochs: 1, learning_rate: 1.0e-3}"
    verdict = validate(read_validation(config(tmp_path, shards), [taught, "evaluation.points=1"]), lambda _: None)
    row = verdict.pairs[0].rows[-1].comparison
    assert (row.name, row.unit, row.items, row.difference) == ("instructed answers", "gold bits/byte", 4, 0.0)
    assert verdict.pairs[0].primary.comparison.name == "all domains"
