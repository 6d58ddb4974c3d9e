"""An instruction probe: a model is tuned on conversations, and measured by answers that it has not seen.

Today's trainings end with instructions (midtraining, supervised tuning), and a mix is good if what it gives is easily
taught. Only answers have a loss. Conversations are packed side by side and do not see each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from curate.errors import ConfigError
from curate.tokens import Tokenizer
from curate.trainer.evaluate.conversations import messages_of, pack, write_out
from curate.trainer.evaluate.evaluate import Measure, encode
from curate.trainer.evaluate.rows import read_lines
from curate.trainer.evaluate.scoring import batches, pad
from curate.trainer.evaluate.task_scores import GOLD
from curate.trainer.evaluate.teach import Teaching, teach
from curate.trainer.model.loss import IGNORED
from curate.trainer.model.model import GPT
from curate.trainer.train.settings import Instruct, Optimizer

NAME = "instructed answers"
_WARMUP = 0.03  # Tulu's (Wang et al. 2023, appendix)


@dataclass(frozen=True)
class Conversation:
    """Token ids, which begin with end-of-text, and which of them are an answer's."""

    ids: npt.NDArray[np.int64]
    answer: npt.NDArray[np.bool_]


def read_conversations(rows: Iterable[Mapping[str, Any]], tokenizer: Tokenizer) -> list[Conversation]:
    """Of rows with `messages`, or `prompt` and `response`. Raises ConfigError naming a row without an answer."""
    written = [write_out(messages_of(row, number)) for number, row in enumerate(rows, 1)]
    ids = iter(encode(tokenizer, [text for stretches in written for text, _ in stretches]))
    end = [tokenizer.end_of_text]
    found = []
    for stretches in written:
        tokens, answer = [np.array(end, dtype=np.int64)], [np.array([False])]
        for _, answers in stretches:
            stretch = np.asarray(next(ids), dtype=np.int64)
            tokens += [stretch, np.array(end * answers, dtype=np.int64)]
            answer.append(np.full(len(stretch) + answers, answers))
        found.append(Conversation(np.concatenate(tokens), np.concatenate(answer)))
    return found


def to_batch(rows: Sequence[Sequence[Conversation]], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """(inputs, targets, conversations), int64 (rows, longest): targets IGNORED but in answers."""
    joined = [np.concatenate([each.ids for each in row]) for row in rows]
    tokens, real = pad(joined, device)
    answer, _ = pad([np.concatenate([each.answer for each in row]).astype(np.int64) for row in rows], device)
    numbers = [np.repeat(np.arange(len(row)), [len(each.ids) for each in row]) for row in rows]
    conversations, _ = pad(numbers, device)
    targets = tokens[:, 1:].masked_fill(answer[:, 1:] == 0, IGNORED)
    return tokens[:, :-1], targets, conversations.masked_fill(~real, -1)[:, :-1]


def instruct(
    model: GPT, conversations: Sequence[Conversation], settings: Instruct, say: Callable[[str], None] = print
) -> None:
    """Tune a model, in place. What is longer than the context loses its end. Raises ConfigError where no answer is left."""
    room = model.shape.context + 1
    cut = [Conversation(each.ids[:room], each.answer[:room]) for each in conversations]
    kept = [each for each in cut if each.answer.any()]
    if not kept:
        raise ConfigError(f"no answer begins within the model's context of {model.shape.context} tokens")
    if len(kept) < len(cut):
        say(f"{len(cut) - len(kept)} of {len(cut)} conversations left out: their answers begin beyond the context")
    rows = [[kept[number] for number in row] for row in pack([len(each.ids) for each in kept], room)]
    device = model.embedding.weight.device

    def loss_of(chosen: list[list[Conversation]]) -> tuple[Tensor, Tensor]:
        inputs, targets, of = to_batch(chosen, device)
        loss = model(inputs, targets, of).sum() / (targets != IGNORED).sum()
        return loss, loss

    optimizer = Optimizer(learning_rate=settings.learning_rate, weight_decay=0.0)
    how = Teaching("instruct", optimizer, _WARMUP, settings.batch, settings.epochs, settings.seed)
    teach(model, rows, loss_of, how, say)


@torch.no_grad()
def measure_answers(model: GPT, tokenizer: Tokenizer, conversations: Sequence[Conversation]) -> Measure:
    """Bits per byte of answers, end-of-text not counted; an item is a conversation, as much of it as the context holds."""
    device = model.embedding.weight.device
    sizes = torch.from_numpy(np.asarray(tokenizer.token_lengths(), dtype=np.int64)).to(device)
    room = model.shape.context + 1
    cut = [Conversation(each.ids[:room], each.answer[:room]) for each in conversations]
    bits, lengths = np.zeros(len(cut)), np.zeros(len(cut))
    for rows in batches([len(each.ids) for each in cut]):
        inputs, targets, of = to_batch([[cut[row]] for row in rows], device)
        size = sizes[targets.clamp(min=0)] * (targets != IGNORED)
        nats = model(inputs, targets, of).double() * (size > 0)
        bits[rows] = nats.sum(dim=1).cpu().numpy() / math.log(2)
        lengths[rows] = size.sum(dim=1).cpu().numpy()
    answered = lengths > 0
    if not answered.any():
        raise ConfigError(f"no answer begins within the model's context of {model.shape.context} tokens")
    return Measure(NAME, GOLD, bits[answered], lengths[answered])


def probe(model: GPT, tokenizer: Tokenizer, settings: Instruct, say: Callable[[str], None] = print) -> Measure:
    """Tune a model as the file says, in place, and measure it."""
    learnt, asked = (read_conversations(read_lines(path), tokenizer) for path in (settings.train, settings.test))
    instruct(model, learnt, settings, say)
    return measure_answers(model, tokenizer, asked)
