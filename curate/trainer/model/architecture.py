"""The shape of a model as a value, and how many parameters it has. Knows no PyTorch and no data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from curate.settings import Model, Share

Positive = Annotated[int, Field(ge=1)]


class Architecture(Model):
    """A decoder-only Transformer. The defaults are GPT-2 124M (Radford et al. 2019, table 2)."""

    vocabulary: Positive = 50_257
    context: Positive = Field(1024, description="most tokens in a sequence")
    layers: Positive = 12
    width: Positive = 768
    heads: Positive = 12
    key_value_heads: Positive | None = Field(
        None, description="1: multi-query; fewer than heads: grouped-query; default: heads"
    )
    window: Positive | None = Field(
        None,
        description="tokens that banded layers see, the last ones, their own included; default: every layer is dense",
    )
    dense_every: Annotated[int, Field(ge=0)] = Field(
        2, description="with window: one layer of so many is dense, the first one too; 0: none is"
    )
    hidden: Positive | None = Field(None, description="width of the feed-forward layer; default: 4 x width")
    experts: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="feed-forward parts of each layer, each `hidden` wide, of which a token takes a few; default: one",
    )
    experts_per_token: Positive = Field(
        2, description="with experts: how many of them compute a token; none is dropped"
    )
    balance: Annotated[float, Field(ge=0)] = Field(
        0.01, description="with experts: weight of the loss that has them used evenly (Fedus et al. 2021)"
    )
    activation: Literal["gelu", "relu", "relu2", "swiglu"] = Field(
        "gelu", description="gelu is the tanh form that GPT-1 used; relu2 the square of relu (So et al. 2021)"
    )
    qk_norm: bool = Field(
        False, description="queries and keys of each head are normalised (RMS, with weights), before rotary positions"
    )
    logit_cap: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="logits are bent to be no larger: cap x tanh(logit / cap) (Gemma 2: 30); default: they are not",
    )
    norm: Literal["layer", "rms"] = "layer"
    norm_position: Literal["pre", "post"] = "pre"
    norm_epsilon: Annotated[float, Field(gt=0)] = 1e-5
    positions: Literal["learned", "rotary", "sinusoidal"] = "learned"
    rotary_base: Annotated[float, Field(gt=0)] = 10_000.0
    bias: bool = True
    tied: bool = Field(True, description="the output layer's matrix is the token embedding's")
    scale_embedding: bool = Field(False, description="multiply embeddings by sqrt(width) (Vaswani et al. 2017, §3.4)")
    scale_residual: bool = Field(
        True,
        description="initialise residual projections with 1 / sqrt(2 layers) of the others' deviation (GPT-2 §2.3)",
    )
    initial_deviation: Annotated[float, Field(gt=0)] = 0.02
    dropout: Share = 0.0

    @model_validator(mode="after")
    def _divides(self) -> Architecture:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.heads % self.groups:
            raise ValueError(f"heads {self.heads} is not a multiple of key_value_heads {self.groups}")
        if self.positions == "rotary" and self.head_width % 2:
            raise ValueError(f"rotary positions need an even head width, not {self.head_width}")
        if self.positions == "sinusoidal" and self.width % 2:
            raise ValueError(f"sinusoidal positions need an even width, not {self.width}")
        if self.experts is not None and self.experts_per_token > self.experts:
            raise ValueError(f"experts_per_token {self.experts_per_token} is more than experts {self.experts}")
        return self

    @property
    def groups(self) -> int:
        """Key-value heads."""
        return self.key_value_heads or self.heads

    @property
    def head_width(self) -> int:
        """Width of one head."""
        return self.width // self.heads

    def window_of(self, layer: int) -> int | None:
        """How many tokens a layer sees; None: all before."""
        dense = self.dense_every > 0 and layer % self.dense_every == 0
        return None if dense else self.window

    @property
    def feed_forward(self) -> int:
        """Width of the feed-forward layer."""
        return self.hidden or 4 * self.width


def count_parameters(shape: Architecture) -> int:
    """Every parameter once; a tied matrix counts once."""
    bias = int(shape.bias)
    width, keys = shape.width, shape.groups * shape.head_width
    attention = 2 * width * (width + bias) + 2 * keys * (width + bias)
    if shape.qk_norm:
        attention += 2 * shape.head_width
    feed_forward = _expert_parameters(shape) * (shape.experts or 1) + width * (shape.experts or 0)
    norm = 2 * width if shape.norm == "layer" else width
    norms = 2 * shape.layers + (shape.norm_position == "pre")
    embeddings = shape.vocabulary * width * (1 if shape.tied else 2)
    if shape.positions == "learned":
        embeddings += shape.context * width
    return embeddings + shape.layers * (attention + feed_forward) + norms * norm


def _expert_parameters(shape: Architecture) -> int:
    """Of one feed-forward part."""
    bias = int(shape.bias)
    inward = 2 if shape.activation == "swiglu" else 1
    return inward * shape.feed_forward * (shape.width + bias) + shape.width * (shape.feed_forward + bias)


def active_parameters(shape: Architecture) -> int:
    """All but those of the experts that a token does not take."""
    idle = shape.experts - shape.experts_per_token if shape.experts is not None else 0
    return count_parameters(shape) - shape.layers * idle * _expert_parameters(shape)


def matrix_parameters(shape: Architecture) -> int:
    """Parameters that each token is multiplied by: the active ones but for position embeddings, and token embeddings where
    the output layer has its own."""
    count = active_parameters(shape)
    if shape.positions == "learned":
        count -= shape.context * shape.width
    return count if shape.tied else count - shape.vocabulary * shape.width


def training_flops_per_token(shape: Architecture, sequence_length: int) -> float:
    """6 N + 12 W (T of every layer): forward and backward through N multiplied parameters, and attention's two products
    over T tokens, or those of a banded layer's window.

    Attention is counted whole, not its causal half (Chowdhery et al. 2022, appendix B). Recomputation does not count.
    """
    seen = sum(min(shape.window_of(layer) or sequence_length, sequence_length) for layer in range(shape.layers))
    return 6 * matrix_parameters(shape) + 12 * shape.width * seen
