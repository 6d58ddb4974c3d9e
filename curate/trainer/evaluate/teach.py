"""A few passes over examples, as both probes that teach a model make them. Knows parameters, a loss and chance; knows no
example.

The rate rises and falls in a line; the order of each pass is drawn from (seed, pass, number of the example).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from curate.trainer.train.optimizer import (
    build_optimizers,
    gradient_norm,
    learning_rate_share,
    scale_gradients,
    set_learning_rate,
)
from curate.trainer.train.settings import Optimizer, Schedule

Example = TypeVar("Example")

_CLIP = 1.0  # the gradient's norm: GPT-1's code, and Tulu's


@dataclass(frozen=True)
class Teaching:
    """How a model is taught. `purpose` names the draws; `warmup` is a share of all steps."""

    purpose: str
    optimizer: Optimizer
    warmup: float
    batch: int
    epochs: int
    seed: int


def teach(
    model: nn.Module,
    examples: Sequence[Example],
    loss_of: Callable[[list[Example]], tuple[Tensor, Tensor]],
    how: Teaching,
    say: Callable[[str], None],
) -> None:
    """Train a model in place, and leave it ready to be measured. `loss_of` gives what is minimised, and what is told."""
    torch.manual_seed(how.seed)  # of dropout
    optimizers = build_optimizers(model, how.optimizer)
    schedule = Schedule(kind="stable-decay", warmup=how.warmup, decay=1 - how.warmup, final=0.0)
    parameters = list(model.parameters())
    steps = -(-len(examples) // how.batch)
    model.train()
    for epoch in range(how.epochs):
        order = sorted(range(len(examples)), key=lambda number: _draw(how, epoch, number))
        total = 0.0
        for step in range(steps):
            chosen = [examples[number] for number in order[step * how.batch : (step + 1) * how.batch]]
            set_learning_rate(
                optimizers, learning_rate_share(schedule, (epoch * steps + step + 1) / (how.epochs * steps))
            )
            wanted, told = loss_of(chosen)
            torch.autograd.backward(wanted)
            scale_gradients(parameters, gradient_norm(parameters), _CLIP)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            total += told.item()
        say(f"epoch {epoch + 1}/{how.epochs}  loss {total / steps:.4f}")
    model.eval()


def _draw(how: Teaching, epoch: int, number: int) -> bytes:
    return hashlib.blake2b(f"{how.purpose}/{how.seed}/{epoch}/{number}".encode(), digest_size=8).digest()
