"""What a training and a use of a model hold in memory, in bytes. Knows a shape's numbers; makes no model.

>>> from curate.trainer.model.presets import PRESETS
>>> kv_cache_bytes(PRESETS["gpt3-175b"].shape)
4718592
"""

from __future__ import annotations

from typing import Literal

from curate.errors import ConfigError
from curate.trainer.model.architecture import Architecture

Recompute = Literal["none", "attention", "all"]

_HALF = 2  # bytes of bfloat16
_WEIGHTS, _GRADIENTS, _STATES = 2, 2, 12  # bytes per parameter (ZeRO, Rajbhandari et al. 2020, section 3.1)
# Korthikanti et al. 2022, table 2: bytes per layer are s b h times these, and 5 a s / h more for the attention's products.
_LAYER, _LAYER_RECOMPUTED = 34, 2
_PRODUCTS = 5


def training_bytes(parameters: float, devices: int = 1, stage: int = 0) -> float:
    """Weights, gradients and AdamW's states on each device. ZeRO's stage 1 spreads states, 2 gradients too, 3 all (FSDP).

    Raises ConfigError for another stage, or no device.
    """
    if not 0 <= stage <= 3 or devices < 1:
        raise ConfigError(f"ZeRO has the stages 0 to 3, not {stage}; devices are 1 or more")
    states, gradients, weights = (
        size / devices if stage >= least else size for size, least in ((_STATES, 1), (_GRADIENTS, 2), (_WEIGHTS, 3))
    )
    return parameters * (states + gradients + weights)


def activation_bytes(shape: Architecture, sequences: int, length: int, recompute: Recompute = "attention") -> float:
    """Activations of all layers for a pass of `sequences`, in 16 bits, without the head.

    `attention`: its products are made again backwards, as flash attention does; `all`: each layer whole. For layers of
    GPT's shape; SwiGLU and grouped keys differ by a few parts.
    """
    if recompute == "all":
        per_token = float(_LAYER_RECOMPUTED * shape.width)
    else:
        per_token = float(_LAYER * shape.width) + (_PRODUCTS * shape.heads * length if recompute == "none" else 0)
    return shape.layers * sequences * length * per_token


def kv_cache_bytes(shape: Architecture) -> int:
    """Keys and values of one token, in 16 bits."""
    return 2 * shape.layers * shape.groups * shape.head_width * _HALF
