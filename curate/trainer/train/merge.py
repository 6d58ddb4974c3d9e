"""One model of several checkpoints: a soup, the mean of their weights, or two joined along the sphere. Trains nothing.

The mean of checkpoints at the end of one training, or of models that began with the same weights, is often better than each
(Wortsman et al. 2022; Izmailov et al. 2018). SLERP (Shoemake 1985) takes two models tensor by tensor along the arc between
them, of the tensors as they are, not normalised; where they are all but parallel it is the straight line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from curate.trainer.train.checkpoint import Checkpoint, CheckpointError, save_model

_PARALLEL = 0.9995  # cosine above which the arc's sine is too small to divide by


def merge(sources: Sequence[Checkpoint], out: Path, arc: float | None = None) -> Path:
    """Write the soup of checkpoints, or with `arc` the SLERP of two, as a checkpoint that can be used, not trained on.

    Raises CheckpointError for models of other shapes or tokenizers, or other than two with `arc`.
    """
    if len(sources) < 2 or (arc is not None and len(sources) != 2):
        raise CheckpointError(f"{len(sources)} checkpoints: a soup takes two or more, and SLERP two")
    first = sources[0]
    for other in sources[1:]:
        if other.shape != first.shape or other.about["tokenizer"] != first.about["tokenizer"]:
            raise CheckpointError(
                f"{other.path} has another shape or tokenizer than {first.path}: they cannot be merged"
            )
    weights = [source.weights() for source in sources]
    merged = soup(weights) if arc is None else slerp(weights[0], weights[1], arc)
    about = {**sources[-1].about, "merged": [str(source.path) for source in sources], "arc": arc}
    return save_model(out, about, merged)


def soup(models: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each tensor over models of the same names."""
    return {
        name: torch.stack([model[name].double() for model in models]).mean(dim=0).to(tensor.dtype)
        for name, tensor in models[0].items()
    }


def slerp(first: Mapping[str, Tensor], second: Mapping[str, Tensor], arc: float) -> dict[str, Tensor]:
    """Each tensor at `arc` (0: the first, 1: the second) of the way between two models."""
    return {name: _between(tensor, second[name], arc) for name, tensor in first.items()}


def _between(first: Tensor, second: Tensor, arc: float) -> Tensor:
    a, b = first.double().flatten(), second.double().flatten()
    norms = float(a.norm() * b.norm())
    cosine = float(a @ b) / norms if norms else 1.0
    if abs(cosine) > _PARALLEL:
        mixed = (1 - arc) * a + arc * b
    else:
        angle = math.acos(cosine)
        mixed = (math.sin((1 - arc) * angle) * a + math.sin(arc * angle) * b) / math.sin(angle)
    return mixed.view_as(first).to(first.dtype)
