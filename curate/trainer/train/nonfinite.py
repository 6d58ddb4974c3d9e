"""Stops training at a loss that is no number, and says which documents it read. Knows losses and the stream."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from curate.errors import CurateError
from curate.trainer.train.data import Stream
from curate.trainer.train.parallel import World

Sequences = npt.NDArray[np.int64]
_SHOWN = 8  # documents named in the message


class NonFiniteLoss(CurateError, ArithmeticError):
    """The loss or its gradient is no number. `step` and `documents` (ids in hexadecimal) say where."""

    def __init__(self, step: int, documents: list[str], sequences: int) -> None:
        self.step, self.documents, self.sequences = step, documents, sequences
        shown = ", ".join(documents[:_SHOWN]) + (
            f" and {len(documents) - _SHOWN} more" if len(documents) > _SHOWN else ""
        )
        what = f"in {sequences} sequences" if sequences else "in the gradient only"
        super().__init__(
            f"the loss is not finite at step {step}, {what}, of the documents {shown}; "
            f"`curate explain RUN {documents[0] if documents else 'ID'}` says where a document comes from. "
            "If many documents are named, the weights diverged: lower optimizer.learning_rate or lengthen the warm-up"
        )

    def __reduce__(self) -> tuple[type[NonFiniteLoss], tuple[int, list[str], int]]:
        return NonFiniteLoss, (self.step, self.documents, self.sequences)  # it travels between processes


class Watch:
    """Looks for losses that are no numbers: remembers each sequence's since the last look, on the device."""

    def __init__(self, stream: Stream, here: World) -> None:
        self._stream, self._here = stream, here
        self._seen: list[tuple[int, Sequences, Tensor]] = []
        self._norms: list[tuple[int, Tensor]] = []

    def see(self, step: int, sequences: Sequences, losses: Tensor) -> None:
        """The losses (sequences, tokens) of a pass."""
        self._seen.append((step, sequences, losses.detach().sum(dim=1)))

    def see_norm(self, step: int, norm: Tensor) -> None:
        """The norm of a step's gradient."""
        self._norms.append((step, norm))

    def check(self) -> None:
        """Raises NonFiniteLoss, on every process, for the first step with one."""
        bad = [(step, sequences[~finite]) for step, sequences, finite in self._finite() if not finite.all()]
        norms = [step for step, norm in self._norms if not torch.isfinite(norm).item()]
        first = min([step for step, _ in bad] + norms, default=None)
        steps = [step for step in self._here.gather(first) if step is not None]
        seen, self._seen, self._norms = self._seen, [], []
        if not steps:
            return
        step = min(steps)
        mine = [sequence for at, sequences in bad if at == step for sequence in sequences.tolist()]
        guilty = [sequence for each in self._here.gather(mine) for sequence in each]
        suspects = guilty or [
            sequence
            for each in self._here.gather([n for at, sequences, _ in seen if at == step for n in sequences.tolist()])
            for sequence in each
        ]
        raise NonFiniteLoss(step + 1, self._stream.documents_of(suspects), len(guilty))

    def _finite(self) -> list[tuple[int, Sequences, npt.NDArray[np.bool_]]]:
        return [(step, sequences, torch.isfinite(losses).cpu().numpy()) for step, sequences, losses in self._seen]
