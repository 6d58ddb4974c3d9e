"""Published models as data: shapes, and the batch and learning rate they were trained with.

Where a table contradicts itself the preset says what it takes instead; `docs/trainer.md` lists parameter counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from curate.trainer.model.architecture import Architecture


@dataclass(frozen=True)
class Preset:
    """A shape, its published count as printed, and the published batch (tokens) and peak learning rate, where known."""

    shape: Architecture
    printed: str
    batch_tokens: int | None = None
    learning_rate: float | None = None
    exception: str | None = None
    """Why the count does not round to the printed one."""


def _gpt2(layers: int, width: int, heads: int) -> Architecture:
    return Architecture(layers=layers, width=width, heads=heads)


def _gpt3(layers: int, width: int, heads: int) -> Architecture:
    return Architecture(layers=layers, width=width, heads=heads, context=2048)


def _llama(
    layers: int,
    width: int,
    heads: int,
    hidden: int,
    *,
    vocabulary: int = 32_000,
    context: int = 2048,
    key_value_heads: int | None = None,
    rotary_base: float = 10_000.0,
    norm_epsilon: float = 1e-6,
) -> Architecture:
    return Architecture(
        vocabulary=vocabulary,
        context=context,
        layers=layers,
        width=width,
        heads=heads,
        key_value_heads=key_value_heads,
        hidden=hidden,
        activation="swiglu",
        norm="rms",
        norm_epsilon=norm_epsilon,
        positions="rotary",
        rotary_base=rotary_base,
        bias=False,
        tied=False,
    )


def _llama3(layers: int, width: int, heads: int, hidden: int) -> Architecture:
    return _llama(
        layers,
        width,
        heads,
        hidden,
        vocabulary=128_256,
        context=8192,
        key_value_heads=8,
        rotary_base=500_000.0,
        norm_epsilon=1e-5,
    )


_K = 1024  # sequence lengths are multiples of it; GPT-3's batches are printed in millions of tokens
_TRUNCATED = "the printed count is cut off, not rounded"

PRESETS: dict[str, Preset] = {
    # Vaswani et al. 2017, table 3, base: its decoder without cross-attention, as a language model.
    "transformer-base": Preset(
        Architecture(
            vocabulary=50_257,
            context=1024,
            layers=6,
            width=512,
            heads=8,
            hidden=2048,
            activation="relu",
            norm_position="post",
            positions="sinusoidal",
            scale_embedding=True,
            scale_residual=False,
            dropout=0.1,
        ),
        "",
    ),
    # Radford et al. 2018, §4.1. The vocabulary: 40,000 merges and 478 single characters.
    "gpt1": Preset(
        Architecture(vocabulary=40_478, context=512, norm_position="post", scale_residual=False, dropout=0.1),
        "117M",
        64 * 512,
        2.5e-4,
    ),
    # Radford et al. 2019, table 2; counts as the released code's README corrects them.
    "gpt2-124m": Preset(_gpt2(12, 768, 12), "124M", 512 * _K),
    "gpt2-355m": Preset(_gpt2(24, 1024, 16), "355M", 512 * _K),
    "gpt2-774m": Preset(_gpt2(36, 1280, 20), "774M", 512 * _K),
    "gpt2-1558m": Preset(_gpt2(48, 1600, 25), "1558M", 512 * _K),
    # Brown et al. 2020, table 2.1. Attention is dense; `window` makes every second layer banded, as theirs (§2.1).
    "gpt3-125m": Preset(_gpt3(12, 768, 12), "125M", 500_000, 6e-4),
    "gpt3-350m": Preset(_gpt3(24, 1024, 16), "350M", 500_000, 3e-4, "356M with a 50,257 vocabulary; printed as 350M"),
    "gpt3-760m": Preset(_gpt3(24, 1536, 16), "760M", 500_000, 2.5e-4),
    # The table prints 24 heads of 128, which is 3,072 wide; 16 of 128 are 2,048.
    "gpt3-1.3b": Preset(_gpt3(24, 2048, 16), "1.3B", 1_000_000, 2e-4),
    "gpt3-2.7b": Preset(_gpt3(32, 2560, 32), "2.7B", 1_000_000, 1.6e-4),
    "gpt3-6.7b": Preset(_gpt3(32, 4096, 32), "6.7B", 2_000_000, 1.2e-4),
    "gpt3-13b": Preset(
        _gpt3(40, 5120, 40),
        "13.0B",
        2_000_000,
        1e-4,
        "the table's width 5,140 is no multiple of 40 heads; 5,120 gives 12.9B",
    ),
    "gpt3-175b": Preset(_gpt3(96, 12_288, 96), "175.0B", 3_200_000, 0.6e-4, "174.6B; the printed count is rounded up"),
    # Touvron et al. 2023, table 2; hidden = 2/3 of 4 x width, up to a multiple of 256.
    "llama1-7b": Preset(_llama(32, 4096, 32, 11_008), "6.7B", 4_000_000, 3e-4),
    "llama1-13b": Preset(_llama(40, 5120, 40, 13_824), "13.0B", 4_000_000, 3e-4),
    "llama1-33b": Preset(_llama(60, 6656, 52, 17_920), "32.5B", 4_000_000, 1.5e-4),
    "llama1-65b": Preset(_llama(80, 8192, 64, 22_016), "65.2B", 4_000_000, 1.5e-4, _TRUNCATED),
    # Grattafiori et al. 2024, table 3.
    "llama3-8b": Preset(_llama3(32, 4096, 32, 14_336), "8B", None, 3e-4),
    "llama3-70b": Preset(_llama3(80, 8192, 64, 28_672), "70B", None, 1.5e-4, _TRUNCATED),
    # Jiang et al. 2024, table 1: every layer has eight feed-forward parts, of which a token takes two.
    "mixtral-8x7b": Preset(
        _llama(32, 4096, 32, 14_336, context=32 * _K, key_value_heads=8, rotary_base=1e6, norm_epsilon=1e-5).model_copy(
            update={"experts": 8, "experts_per_token": 2}
        ),
        "46.7B",
    ),
    "llama3-405b": Preset(_llama3(126, 16_384, 128, 53_248), "405B", None, 8e-5, _TRUNCATED),
}
