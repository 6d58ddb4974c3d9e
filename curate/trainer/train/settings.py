"""What a training file says: every key, its type, its default. Knows no PyTorch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from curate.config.reading import read_settings
from curate.settings import Count, Model, Share
from curate.trainer.model.architecture import Architecture
from curate.trainer.model.presets import PRESETS

Number = Annotated[float, Field(gt=0)]
Natural = Annotated[Count, Field(ge=1)]


def _check_device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]+)?", name):
        raise ValueError(f"{name!r} is no device: use auto, cpu, cuda or cuda:N")
    return name


Device = Annotated[str, AfterValidator(_check_device)]


class Data(Model):
    """Which shards to read, and how they are cut."""

    path: str = Field("", description="a run directory or its shards folder; `curate train --data` names it too")
    sequence_length: Natural = 1024
    packing: Literal["concat", "best_fit"] = Field(
        "concat",
        description="documents end to end, or whole side by side with padding, which counts as tokens of a step",
    )
    document_masks: bool = Field(False, description="tokens see only their own document")
    order: Literal["shuffled", "stored"] = Field(
        "shuffled",
        description="of sequences: shuffled by the seed, or the shards' own, in which documents that two mixes share come "
        "in the same order in both",
    )
    seed: int = Field(0, description="of the order of sequences, where it is shuffled")
    start: Annotated[Count, Field(ge=0)] = Field(0, description="tokens of that order to pass over first")


class Budget(Model):
    """How long to train: exactly one of these."""

    tokens: Natural | None = None
    flops: Number | None = Field(None, description="6 N + 12 L W T per token; docs/trainer.md has the formula")
    minutes: Number | None = Field(None, description="of training time; then a run cannot be repeated bit for bit")
    tokens_per_parameter: Number | None = Field(
        None, description="of those that a token is multiplied by; 20 is about Chinchilla's (Hoffmann et al. 2022)"
    )

    @model_validator(mode="after")
    def _one(self) -> Budget:
        given = (self.tokens, self.flops, self.minutes, self.tokens_per_parameter)
        if sum(value is not None for value in given) != 1:
            raise ValueError("give exactly one of tokens, flops, minutes and tokens_per_parameter")
        return self


class Batch(Model):
    """Sequences per step and per pass."""

    tokens: Natural = Field(524_288, description="per step, over all devices; a multiple of the sequence length")
    micro: Natural = Field(16, description="most sequences in one pass on one device")


class Optimizer(Model):
    """AdamW (Loshchilov and Hutter 2019), or Muon (Jordan et al. 2024) for hidden matrices and AdamW for the rest."""

    name: Literal["adamw", "muon"] = "adamw"
    learning_rate: Number = 6e-4
    muon_learning_rate: Number = 0.02
    betas: tuple[Share, Share] = (0.9, 0.95)
    epsilon: Number = 1e-8
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    clip: Number | None = Field(1.0, description="largest norm of the gradient")


class Schedule(Model):
    """The learning rate over the budget: linear warm-up, then cosine, or stable and decay, or constant."""

    kind: Literal["cosine", "stable-decay", "constant"] = "cosine"
    warmup: Share = Field(0.01, description="share of the budget")
    decay: Share = Field(0.2, description="stable-decay: last share of the budget")
    shape: Literal["linear", "sqrt"] = Field(
        "linear", description="stable-decay: how the rate falls; sqrt falls fast at first (Hägele et al. 2024)"
    )
    final: Share = Field(0.1, description="last learning rate as a share of the highest")


class Parallel(Model):
    """How processes started by torchrun share the work."""

    data: Literal["ddp", "fsdp"] = "ddp"
    tensor: Natural = Field(1, description="processes that share each layer")


class Every(Model):
    """Steps between."""

    log: Natural = 10
    evaluate: Natural = 250
    checkpoint: Natural = 1000


class Instruct(Model):
    """The probe's file of conversations to learn from, that of conversations to measure, and how it is taught."""

    train: str = Field(
        description="JSON Lines with `messages`, each of a `role` and its `content`; or `prompt`, `response`"
    )
    test: str = Field(description="the same, of which the answers' bits per byte are measured")
    epochs: Natural = Field(2, description="passes over the conversations")
    batch: Natural = Field(8, description="packed sequences of a step")
    learning_rate: Number = Field(2e-5, description="the highest; larger for small models")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="of the order")


class Lora(Model):
    """Low-rank adaptation of a base (Hu et al. 2021): its weights stay, and two thin matrices beside each layer learn."""

    rank: Natural = Field(8, description="rows of the thin matrices")
    alpha: Number = Field(16.0, description="what was learnt is multiplied by alpha / rank")
    parts: Annotated[tuple[Literal["query", "key", "value", "output", "inward", "gate"], ...], Field(min_length=1)] = (
        Field(
            ("query", "value"),
            description="of each block: query, key and value of attention, inward and gate of the feed-forward part, output "
            "of both",
        )
    )


class Training(Model):
    """A training file."""

    name: str = "model"
    seed: int = Field(0, description="of the first weights and of dropout")
    model: Architecture = Architecture()
    base: str = Field(
        "", description="a checkpoint whose weights training begins with; default: weights drawn by the seed"
    )
    lora: Lora | None = Field(
        None, description="with base: train two thin matrices beside each layer, and nothing else"
    )
    data: Data = Data()
    budget: Budget
    batch: Batch = Batch()
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    average: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="last share of the budget before each checkpoint over whose steps weights are averaged; 0: none",
    )
    scheduled_sampling: Share = Field(
        0.0,
        description="chance at the end of training, risen in a line from 0, that an input is the model's own guess (Bengio "
        "et al. 2015); a forward pass more",
    )
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    compile: bool = True
    recompute_activations: bool = False
    parallel: Parallel = Parallel()
    every: Every = Every()
    evaluate_tokens: Count = Field(
        1_000_000, description="most tokens of the validation shards per evaluation; 0: none"
    )
    keep: Natural = Field(2, description="checkpoints kept")
    out: str = Field("", description="folder of checkpoints and metrics; default: checkpoints/NAME")
    device: Device = Field("auto", description="auto, cpu, cuda or cuda:N")
    tensorboard: bool = False
    wandb: str | None = Field(None, description="a W&B project")

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, value: Any) -> Any:
        return (
            {**value, "model": _from_preset(value["model"])} if isinstance(value, dict) and "model" in value else value
        )

    @model_validator(mode="after")
    def _fits(self) -> Training:
        length = self.data.sequence_length
        if self.batch.tokens % length:
            raise ValueError(f"batch.tokens {self.batch.tokens} is no multiple of data.sequence_length {length}")
        if length > self.model.context:
            raise ValueError(f"data.sequence_length {length} is more than the model's context {self.model.context}")
        if self.average and self.budget.minutes is not None:
            raise ValueError(
                "average needs a budget in tokens or flops: of minutes nobody knows which steps are the last"
            )
        if self.parallel.tensor > 1 and self.model.dropout:
            raise ValueError("parallel.tensor needs model.dropout 0: each process would drop other elements")
        if self.scheduled_sampling and (self.parallel.data == "fsdp" or self.parallel.tensor > 1):
            raise ValueError(
                "scheduled_sampling needs the whole model on each process: parallel.data ddp, without tensor"
            )
        if self.lora is not None and self.average:
            raise ValueError("average: leave it out with lora: the mean of thin matrices is not that of what they do")
        if self.lora is not None and self.optimizer.name == "muon":
            raise ValueError("optimizer.name: lora's thin matrices are trained by adamw")
        if self.lora is not None and self.parallel.tensor > 1:
            raise ValueError("parallel.tensor splits no layers with lora: use parallel.data")
        if self.parallel.tensor > 1 and (self.model.experts is not None or self.model.qk_norm):
            raise ValueError("parallel.tensor splits neither model.experts nor model.qk_norm: use parallel.data fsdp")
        if self.parallel.tensor > 1 and self.model.groups % self.parallel.tensor:
            raise ValueError(
                f"parallel.tensor {self.parallel.tensor} does not divide {self.model.groups} key-value heads"
            )
        return self


def read_training(path: str | Path, sets: Sequence[str] = ()) -> Training:
    """A training file with `KEY=VALUE` changes. Raises ConfigError with a line per mistake, FileNotFoundError."""
    return read_settings(path, Training, sets, "a training file", "optimizer.learning_rate=3e-4")


def _from_preset(value: Any) -> Any:
    """`gpt2-124m`, or `{preset: gpt2-124m, context: 512}`, as an architecture's fields."""
    if isinstance(value, str):
        value = {"preset": value}
    if not isinstance(value, dict) or "preset" not in value:
        return value
    changes = dict(value)
    name = changes.pop("preset")
    if name not in PRESETS:
        raise ValueError(f"model: no preset {name!r}; known: {', '.join(PRESETS)}")
    return {**PRESETS[name].shape.model_dump(), **changes}
