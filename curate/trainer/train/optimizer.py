"""Optimizers over the right groups of parameters, their learning rate over the budget, and the norm of a gradient that may
lie on several devices. Knows parameters; knows no model and no data.
"""

from __future__ import annotations

import math

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Shard

from curate.trainer.train.settings import Optimizer, Schedule

_MUON_MOMENTUM = 0.95  # Jordan et al. 2024
_BASE = "base_learning_rate"


def build_optimizers(model: nn.Module, settings: Optimizer) -> list[torch.optim.Optimizer]:
    """AdamW over two groups: matrices decay, vectors (biases, norms) do not. Muon takes the matrices inside blocks."""
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    muon = [
        p
        for name, p in named
        if settings.name == "muon" and p.ndim == 2 and "blocks." in name and not name.endswith("router.weight")
    ]
    taken = {id(parameter) for parameter in muon}
    rest = [parameter for _, parameter in named if id(parameter) not in taken]
    groups = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    fused = rest[0].device.type == "cuda"
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=settings.learning_rate,
            betas=settings.betas,
            eps=settings.epsilon,
            fused=fused,
        )
    ]
    if muon:
        optimizers.append(
            torch.optim.Muon(
                muon,
                lr=settings.muon_learning_rate,
                momentum=_MUON_MOMENTUM,
                weight_decay=settings.weight_decay,
            )
        )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group[_BASE] = group["lr"]
    return optimizers


def set_learning_rate(optimizers: list[torch.optim.Optimizer], share: float) -> None:
    """Give every group this share of its highest learning rate."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group[_BASE] * share


@torch.no_grad()
def gradient_norm(parameters: list[nn.Parameter]) -> Tensor:
    """The Euclidean norm of all gradients together, wherever their pieces lie; a scalar, equal on every process."""
    whole = torch.zeros((), device=parameters[0].device)
    split: dict[tuple[int, tuple[int, ...]], tuple[DTensor, Tensor]] = {}
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is None:
            continue
        if not isinstance(gradient, DTensor):
            whole = whole + gradient.float().square().sum()
            continue
        dimensions = tuple(i for i, placement in enumerate(gradient.placements) if isinstance(placement, Shard))
        key = (id(gradient.device_mesh), dimensions)
        total = gradient.to_local().float().square().sum()
        split[key] = (gradient, split[key][1] + total if key in split else total)
    for (_, dimensions), (gradient, total) in split.items():
        for dimension in dimensions:
            dist.all_reduce(total, group=gradient.device_mesh.get_group(dimension))
        whole = whole + total
    return whole.sqrt()


@torch.no_grad()
def scale_gradients(parameters: list[nn.Parameter], norm: Tensor, largest: float) -> None:
    """Clip: shrink every gradient so that their common norm is at most `largest`."""
    factor = (largest / (norm + 1e-6)).clamp(max=1.0)
    for parameter in parameters:
        if parameter.grad is not None:
            gradient = parameter.grad.to_local() if isinstance(parameter.grad, DTensor) else parameter.grad
            gradient.mul_(factor)


def learning_rate_share(schedule: Schedule, done: float) -> float:
    """The learning rate as a share of the highest, when `done` in [0, 1] of the budget is spent.

    Cosine: Loshchilov and Hutter 2017, one cycle. Stable-decay: Hu et al. 2024 (MiniCPM), §4, with a linear decay or with
    1 - sqrt of the share of the decay that is done (Hägele et al. 2024).
    """
    if done < schedule.warmup:
        return done / schedule.warmup
    if schedule.kind == "constant":
        return 1.0
    if schedule.kind == "cosine":
        passed = (done - schedule.warmup) / max(1 - schedule.warmup, 1e-12)
        return schedule.final + (1 - schedule.final) * (1 + math.cos(math.pi * min(1.0, passed))) / 2
    left = max(0.0, min(1.0, (1 - done) / schedule.decay)) if schedule.decay else 1.0
    if schedule.shape == "sqrt":
        left = 1 - math.sqrt(1 - left)
    return schedule.final + (1 - schedule.final) * left
