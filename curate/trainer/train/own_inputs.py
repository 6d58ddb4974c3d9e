"""Scheduled sampling (Bengio et al. 2015): some of what a model reads in training is its own guess of it. Knows tensors.

For a Transformer in two passes (Mihaylova and Martins 2019): the first, without gradients, draws a token for each place from
the model's own distribution; then each input is replaced by the one drawn for its place with a chance that rises in a line
from 0 to what is asked for over the training. What a sequence or a document begins with stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from curate.trainer.model.loss import capped
from curate.trainer.model.model import GPT

_ROWS = {"cpu": 64}  # rows whose logits exist at once
_MOST_ROWS = 2048


@dataclass(frozen=True)
class Own:
    """What a step's passes read: their inputs, some replaced with a chance; none with a chance of 0."""

    model: GPT
    chance: float

    def __call__(self, inputs: Tensor, documents: Tensor | None) -> Tensor:
        return own_inputs(self.model, inputs, documents, self.chance) if self.chance else inputs


@torch.no_grad()
def own_inputs(model: GPT, inputs: Tensor, documents: Tensor | None, chance: float) -> Tensor:
    """The inputs, int64 (batch, tokens), some replaced by the model's own draws; torch's generator decides which.

    documents: as the model takes them.
    """
    was = model.training
    model.eval()  # the guess is the model's, not that of a part of it
    drawn = _draw(model, model.hidden(inputs, documents))
    model.train(was)
    replaced = torch.rand(inputs.shape, device=inputs.device) < chance
    replaced[:, 0] = False
    if documents is not None:
        replaced[:, 1:] &= documents[:, 1:] == documents[:, :-1]
    guessed = torch.cat((inputs[:, :1], drawn[:, :-1]), dim=1)
    return torch.where(replaced, guessed, inputs)


def _draw(model: GPT, hidden: Tensor) -> Tensor:
    """A token after each place, by its probability."""
    rows = _ROWS.get(hidden.device.type, _MOST_ROWS)
    drawn = []
    for piece in torch.split(hidden.flatten(0, 1), rows):
        logits = capped(F.linear(piece, model.output_weight).float(), model.shape.logit_cap)
        drawn.append(torch.multinomial(logits.softmax(dim=-1), 1)[:, 0])
    return torch.cat(drawn).view(hidden.shape[:2])
