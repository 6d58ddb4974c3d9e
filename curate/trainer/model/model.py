"""The model: every architecture of the GPT and LLaMA families by configuration. Reads from top to bottom.

Knows tensors and an Architecture; knows no data, no training and no files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils.checkpoint import checkpoint

from curate.trainer.model.architecture import Architecture
from curate.trainer.model.feed_forward import feed_forward
from curate.trainer.model.loss import capped, cross_entropy

_SINUSOID_BASE = 10_000.0  # Vaswani et al. 2017, §3.5


class KeyValueCache:
    """Keys and values of the tokens seen so far. Rows may be padded on the left: `starts` is each row's first real column.

    `keys` and `values`: per layer, (batch, key-value heads, capacity, head width).
    """

    def __init__(
        self, shape: Architecture, batch: int, capacity: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        size = (batch, shape.groups, capacity, shape.head_width)
        self.keys = [torch.zeros(size, device=device, dtype=dtype) for _ in range(shape.layers)]
        self.values = [torch.zeros(size, device=device, dtype=dtype) for _ in range(shape.layers)]
        self.starts = torch.zeros(batch, dtype=torch.long, device=device)
        self.length = 0

    @property
    def bytes(self) -> int:
        """Memory of all keys and values."""
        return sum(tensor.nbytes for tensor in (*self.keys, *self.values))

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store a layer's new keys and values; returns all so far. `length` moves on when every layer has done so."""
        end = self.length + keys.shape[2]
        self.keys[layer][:, :, self.length : end] = keys
        self.values[layer][:, :, self.length : end] = values
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order; a row may be taken more than once."""
        self.keys = [tensor[rows] for tensor in self.keys]
        self.values = [tensor[rows] for tensor in self.values]
        self.starts = self.starts[rows]


@dataclass(frozen=True)
class Context:
    """What every layer of one forward pass shares."""

    mask: Tensor | None
    """(batch, 1, queries, keys), true where a query may look; none: causal."""
    band: Tensor | None
    """The same of banded layers; none where there are none."""
    rotation: tuple[Tensor, Tensor] | None
    """cosine and sine, (batch or 1, 1, tokens, head width)."""
    cache: KeyValueCache | None


def _rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions (Su et al. 2021), pairing element i with i + half, as the LLaMA weights in `transformers` do."""
    cosine, sine = rotation
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return x * cosine.to(x.dtype) + turned * sine.to(x.dtype)


class Attention(nn.Module):
    """Multi-head, grouped-query or multi-query attention, dense or banded. Its layers may be split over devices by heads."""

    def __init__(self, shape: Architecture, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.head_width = shape.head_width
        self.grouped = shape.groups != shape.heads
        self.dropout = shape.dropout
        self.banded = shape.window_of(layer) is not None
        keys = shape.groups * shape.head_width
        self.query = nn.Linear(shape.width, shape.width, bias=shape.bias)
        self.key = nn.Linear(shape.width, keys, bias=shape.bias)
        self.value = nn.Linear(shape.width, keys, bias=shape.bias)
        self.output = nn.Linear(shape.width, shape.width, bias=shape.bias)
        self.query_norm = nn.RMSNorm(shape.head_width, eps=shape.norm_epsilon) if shape.qk_norm else nn.Identity()
        self.key_norm = nn.RMSNorm(shape.head_width, eps=shape.norm_epsilon) if shape.qk_norm else nn.Identity()

    def forward(self, x: Tensor, context: Context) -> Tensor:
        batch, tokens, _ = x.shape
        query, key, value = (
            project(x).view(batch, tokens, -1, self.head_width).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        query, key = self.query_norm(query), self.key_norm(key)
        if context.rotation is not None:
            query, key = _rotate(query, context.rotation), _rotate(key, context.rotation)
        if context.cache is not None:
            key, value = context.cache.append(self.layer, key, value)
        mask = context.band if self.banded else context.mask
        mixed = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask,
            is_causal=mask is None,
            dropout_p=self.dropout if self.training else 0.0,
            enable_gqa=self.grouped,
        )
        output: Tensor = self.output(mixed.transpose(1, 2).reshape(batch, tokens, -1))
        return output


class Block(nn.Module):
    """Attention and feed-forward, each with a residual; normalised before them (GPT-2) or after their sums (GPT-1)."""

    def __init__(self, shape: Architecture, layer: int) -> None:
        super().__init__()
        self.post = shape.norm_position == "post"
        self.attention_norm = _norm(shape)
        self.attention = Attention(shape, layer)
        self.feed_forward_norm = _norm(shape)
        self.feed_forward = feed_forward(shape)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        if self.post:
            x = self.attention_norm(x + self.dropout(self.attention(x, context)))
            x = self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))
            return x
        x = x + self.dropout(self.attention(self.attention_norm(x), context))
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x


def _norm(shape: Architecture) -> nn.Module:
    kind = nn.LayerNorm if shape.norm == "layer" else nn.RMSNorm
    return kind(shape.width, eps=shape.norm_epsilon)


class GPT(nn.Module):
    """A decoder-only language model."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.shape = shape
        self.recompute = False
        """Whether each block's activations are computed again in the backward pass instead of kept."""
        self.compiled = False
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.position = nn.Embedding(shape.context, shape.width) if shape.positions == "learned" else None
        self.dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(Block(shape, layer) for layer in range(shape.layers))
        self.norm = _norm(shape) if shape.norm_position == "pre" else None
        self.head = None if shape.tied else nn.Linear(shape.width, shape.vocabulary, bias=False)

    def compile_parts(self) -> None:
        """Compile each block, all alike, and the loss; embeddings gain nothing from it."""
        self.compiled = True
        for block in self.blocks:
            block.compile()

    def initialise(self, seed: int) -> None:
        """Draw every parameter anew: normal matrices, residual projections smaller (GPT-2 §2.3), zero biases."""
        draws = torch.Generator(device=self.embedding.weight.device).manual_seed(seed)
        shape = self.shape
        residual = shape.initial_deviation / (math.sqrt(2 * shape.layers) if shape.scale_residual else 1)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                deviation = residual if name.endswith(".output") else shape.initial_deviation
                _draw_normal(module.weight, deviation, draws)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                # scaled embeddings start with deviation 1 after the multiplication by sqrt(width)
                deviation = shape.width**-0.5 if shape.scale_embedding else shape.initial_deviation
                _draw_normal(module.weight, deviation, draws)
            elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
                module.reset_parameters()

    def forward(
        self,
        tokens: Tensor,
        targets: Tensor | None = None,
        documents: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Logits (batch, tokens, vocabulary); with targets each one's loss in nats, float32 (batch, tokens).

        tokens, targets: int64 (batch, tokens). documents: (batch, tokens), equal where tokens may see each other; none: all
        earlier ones. With a cache, tokens continue what it holds.
        """
        hidden = self.hidden(tokens, documents, cache)
        if targets is None:
            return capped(F.linear(hidden, self.output_weight), self.shape.logit_cap)
        return cross_entropy(hidden, self.output_weight, targets, self.compiled, self.shape.logit_cap)

    @property
    def output_weight(self) -> Tensor:
        """The matrix that gives logits, (vocabulary, width)."""
        return self.embedding.weight if self.head is None else self.head.weight

    def hidden(self, tokens: Tensor, documents: Tensor | None = None, cache: KeyValueCache | None = None) -> Tensor:
        """The last layer's output, (batch, tokens, width)."""
        return self.transform(self.embedding(tokens), documents, cache)

    def transform(self, x: Tensor, documents: Tensor | None = None, cache: KeyValueCache | None = None) -> Tensor:
        """From token embeddings to the last layer's output, both (batch, tokens, width).

        Raises ValueError for more tokens than the context holds.
        """
        shape, tokens = self.shape, x.shape[1]
        past = cache.length if cache is not None else 0
        if past + tokens > shape.context:
            raise ValueError(f"{past + tokens} tokens do not fit into the model's context of {shape.context}")
        positions = torch.arange(past, past + tokens, device=x.device)[None]
        if cache is not None:
            positions = (positions - cache.starts[:, None]).clamp(min=0)
        if shape.scale_embedding:
            x = x * math.sqrt(shape.width)
        if self.position is not None:
            x = x + self.position(positions)
        elif shape.positions == "sinusoidal":
            x = x + _sinusoids(positions, shape.width).to(x.dtype)
        x = self.dropout(x)
        rotation = _rotation(positions, shape) if shape.positions == "rotary" else None
        mask = _mask(tokens, documents, cache, x.device)
        context = Context(mask, _band(shape, tokens, past, mask, x.device), rotation, cache)
        for block in self.blocks:
            recompute = self.recompute and self.training
            x = checkpoint(block, x, context, use_reentrant=False) if recompute else block(x, context)
        if self.norm is not None:
            x = self.norm(x)
        if cache is not None:
            cache.length += tokens
        return x


@torch.no_grad()
def _draw_normal(weight: Tensor, deviation: float, draws: torch.Generator) -> None:
    """The same numbers whether a process holds the whole matrix or a piece, which is cut from the whole one."""
    if not isinstance(weight, DTensor):
        nn.init.normal_(weight, std=deviation, generator=draws)
        return
    whole = torch.empty(weight.shape, device=draws.device).normal_(std=deviation, generator=draws)
    weight.copy_(distribute_tensor(whole, weight.device_mesh, weight.placements, src_data_rank=None))


def _mask(tokens: int, documents: Tensor | None, cache: KeyValueCache | None, device: torch.device) -> Tensor | None:
    if cache is not None:
        queries = torch.arange(cache.length, cache.length + tokens, device=device)[:, None]
        keys = torch.arange(cache.length + tokens, device=device)[None]
        real = (keys >= cache.starts[:, None, None]) | (keys == queries)  # padding sees itself: no empty row
        return (real & (keys <= queries))[:, None]
    if documents is not None:
        causal = torch.ones(tokens, tokens, dtype=torch.bool, device=device).tril()
        return (causal & (documents[:, :, None] == documents[:, None, :]))[:, None]
    return None


def _band(shape: Architecture, tokens: int, past: int, mask: Tensor | None, device: torch.device) -> Tensor | None:
    """What `mask` lets a query see, and of that the last `window` keys: where all layers are dense, none."""
    if shape.window is None:
        return None
    queries = torch.arange(past, past + tokens, device=device)[:, None]
    keys = torch.arange(past + tokens, device=device)[None]
    near = ((keys <= queries) & (keys > queries - shape.window))[None, None]
    return near if mask is None else near & mask


def _rotation(positions: Tensor, shape: Architecture) -> tuple[Tensor, Tensor]:
    exponents = torch.arange(0, shape.head_width, 2, device=positions.device, dtype=torch.float32) / shape.head_width
    angles = positions[:, None, :, None].float() * shape.rotary_base**-exponents
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def _sinusoids(positions: Tensor, width: int) -> Tensor:
    """Sine at even, cosine at odd elements (Vaswani et al. 2017, §3.5); width must be even."""
    exponents = torch.arange(0, width, 2, device=positions.device, dtype=torch.float32) / width
    angles = positions[..., None].float() * _SINUSOID_BASE**-exponents
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)
