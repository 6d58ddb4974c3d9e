"""Likelihoods of texts under a model, in batches of about equal length. Knows token ids; knows no task and no file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from curate.trainer.model.loss import capped
from curate.trainer.model.model import GPT

_BATCH_TOKENS = 16_384  # padding included
_LOGIT_ROWS = {"cpu": 64}  # rows whose logits exist at once: as many as a CPU's caches like
_MOST_LOGIT_ROWS = 2048  # elsewhere

Ids = Sequence[int] | npt.NDArray[np.integer]


@dataclass(frozen=True)
class Likelihood:
    """Of a continuation: its log-probability in nats, and whether each token was the most likely one."""

    nats: float
    greedy: bool


@torch.no_grad()
def continuation_likelihoods(model: GPT, pairs: Sequence[tuple[list[int], list[int]]]) -> list[Likelihood]:
    """For each (prompt, continuation), neither empty. A prompt too long for the context loses its beginning.

    A continuation longer than the context is cut into windows, each seen alone.
    """
    room = model.shape.context
    sequences, starts, owners = [], [], []
    for index, (prompt, continuation) in enumerate(pairs):
        whole = (prompt + continuation)[-max(room + 1, len(continuation) + 1) :]
        for begin in range(0, len(whole) - 1, room):
            window = whole[begin : begin + room + 1]
            sequences.append(window)
            starts.append(max(0, len(whole) - len(continuation) - 1 - begin))
            owners.append(index)
    nats = np.zeros(len(pairs))
    greedy = np.ones(len(pairs), dtype=bool)
    for rows in batches([len(sequence) for sequence in sequences]):
        tokens, real = pad([sequences[row] for row in rows], _device(model))
        begins = torch.tensor([starts[row] for row in rows], device=tokens.device)
        wanted = real[:, 1:] & (torch.arange(tokens.shape[1] - 1, device=tokens.device) >= begins[:, None])
        hidden = model.hidden(tokens[:, :-1])[wanted]
        targets = tokens[:, 1:][wanted]
        row_of = torch.arange(len(rows), device=tokens.device)[:, None].expand_as(wanted)[wanted].cpu().numpy()
        owner = np.array([owners[row] for row in rows])[row_of]
        losses, best = _rows(model, hidden, targets)
        np.subtract.at(nats, owner, losses.double().cpu().numpy())
        np.logical_and.at(greedy, owner, best.cpu().numpy())
    return [Likelihood(nat, bool(most)) for nat, most in zip(nats.tolist(), greedy, strict=True)]


@torch.no_grad()
def document_nats(model: GPT, documents: Sequence[Ids], end_of_text: int) -> npt.NDArray[np.float64]:
    """The negative log-likelihood of each document in nats, float64 (documents,).

    A document begins after end-of-text and is cut into windows of the whole context, each seen alone; end-of-text itself is
    not predicted.
    """
    room = model.shape.context
    windows, owners = [], []
    for index, document in enumerate(documents):
        whole = np.concatenate([[end_of_text], np.asarray(document, dtype=np.int64)])
        for begin in range(0, len(whole) - 1, room):
            windows.append(whole[begin : begin + room + 1])
            owners.append(index)
    totals = np.zeros(len(documents))
    for rows in batches([len(window) for window in windows]):
        tokens, real = pad([windows[row] for row in rows], _device(model))
        losses = model(tokens[:, :-1], tokens[:, 1:]).double() * real[:, 1:]
        np.add.at(totals, [owners[row] for row in rows], losses.sum(dim=1).cpu().numpy())
    return totals


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows by falling length, as many together as fit the batch."""
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    while order:
        count = max(1, _BATCH_TOKENS // max(1, lengths[order[0]]))
        yield order[:count]
        order = order[count:]


def pad(sequences: Sequence[Ids], device: torch.device) -> tuple[Tensor, Tensor]:
    """(tokens, whether real), both (rows, longest), padded with 0 on the right."""
    longest = max(len(sequence) for sequence in sequences)
    tokens = np.zeros((len(sequences), longest), dtype=np.int64)
    real = np.zeros((len(sequences), longest), dtype=bool)
    for row, sequence in enumerate(sequences):
        tokens[row, : len(sequence)] = sequence
        real[row, : len(sequence)] = True
    return torch.from_numpy(tokens).to(device), torch.from_numpy(real).to(device)


def _rows(model: GPT, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Each row's loss, and whether its target has the largest logit."""
    losses, best = [], []
    rows = _LOGIT_ROWS.get(hidden.device.type, _MOST_LOGIT_ROWS)
    for piece, wanted in zip(torch.split(hidden, rows), torch.split(targets, rows), strict=True):
        logits = capped(F.linear(piece, model.output_weight).float(), model.shape.logit_cap)
        losses.append(F.cross_entropy(logits, wanted, reduction="none"))
        best.append(logits.argmax(dim=-1) == wanted)
    return torch.cat(losses), torch.cat(best)


def _device(model: GPT) -> torch.device:
    return model.embedding.weight.device
