"""The training loop, from a Training to checkpoints and metrics. Reads from top to bottom.

A step is a function of the checkpoint before it, the settings and the shards: on a CPU a run that was stopped and resumed
gives the same bits as one that was not.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from curate.errors import ConfigError
from curate.shards import ShardError
from curate.trainer.model.architecture import matrix_parameters, training_flops_per_token
from curate.trainer.model.feed_forward import balance_loss
from curate.trainer.model.model import GPT
from curate.trainer.train import checkpoint as checkpoints
from curate.trainer.train.average import averaging
from curate.trainer.train.data import Stream
from curate.trainer.train.lora import adapt
from curate.trainer.train.metrics import Metrics, check_installed, model_flops_utilization
from curate.trainer.train.nonfinite import Watch
from curate.trainer.train.optimizer import (
    build_optimizers,
    gradient_norm,
    learning_rate_share,
    scale_gradients,
    set_learning_rate,
)
from curate.trainer.train.out_of_memory import enough_memory
from curate.trainer.train.own_inputs import Own
from curate.trainer.train.parallel import World, accumulating, spread, world
from curate.trainer.train.resume import check_same
from curate.trainer.train.settings import Training
from curate.trainer.train.validation_loss import HeldOut

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_ROUNDING = 1e-9
_STEP_SEED = 1_000_003  # a prime: seeds of (seed, step, rank) rarely coincide


@dataclass(frozen=True)
class Result:
    """Where a training run's files are, and its last metrics."""

    folder: Path
    step: int
    tokens: int
    last: dict[str, Any]


@dataclass
class _Clock:
    """Seconds of training in all attempts; waits for the device before it is read."""

    before: float
    device: torch.device
    started: float = 0.0

    def start(self) -> None:
        self.started = time.perf_counter()

    def seconds(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return self.before + time.perf_counter() - self.started


def total_steps(settings: Training) -> int | None:
    """Steps of a budget, at least one; none for one in minutes."""
    budget = settings.budget
    tokens: float | None = budget.tokens
    if budget.flops is not None:
        tokens = budget.flops / training_flops_per_token(settings.model, settings.data.sequence_length)
    if budget.tokens_per_parameter is not None:
        tokens = budget.tokens_per_parameter * matrix_parameters(settings.model)
    return None if tokens is None else max(1, int(tokens // settings.batch.tokens))


def output_folder(settings: Training) -> Path:
    """Where checkpoints and metrics go."""
    return Path(settings.out or f"checkpoints/{settings.name}")


def train(
    settings: Training,
    say: Callable[[str], None] = print,
    stop_after: int | None = None,
    points: int | None = None,
    saved: Callable[[], None] | None = None,
) -> Result:
    """Train until the budget is spent, from the newest checkpoint if there is one.

    `stop_after` ends this call at that step, with a checkpoint, as if it had been interrupted there. `points` asks for so
    many checkpoints, at equal shares of the budget, in place of one every so many steps. `saved` is called after each
    checkpoint, by the main process.
    Raises NonFiniteLoss, StateError for shards other than the checkpoint's, ValueError for settings that do not fit
    or ask for a package that is missing.
    """
    check_installed(settings)
    with world(settings.parallel, settings.device) as here, enough_memory(settings):
        return _train(settings, here, say if here.main else lambda _: None, stop_after, points, saved)


def _train(
    settings: Training,
    here: World,
    say: Callable[[str], None],
    stop_after: int | None,
    points: int | None,
    saved: Callable[[], None] | None,
) -> Result:
    folder = output_folder(settings)
    length = settings.data.sequence_length
    stream = Stream(settings.data, settings.batch.tokens // length)
    _check_fit(settings, stream, here)
    in_pieces = settings.parallel.data == "fsdp" and here.data_size > 1 and settings.lora is None
    with torch.device("meta") if in_pieces else here.device:  # no process need hold the whole model
        whole = GPT(settings.model)
    if not in_pieces:
        _first_weights(whole, settings, stream)
    if settings.lora is not None:
        if not settings.base:
            raise ConfigError("lora: give a base, the checkpoint that is adapted")
        adapt(whole, settings.lora, settings.seed)
    whole.recompute = settings.recompute_activations
    if settings.compile:
        whole.compile_parts()
    precision = _DTYPES[settings.precision]
    model = spread(whole, settings.parallel, here, precision)
    if in_pieces:
        model.to_empty(device=here.device)
        _first_weights(whole, settings, stream)
    model.train()
    optimizers = build_optimizers(model, settings.optimizer)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    cast = torch.autocast(here.device.type, dtype=torch.bfloat16, enabled=settings.precision == "bfloat16")
    held_out = _held_out(settings, here, say)
    steps = total_steps(settings)
    average = averaging(settings, parameters, steps, points)

    step, before = 0, 0.0
    if checkpoints.found(folder):
        newest = checkpoints.open_checkpoint(folder)
        step, before = newest.about["step"], newest.about["seconds"]
        check_same(newest, settings, stream)
        checkpoints.restore(newest, model, optimizers, average)
        say(f"going on from step {step} ({newest.path})")
        if here.main:
            checkpoints.prune(folder, settings.keep)  # an attempt may have ended before it did
    metrics = Metrics(folder, settings, step) if here.main else None
    flops_per_token = training_flops_per_token(settings.model, length)
    watch = Watch(stream, here)
    clock = _Clock(before, here.device)
    clock.start()
    last: dict[str, Any] = {}
    logged_step, logged_seconds = step, before
    elapsed = before
    minutes = settings.budget.minutes

    def share_spent() -> float:
        return step / steps if steps is not None else elapsed / 60 / (minutes or math.inf)

    spent = share_spent()
    while spent < 1 and step != stop_after:
        done = (step + 1) / steps if steps is not None else spent
        share = learning_rate_share(settings.schedule, done)
        set_learning_rate(optimizers, share)
        own = Own(whole, settings.scheduled_sampling * done)
        loss, norm = _step(settings, stream, model, own, optimizers, parameters, cast, watch, step, here)
        step += 1
        average.see(step)
        if minutes is not None:
            elapsed = here.slowest(clock.seconds())
        spent_before, spent = spent, share_spent()
        ends = spent >= 1 or step == stop_after
        saves = ends or (
            _reaches_point(spent_before, spent, points) if points else step % settings.every.checkpoint == 0
        )
        if step % settings.every.log == 0 or saves:
            watch.check()
            seconds = clock.seconds()
            speed = (step - logged_step) * settings.batch.tokens / max(seconds - logged_seconds, 1e-9)
            logged_step, logged_seconds = step, seconds
            last = {
                "step": step,
                "tokens": step * settings.batch.tokens,
                "loss": here.sum(loss).item(),
                "gradient_norm": norm.item(),
                "learning_rate": settings.optimizer.learning_rate * share,
                "seconds": seconds,
                "tokens_per_second": speed,
            }
            name = torch.cuda.get_device_name(here.device) if here.device.type == "cuda" else "cpu"
            mfu = model_flops_utilization(flops_per_token, speed, name, here.size)
            if mfu is not None:
                last["mfu"] = mfu
            if held_out is not None and (step % settings.every.evaluate == 0 or ends):
                with average.in_place() if saves else contextlib.nullcontext():
                    last |= held_out(model, cast)
            if metrics is not None:
                metrics.write(last)
            say(progress(last, steps))
        if saves:
            about = {
                "step": step,
                "tokens": step * settings.batch.tokens,
                "seconds": clock.seconds(),
                "settings": settings.model_dump(mode="json"),
                "tokenizer": dict(stream.loader.reader.tokenizer),
                "loader": stream.state_at(step),
            }
            checkpoints.save(folder, about, model, optimizers, average, settings, here.main)
            if saved is not None and here.main:
                saved()
            here.wait()
    if metrics is not None:
        metrics.close()
    return Result(folder, step, step * settings.batch.tokens, last)


def _first_weights(model: GPT, settings: Training, stream: Stream) -> None:
    """Drawn by the seed, or a base's."""
    model.initialise(settings.seed)
    if settings.base and not checkpoints.found(output_folder(settings)):
        checkpoints.begin_with(model, settings.base, stream.loader.reader.tokenizer)


def _step(
    settings: Training,
    stream: Stream,
    model: nn.Module,
    own: Own,
    optimizers: list[torch.optim.Optimizer],
    parameters: list[nn.Parameter],
    cast: torch.autocast,
    watch: Watch,
    step: int,
    here: World,
) -> tuple[Tensor, Tensor]:
    """One update. Returns this process's share of the mean loss in nats per token, and the gradient's norm."""
    torch.manual_seed((settings.seed * _STEP_SEED + step) * _STEP_SEED + here.data_rank)  # dropout has no other state
    total = torch.zeros((), device=here.device)
    passes = list(stream.step(step, settings.batch.micro, here.data_rank, here.data_size, here.device))
    for index, piece in enumerate(passes):
        with accumulating(model, index == len(passes) - 1):
            with cast:
                losses = model(own(piece.inputs, piece.documents), piece.targets, piece.documents)
            loss = losses.sum() / settings.batch.tokens
            uneven = balance_loss(model)
            wanted = loss
            if uneven is not None:
                wanted = loss + settings.model.balance * uneven * (losses.numel() / settings.batch.tokens)
            (wanted * here.data_size).backward()  # data-parallel processes average their gradients
        watch.see(step, piece.batch.sequences, losses)
        total += loss.detach()
    norm = gradient_norm(parameters)
    watch.see_norm(step, norm)
    if settings.optimizer.clip is not None:
        scale_gradients(parameters, norm, settings.optimizer.clip)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return total, norm


def _held_out(settings: Training, here: World, say: Callable[[str], None]) -> HeldOut | None:
    if not settings.evaluate_tokens:
        return None
    try:
        return HeldOut(settings, here)
    except (ShardError, ValueError) as error:
        say(f"no evaluation while training: {error}")
        return None


def _check_fit(settings: Training, stream: Stream, here: World) -> None:
    vocabulary = stream.loader.reader.tokenizer["vocabulary_size"]
    if vocabulary > settings.model.vocabulary:
        raise ConfigError(
            f"the shards' tokenizer has {vocabulary} ids, the model {settings.model.vocabulary}: set model.vocabulary"
        )
    if stream.per_step % here.data_size:
        raise ConfigError(f"a step's {stream.per_step} sequences do not divide over {here.data_size} processes")


def _reaches_point(before: float, after: float, points: int) -> bool:
    """Whether a multiple of 1 / points lies between two shares of the budget."""
    return math.floor(after * points + _ROUNDING) > math.floor(before * points + _ROUNDING)


def progress(row: dict[str, Any], steps: int | None) -> str:
    """A row of the metrics as a line to read."""
    text = f"step {row['step']}{f'/{steps}' if steps else ''}  loss {row['loss']:.4f}"
    text += f"  {row['tokens_per_second']:,.0f} tokens/s"
    if "mfu" in row:
        text += f"  MFU {row['mfu']:.1%}"
    if "bits_per_byte" in row:
        text += f"  validation {row['bits_per_byte']:.4f} bits/byte"
    return text
