"""The mean of a training's weights over the last steps before each checkpoint. Knows parameters and steps; knows no file.

Weights at the end of a training wander around a point that is better than each of them, and their mean lies near it
(Izmailov et al. 2018; Kaddour 2022): the same training says the same with less noise. The window is a share of the
budget; it ends with a checkpoint and begins after the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from curate.trainer.train.settings import Training


@dataclass(frozen=True)
class Windows:
    """Which steps are averaged: the last `width` before each checkpoint, and before the end.

    Checkpoints come at `points` equal shares of the `steps`, or every so many.

    >>> windows = Windows(steps=100, width=3, every=40)
    >>> [step for step in range(1, 101) if windows.begin(step)]
    [38, 39, 40, 78, 79, 80, 98, 99, 100]
    """

    steps: int
    width: int
    every: int
    points: int | None = None

    def begin(self, step: int) -> int | None:
        """The first step of the window that this step is in; None outside of all."""
        if not self.width or step > self.steps:
            return None
        if self.points:
            point = (step - 1) * self.points // self.steps
            before, after = self._step_of(point), self._step_of(point + 1)
        else:
            before = (step - 1) // self.every * self.every
            after = before + self.every
        begin = max(min(after, self.steps) - self.width, before) + 1
        return begin if begin <= step else None

    def _step_of(self, point: int) -> int:
        return -(-point * self.steps // (self.points or 1))


class Average:
    """The mean of some parameters over the steps of the window so far: `count` of them, none outside of windows."""

    def __init__(self, parameters: Sequence[nn.Parameter], windows: Windows) -> None:
        self.windows = windows
        self.count = 0
        self._parameters = parameters
        self._mean: list[Tensor] = []

    @torch.no_grad()
    def see(self, step: int) -> None:
        """Take in the weights after this step."""
        begin = self.windows.begin(step)
        if begin is None or begin == step:
            self.count, self._mean = 0, []
        if begin is None:
            return
        self.count += 1
        if self.count == 1:
            self._mean = [parameter.detach().clone() for parameter in self._parameters]
            return
        for mean, parameter in zip(self._mean, self._parameters, strict=True):
            mean.add_(parameter - mean, alpha=1 / self.count)

    def goes_on(self, step: int, count: int) -> bool:
        """Whether the window of a checkpoint at this step, with the mean of `count` steps, was not at its end there."""
        return count > 0 and self.windows.begin(step + 1) == step - count + 1

    @torch.no_grad()
    def resume(self, count: int) -> None:
        """The parameters as they are now are the mean of `count` steps."""
        self.count, self._mean = count, [parameter.detach().clone() for parameter in self._parameters]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model with the mean in place of its weights; as it was where there is no mean."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        if not self.count:
            return
        for mean, parameter in zip(self._mean, self._parameters, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(mean)
            mean.copy_(kept)


def averaging(
    settings: Training, parameters: Sequence[nn.Parameter], steps: int | None, points: int | None = None
) -> Average:
    """What a training of so many steps, or of a budget in minutes, asks for; `points` as `train` has it."""
    width = max(1, round(settings.average * steps)) if settings.average and steps is not None else 0
    return Average(parameters, Windows(steps or 0, width, settings.every.checkpoint, points))
