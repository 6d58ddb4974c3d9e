"""What a block does to each token alone: two layers, or a mixture of experts of which a router takes a few. Knows tensors.

No token is dropped: an expert computes whatever the router sends it, and one that is sent nothing has a gradient of zeros.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from curate.trainer.model.architecture import Architecture


def feed_forward(shape: Architecture) -> nn.Module:
    """A block's feed-forward part."""
    return FeedForward(shape) if shape.experts is None else Experts(shape, shape.experts)


class FeedForward(nn.Module):
    """Two layers with GELU, ReLU or its square (So et al. 2021) between; or SwiGLU (Shazeer 2020), whose gate is a third."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.activation = shape.activation
        self.inward = nn.Linear(shape.width, shape.feed_forward, bias=shape.bias)
        self.gate = (
            nn.Linear(shape.width, shape.feed_forward, bias=shape.bias) if shape.activation == "swiglu" else None
        )
        self.output = nn.Linear(shape.feed_forward, shape.width, bias=shape.bias)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.inward(x)
        if self.gate is not None:
            inner = inner * F.silu(self.gate(x))
        elif self.activation == "gelu":
            inner = F.gelu(inner, approximate="tanh")
        else:
            inner = F.relu(inner)
            inner = inner.square() if self.activation == "relu2" else inner
        output: Tensor = self.output(inner)
        return output


class Experts(nn.Module):
    """Several feed-forward parts. Of each token the router's likeliest few compute, and their outputs are added by the
    router's probabilities, which are made to sum to 1 over the few (Mixtral: Jiang et al. 2024, section 2.1).
    """

    def __init__(self, shape: Architecture, count: int) -> None:
        super().__init__()
        self.router = nn.Linear(shape.width, count, bias=False)
        self.experts = nn.ModuleList(FeedForward(shape) for _ in range(count))
        self.few = shape.experts_per_token
        self.balance: Tensor | None = None
        """How unevenly the last tokens were sent: 1 where evenly. Differentiable by the router's probabilities."""

    @torch.compiler.disable  # how many tokens an expert is sent depends on the data
    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(0, -2)
        with torch.autocast(x.device.type, enabled=False):
            probabilities = F.linear(rows.float(), self.router.weight.float()).softmax(dim=-1)
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)  # of equal ones the first
        weights, chosen = ordered[:, : self.few], order[:, : self.few]
        self.balance = balance(probabilities, chosen)
        weights = weights / weights.sum(dim=-1, keepdim=True)
        added = torch.zeros_like(rows)
        for number, expert in enumerate(self.experts):
            token, place = (chosen == number).nonzero(as_tuple=True)
            each = expert(rows[token]) * weights[token, place, None]
            added = added.index_add(0, token, each.to(added.dtype))
        return added.view_as(x)


def balance(probabilities: Tensor, chosen: Tensor) -> Tensor:
    """E / k x the sum over experts of (its share of tokens) x (its mean probability): 1 where all are equal.

    probabilities: (tokens, experts); chosen: (tokens, k) numbers of experts. For k of 1 Switch (Fedus et al. 2021, section
    2.2); `transformers` has k times this.
    """
    count = probabilities.shape[1]
    shares = F.one_hot(chosen, count).sum(dim=1).float().mean(dim=0)
    return count / chosen.shape[1] * (shares * probabilities.mean(dim=0)).sum()


def balance_loss(model: nn.Module) -> Tensor | None:
    """The mean over layers of how unevenly the last forward pass used experts; None where a model has none."""
    found = [part.balance for part in model.modules() if isinstance(part, Experts) and part.balance is not None]
    return torch.stack(found).mean() if found else None
