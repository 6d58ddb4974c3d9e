"""The loss over a large vocabulary, whose logits never exist all at once. Knows tensors only.

A chunk of rows at a time: logits, losses and, where gradients are wanted, the gradient too, while the logits are there. So
under a sum or mean of the losses nothing is computed twice: three matrix products per row, where recomputation in the
backward pass takes four. Losses weighted one by one are computed again in the backward pass.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100
"""A target that has no loss."""
_CHUNK = 8192  # rows whose logits exist at once on a GPU: 1.6 GB in float32 with GPT-2's vocabulary
_ALIGNED = {"cuda": 64}
"""By device, of what the columns of logits are a multiple: rows that begin at 128 bytes are multiplied faster there."""
_CPU_CHUNK = 64  # on a CPU, whose caches are smaller: twice as fast as 8,192


def capped(logits: Tensor, cap: float | None) -> Tensor:
    """Logits bent so that none is larger than `cap` in size: cap x tanh(logits / cap), in float32; None: as they are.

    >>> round(float(capped(torch.tensor(45.0), 30)), 6)
    27.154448
    """
    return logits if cap is None else cap * torch.tanh(logits.float() / cap)


def cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, compiled: bool = False, cap: float | None = None
) -> Tensor:
    """Losses in nats, float32.

    hidden: (batch, tokens, width); weight: (vocabulary, width); targets and result: (batch, tokens), IGNORED gives 0.
    `compiled`: by torch.compile. `cap`: see `capped`.
    """
    precision = hidden.dtype
    if torch.is_autocast_enabled(hidden.device.type):
        precision = torch.get_autocast_dtype(hidden.device.type)
    arguments = (hidden, weight, targets, precision, compiled, cap)
    if torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad):
        losses: Tensor = _CrossEntropy.apply(*arguments)  # type: ignore[no-untyped-call]
        return losses
    return _losses(*arguments)


def _losses(
    hidden: Tensor, weight: Tensor, targets: Tensor, precision: torch.dtype, compiled: bool, cap: float | None
) -> Tensor:
    ids, weight = weight.shape[0], _aligned(weight.to(precision))
    loss = _compiled(_chunk_loss) if compiled else _chunk_loss
    with torch.autocast(hidden.device.type, enabled=False):
        losses = [loss(rows.to(precision), weight, wanted, ids, cap) for rows, wanted in _chunks(hidden, targets)]
    return torch.cat(losses).view(targets.shape)


class _CrossEntropy(torch.autograd.Function):
    """Computes gradients of the sum of losses with the losses, and scales them in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        targets: Tensor,
        precision: torch.dtype,
        compiled: bool,
        cap: float | None,
    ) -> Tensor:
        losses, of_hidden, of_weight = _with_gradients(hidden, weight, targets, None, precision, compiled, cap)
        ctx.save_for_backward(hidden, weight, targets, of_hidden, of_weight)
        ctx.how = (precision, compiled, cap)
        return losses.clone()  # FSDP wants its hooks on a tensor of its own

    @staticmethod
    def backward(ctx: Any, *scales: Tensor) -> tuple[Tensor | None, ...]:
        (scale,) = scales
        hidden, weight, targets, of_hidden, of_weight = ctx.saved_tensors
        if any(scale.stride()):  # not one number for all losses, as their sum gives: the weight's gradient is another
            _, of_hidden, of_weight = _with_gradients(hidden, weight, targets, scale, *ctx.how)
        else:
            of_hidden, of_weight = of_hidden * scale[..., None], of_weight * scale[0, 0]
        return of_hidden.to(hidden.dtype), of_weight.to(weight.dtype), None, None, None, None


def _with_gradients(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    scale: Tensor | None,
    precision: torch.dtype,
    compiled: bool,
    cap: float | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Losses, and the gradient of their sum, each times its scale, by hidden and by weight."""
    narrow = _aligned(weight.to(precision))
    one = _compiled(_chunk_gradients) if compiled else _chunk_gradients
    scales = torch.ones_like(targets, dtype=torch.float32) if scale is None else scale
    losses, of_hidden = [], []
    of_weight = torch.zeros_like(narrow, dtype=torch.float32)
    ids = weight.shape[0]
    with torch.autocast(hidden.device.type, enabled=False):
        for rows, wanted, factors in _chunks(hidden, targets, scales):
            rows = rows.to(precision)
            loss, of_logits = one(rows, narrow, wanted, factors, ids, cap)
            losses.append(loss)
            of_hidden.append(of_logits @ narrow)
            if precision == torch.float32:
                of_weight.addmm_(of_logits.T, rows)
            else:
                of_weight += of_logits.T @ rows
    return torch.cat(losses).view(targets.shape), torch.cat(of_hidden).view(hidden.shape), of_weight[:ids]


def _chunks(hidden: Tensor, *per_row: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Rows of `hidden`, a chunk at a time, with what belongs to each row."""
    size = _CPU_CHUNK if hidden.device.type == "cpu" else _CHUNK
    rows = (hidden.flatten(0, 1), *(each.flatten() for each in per_row))
    return zip(*(torch.split(each, size) for each in rows), strict=True)


def _aligned(weight: Tensor) -> Tensor:
    """The matrix with rows of zeros below, up to a multiple of what its device likes; parameters keep their size."""
    lacking = -weight.shape[0] % _ALIGNED.get(weight.device.type, 1)
    return F.pad(weight, (0, 0, 0, lacking)) if lacking else weight


def _logits(rows: Tensor, weight: Tensor, ids: int, cap: float | None) -> Tensor:
    """In float32, with no probability for the columns beyond the vocabulary's `ids`."""
    logits = capped(F.linear(rows, weight).float(), cap)
    if weight.shape[0] > ids:
        logits[:, ids:] = -torch.inf
    return logits


def _chunk_loss(rows: Tensor, weight: Tensor, targets: Tensor, ids: int, cap: float | None) -> Tensor:
    return F.cross_entropy(_logits(rows, weight, ids, cap), targets, ignore_index=IGNORED, reduction="none")


def _chunk_gradients(
    rows: Tensor, weight: Tensor, targets: Tensor, scales: Tensor, ids: int, cap: float | None
) -> tuple[Tensor, Tensor]:
    logits = _logits(rows, weight, ids, cap)
    slope = None if cap is None else 1 - (logits / cap).clamp(min=-1).square()  # of the bend; columns beyond `ids`: 0
    real = targets != IGNORED
    wanted = targets.clamp(min=0)[:, None]
    logs = logits.sub_(logits.logsumexp(dim=-1, keepdim=True))
    losses = torch.where(real, -logs.gather(1, wanted)[:, 0], 0.0)
    gradient = logs.exp_()
    if torch.compiler.is_compiling():  # a comparison is fused with what stands around it, and a scatter is not
        columns = torch.arange(gradient.shape[1], device=gradient.device)
        gradient = torch.where(columns == wanted, gradient - 1, gradient)
    else:
        gradient.scatter_add_(1, wanted, torch.full_like(wanted, -1, dtype=gradient.dtype))
    gradient = gradient.mul_((scales * real)[:, None])
    if slope is not None:
        gradient = gradient * slope
    return losses, gradient.to(rows.dtype)


@functools.cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(function)
