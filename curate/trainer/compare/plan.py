"""What a training costs before it begins: FLOPs, steps, days, money, memory. Knows numbers; knows no model and no file.

Compute is 6 N D for training and 2 N D for use (Kaplan et al. 2020, section 2.1). Without runs of one's own, the law is
Hoffmann et al.'s (2022) as fitted anew by Besiroglu et al. (2024). `with_inference` is Sardana and Frankle's (2023) choice
of a model that will be used; `effective_tokens` is Muennighoff et al.'s (2023) worth of data read several times.

>>> round(cost(174.6e9, 300e9).flops / 1e21, 1)
314.3
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from curate.errors import ConfigError
from curate.trainer.compare.scaling import FLOPS_PER_PARAMETER_AND_TOKEN, Chinchilla

PUBLISHED = {
    "besiroglu": Chinchilla(1.8172, 482.01, 2085.43, 0.3478, 0.3658, 0.0),
    "hoffmann": Chinchilla(1.69, 406.4, 410.7, 0.34, 0.28, 0.0),
}
_FLOPS_OF_USE = 2  # per parameter and token
_BYTES_OF_WEIGHTS = 2  # bfloat16
_BYTES_TO_TRAIN = 16  # weights, gradients, and AdamW's float32 copies (ZeRO, Rajbhandari et al. 2020, section 3.1)
# Muennighoff et al. 2023, the unrounded fit of huggingface/datablations: E, A, B, exponent of both, and what models larger
# than their data can use lose as repeated tokens do.
_E, _A, _B, _EXPONENT, _REUSE_OF_SIZE = (
    math.exp(0.6254804),
    math.exp(6.255414),
    math.exp(7.3049974),
    0.3526596,
    5.309743,
)
_REUSE = 15.387756  # Muennighoff et al. 2023: epochs after which repeated tokens have lost 1 - 1/e of their worth
_SECONDS_OF_DAY = 86400
_GRID = 4000
_FACTOR = 30.0  # models this much smaller or larger than the one asked about are looked at


@dataclass(frozen=True)
class Cost:
    """Of one training run."""

    parameters: float
    tokens: float
    flops: float
    steps: float
    days: float
    money: float
    weight_bytes: float
    training_bytes: float
    """Weights, gradients and optimiser, over all devices; activations come on top."""


def cost(
    parameters: float,
    tokens: float,
    *,
    batch: float = 2**20,
    devices: int = 1,
    peak: float = 312e12,
    utilisation: float = 0.45,
    price: float = 0.0,
    held: float | None = None,
) -> Cost:
    """`batch` in tokens, `peak` FLOP/s of a device, `price` of a device for an hour. `held`: the parameters that memory
    holds, where not all of them compute each token.

    Raises ConfigError where one is not above 0.
    """
    if min(parameters, tokens, batch, devices, peak, utilisation) <= 0 or utilisation > 1 or price < 0:
        raise ConfigError("parameters, tokens, batch, devices, peak and utilisation (to 1) must be above 0")
    flops = FLOPS_PER_PARAMETER_AND_TOKEN * parameters * tokens
    held = parameters if held is None else held
    days = flops / (devices * peak * utilisation) / _SECONDS_OF_DAY
    return Cost(
        parameters,
        tokens,
        flops,
        tokens / batch,
        days,
        days * 24 * devices * price,
        held * _BYTES_OF_WEIGHTS,
        held * _BYTES_TO_TRAIN,
    )


def with_inference(law: Chinchilla, parameters: float, tokens: float, used: float) -> tuple[float, float]:
    """(parameters, tokens) of the least compute, use on `used` tokens counted, at the loss of (parameters, tokens)."""
    wanted = law.loss(parameters, tokens)
    sizes = parameters * np.exp(np.linspace(-math.log(_FACTOR), math.log(_FACTOR), _GRID))
    rest = wanted - law.E - law.A / sizes**law.a
    sizes, rest = sizes[rest > 0], rest[rest > 0]
    needed = (law.B / rest) ** (1 / law.b)
    best = int(np.argmin(FLOPS_PER_PARAMETER_AND_TOKEN * sizes * needed + _FLOPS_OF_USE * sizes * used))
    return float(sizes[best]), float(needed[best])


def effective_tokens(tokens: float, unique: float) -> float:
    """Fresh tokens that `tokens` of training are worth, of which `unique` are different.

    >>> round(effective_tokens(4e9, 1e9) / 1e9, 3)
    3.726
    """
    again = max(tokens / unique - 1, 0.0)
    return min(tokens, unique) + unique * _REUSE * -math.expm1(-again / _REUSE)


def data_constrained_loss(parameters: float, tokens: float, unique: float) -> float:
    """The loss of a training of which only `unique` tokens are different (Muennighoff et al. 2023, equation 7).

    >>> round(data_constrained_loss(6.34e9, 242e9, 25e9), 4)
    2.2256
    """
    needed = unique * (_A / _B) ** (2 / (2 * _EXPONENT))  # parameters that so much data is best used with
    used = min(parameters, needed)
    excess = parameters / used - 1
    size = used + used * _REUSE_OF_SIZE * -math.expm1(-excess / _REUSE_OF_SIZE)
    return float(_E + _A / size**_EXPONENT + _B / effective_tokens(tokens, unique) ** _EXPONENT)
