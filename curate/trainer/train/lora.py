"""Low-rank adaptation (Hu et al. 2021): a base's matrices stay as they are, and beside each two thin ones learn. Knows
modules and tensors; knows no file.

y = W x + (alpha / rank) U D x, with D drawn and U zero, so that training begins with the base's own outputs. Adding the
product to W gives a model of the base's shape: that is what a checkpoint holds as its model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from curate.errors import ConfigError
from curate.trainer.train.settings import Lora

_DOWN, _UP = ".down", ".up"


class Adapted(nn.Module):
    """A linear layer whose own weights are frozen, and two matrices that learn, `down` (rank, in) and `up` (out, rank)."""

    def __init__(self, linear: nn.Linear, settings: Lora, draws: torch.Generator) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        self.share = settings.alpha / settings.rank
        bound = 1 / math.sqrt(linear.in_features)  # their code's: Kaiming's uniform with a of sqrt 5
        down = torch.empty(settings.rank, linear.in_features, device=linear.weight.device)
        self.down = nn.Parameter(down.uniform_(-bound, bound, generator=draws))
        self.up = nn.Parameter(torch.zeros(linear.out_features, settings.rank, device=linear.weight.device))

    def forward(self, x: Tensor) -> Tensor:
        learnt = F.linear(F.linear(x, self.down), self.up)
        return F.linear(x, self.weight, self.bias) + self.share * learnt


def adapt(model: nn.Module, settings: Lora, seed: int) -> None:
    """Freeze a model's parameters, and put adapted layers in place of those that the settings name, by draws from the seed.

    Raises ConfigError for a part that the model's blocks have none of.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    linears = {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear) and "blocks." in name}
    for wanted in settings.parts:
        if not any(name.endswith(f".{wanted}") for name in linears):
            raise ConfigError(f"lora.parts: the model's blocks have no {wanted}")
    device = next(model.parameters()).device
    draws = torch.Generator(device=device).manual_seed(seed)
    for name, linear in linears.items():
        above, _, last = name.rpartition(".")
        if last in settings.parts:
            setattr(model.get_submodule(above), last, Adapted(linear, settings, draws))


def merged(weights: Mapping[str, Any], settings: Lora) -> dict[str, Tensor]:
    """The state of an adapted model as that of a plain one: W + (alpha / rank) U D."""
    plain = {name: tensor for name, tensor in weights.items() if not name.endswith((_DOWN, _UP))}
    for name in weights:
        if name.endswith(_DOWN):
            layer = name.removesuffix(_DOWN)
            learnt = weights[f"{layer}{_UP}"].double() @ weights[name].double() * (settings.alpha / settings.rank)
            plain[f"{layer}.weight"] = (plain[f"{layer}.weight"].double() + learnt).to(plain[f"{layer}.weight"].dtype)
    return plain
