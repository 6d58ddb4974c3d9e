"""Text from a model: greedy, sampled or by beam search, many prompts at once, token by token with a cache.

Knows token ids and a model; knows no tokenizer and no files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from curate.errors import ConfigError
from curate.trainer.model.model import GPT, KeyValueCache


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. Temperature 0 is greedy."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    """Nucleus sampling (Holtzman et al. 2020): the fewest most likely tokens of this probability together."""
    repetition_penalty: float = 1.0
    """Divides positive and multiplies negative logits of tokens seen before (Keskar et al. 2019, §4.1)."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.repetition_penalty <= 0:
            raise ConfigError("temperature must be at least 0 and repetition_penalty more than 0")
        if (self.top_k is not None and self.top_k < 1) or (self.top_p is not None and not 0 < self.top_p <= 1):
            raise ConfigError("top_k must be at least 1 and top_p in (0, 1]")


@torch.no_grad()
def stream(
    model: GPT, prompts: Sequence[Sequence[int]], tokens: int, sampling: Sampling, end_of_text: int | None = None
) -> Iterator[list[int | None]]:
    """At most `tokens` new tokens, one per prompt at a time; None for a prompt that has ended.

    Prompts must not be empty. One too long for the context, with what is to come, loses its beginning.
    """
    ids, cache = _start(model, prompts, tokens)
    rows = len(prompts)
    device = ids.device
    draws = torch.Generator(device=device).manual_seed(sampling.seed)
    seen = torch.zeros(rows, model.shape.vocabulary, dtype=torch.bool, device=device)
    for row, prompt in enumerate(prompts):
        seen[row, torch.tensor(list(prompt), device=device)] = True
    ended = torch.zeros(rows, dtype=torch.bool, device=device)
    logits = model(ids, cache=cache)[:, -1]
    for count in range(tokens):
        chosen = choose(logits, seen, sampling, draws)
        seen[torch.arange(rows, device=device), chosen] = True
        if end_of_text is not None:
            ended |= chosen == end_of_text
        yield [None if over else token for over, token in zip(ended.tolist(), chosen.tolist(), strict=True)]
        if count == tokens - 1 or bool(ended.all()):
            return
        logits = model(chosen[:, None], cache=cache)[:, -1]


def generate(
    model: GPT, prompts: Sequence[Sequence[int]], tokens: int, sampling: Sampling, end_of_text: int | None = None
) -> list[list[int]]:
    """What `stream` gives, per prompt."""
    results: list[list[int]] = [[] for _ in prompts]
    for step in stream(model, prompts, tokens, sampling, end_of_text):
        for result, token in zip(results, step, strict=True):
            if token is not None:
                result.append(token)
    return results


def choose(logits: Tensor, seen: Tensor, sampling: Sampling, draws: torch.Generator) -> Tensor:
    """The next token of each row, int64 (rows,), from logits and which tokens it has seen, both (rows, vocabulary)."""
    logits = logits.float()
    if sampling.repetition_penalty != 1:
        penalty = sampling.repetition_penalty
        logits = torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    logits = logits / sampling.temperature
    if sampling.top_k is not None and sampling.top_k < logits.shape[-1]:
        smallest = logits.topk(sampling.top_k).values[:, -1:]
        logits = logits.masked_fill(logits < smallest, -torch.inf)
    if sampling.top_p is not None and sampling.top_p < 1:
        ordered, order = logits.softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(dim=-1) - ordered
        outside = torch.zeros_like(before, dtype=torch.bool).scatter(-1, order, before >= sampling.top_p)
        logits = logits.masked_fill(outside, -torch.inf)
    return torch.multinomial(logits.softmax(dim=-1), 1, generator=draws)[:, 0]


@dataclass(frozen=True)
class Beam:
    """A continuation and its log-probability in nats."""

    tokens: list[int]
    nats: float


@torch.no_grad()
def beam_search(
    model: GPT,
    prompt: Sequence[int],
    tokens: int,
    beams: int,
    end_of_text: int | None = None,
    length_penalty: float = 0.0,
) -> list[Beam]:
    """The `beams` best continuations found, best first, of `tokens` tokens or ended before by end-of-text.

    They are ranked by nats / length^length_penalty (Wu et al. 2016, §7, in its simple form); 0 ranks by likelihood.
    """
    ids, cache = _start(model, [prompt], tokens)
    alive = [Beam([], 0.0)]
    done: list[Beam] = []
    logits = model(ids, cache=cache)[:, -1]
    for count in range(tokens):
        scores = logits.float().log_softmax(dim=-1).double()
        scores += torch.tensor([beam.nats for beam in alive], device=scores.device, dtype=scores.dtype)[:, None]
        # twice as many as needed: half of them at most can end here
        best = scores.flatten().topk(min(2 * beams, scores.numel()))
        rows: list[int] = []
        grown: list[Beam] = []
        for nats, place in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            row, token = divmod(place, scores.shape[1])
            if token == end_of_text:
                done.append(Beam(alive[row].tokens, nats))
            elif len(grown) < beams:
                rows.append(row)
                grown.append(Beam([*alive[row].tokens, token], nats))
        alive = grown
        if count == tokens - 1 or not alive:
            break
        cache.select(torch.tensor(rows, device=ids.device))
        last = torch.tensor([[beam.tokens[-1]] for beam in alive], device=ids.device)
        logits = model(last, cache=cache)[:, -1]

    def rank(beam: Beam) -> float:
        return beam.nats / float(max(1, len(beam.tokens)) ** length_penalty)

    return sorted([*done, *alive], key=rank, reverse=True)[:beams]


def cache_bytes(model: GPT, prompts: Sequence[Sequence[int]], tokens: int) -> int:
    """Memory of the keys and values when `tokens` have been added to the prompts."""
    shape = model.shape
    columns = min(shape.context, max(map(len, prompts)) + tokens)
    each = model.embedding.weight.element_size()
    return 2 * shape.layers * len(prompts) * shape.groups * shape.head_width * columns * each


def _start(model: GPT, prompts: Sequence[Sequence[int]], tokens: int) -> tuple[Tensor, KeyValueCache]:
    """The prompts padded on the left, and an empty cache with room for them and `tokens` more."""
    context = model.shape.context
    if not 1 <= tokens < context:
        raise ConfigError(f"{tokens} new tokens: a model with a context of {context} can make 1 to {context - 1}")
    if not all(prompts):
        raise ConfigError("a prompt is empty: begin with the end-of-text token")
    cut = [list(prompt)[-(context - tokens) :] for prompt in prompts]
    longest = max(map(len, cut))
    device = model.embedding.weight.device
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in cut], device=device)
    cache = KeyValueCache(model.shape, len(cut), longest + tokens, device, model.embedding.weight.dtype)
    cache.starts = torch.tensor([longest - len(prompt) for prompt in cut], device=device)
    return ids, cache
