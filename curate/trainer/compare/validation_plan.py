"""What a validation costs and could show, before anything is trained. `curate validate --plan`. Knows settings and numbers.

Costs are those of training: FLOPs by the trainer's own count over a device's peak and the share of it that is used, and one
checkpoint a proxy. Measuring comes on top. What could be shown follows from the noise of one proxy, given or measured by an
earlier verdict: the differences are those on the same texts, which seeds alone make uncertain.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from scipy import stats  # type: ignore[import-untyped,unused-ignore]

from curate.errors import ConfigError
from curate.shards import ShardReader
from curate.trainer.compare.power import smallest
from curate.trainer.compare.proxies import train_tokens
from curate.trainer.compare.ranking import critical
from curate.trainer.compare.settings import Validation
from curate.trainer.model.architecture import count_parameters, training_flops_per_token
from curate.trainer.train.train import total_steps

_SEEDS = (2, 3, 5, 8, 12, 16, 24)
_MOST_SEEDS = 200
_CHECKPOINT_BYTES = 12  # per parameter: weights and AdamW's two moments in float32
_MEAN_BYTES = 4  # more, where the mean of weights is kept beside them
_SECONDS_OF_HOUR = 3600


@dataclass(frozen=True)
class Device:
    """What proxies would be trained on. `price` of one for an hour."""

    peak: float
    utilisation: float
    price: float = 0.0


@dataclass(frozen=True)
class Choice:
    """What so many seeds of each mix cost and could show."""

    seeds: int
    proxies: int
    flops: float | None
    """None where the budget is time."""
    hours: float
    """Of one device."""
    money: float
    disk_bytes: float
    one_pair: float | None
    """The smallest difference between two mixes that is shown four times in five; None where the noise is not known."""
    together: float | None
    """The same where all pairs, or all mixes against the baseline, are compared at once."""


@dataclass(frozen=True)
class ValidationPlan:
    """A validation before it is begun."""

    mixes: int
    parameters: int
    tokens: int | None
    """Of one proxy."""
    noise: float | None
    """Deviation of one proxy's bits per byte, its mix's and its seed's own level taken off."""
    chosen: Choice
    """The file's own number of seeds."""
    others: tuple[Choice, ...]
    seeds_for_matters: int | None
    """Seeds with which a difference that `matters` is shown in all pairs together; None where that is not known."""
    notes: tuple[str, ...]


def plan_validation(settings: Validation, device: Device, noise: float | None = None) -> ValidationPlan:
    """The plan of a validation file. Reads the mixes' manifests, trains nothing. Raises ConfigError, FileNotFoundError."""
    if not (device.peak > 0 and 0 < device.utilisation <= 1 and device.price >= 0) or (noise is not None and noise < 0):
        raise ConfigError("peak must be above 0, utilisation between 0 and 1, price and noise not below 0")
    steps = total_steps(settings.proxy)
    tokens = None if steps is None else steps * settings.proxy.batch.tokens
    choices = {seeds: _choice(settings, device, noise, seeds, tokens) for seeds in {*_SEEDS, settings.seeds}}
    return ValidationPlan(
        len(settings.mixes),
        count_parameters(settings.proxy.model),
        tokens,
        noise,
        choices[settings.seeds],
        tuple(choices[seeds] for seeds in _SEEDS if seeds != settings.seeds),
        _seeds_for(settings, noise),
        tuple(_notes(settings, tokens, noise)),
    )


def read_noise(text: str) -> float:
    """The noise that `--noise` names: a number, or a verdict.json of an earlier validation. Raises ConfigError."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        ranking = json.loads(Path(text).read_bytes())["ranking"]
        return math.sqrt(float(ranking["residual"]))
    except FileNotFoundError:
        raise ConfigError(f"--noise: {text} is neither a number of bits per byte nor a verdict.json") from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"--noise: {text} holds no ranking: a verdict of two seeds or more does") from None


def _choice(settings: Validation, device: Device, noise: float | None, seeds: int, tokens: int | None) -> Choice:
    proxies = seeds * len(settings.mixes)
    if tokens is None:
        flops, hours = None, proxies * (settings.proxy.budget.minutes or 0.0) / 60
    else:
        flops = proxies * tokens * training_flops_per_token(settings.proxy.model, settings.proxy.data.sequence_length)
        hours = flops / (device.peak * device.utilisation) / _SECONDS_OF_HOUR
    each = _CHECKPOINT_BYTES + (_MEAN_BYTES if settings.proxy.average else 0)
    disk = float(proxies * count_parameters(settings.proxy.model) * each)
    pair, together = (None, None) if noise is None else _shown(settings, noise, seeds)
    return Choice(seeds, proxies, flops, hours, hours * device.price, disk, pair, together)


def _shown(settings: Validation, noise: float, seeds: int) -> tuple[float | None, float | None]:
    if seeds < 2:
        return None, None
    mixes = len(settings.mixes)
    error, freedom = noise * math.sqrt(2 / seeds), (mixes - 1) * (seeds - 1)
    alone = float(stats.t.ppf((1 + settings.confidence) / 2, freedom))
    several = critical(mixes, freedom, settings.confidence, settings.baseline is not None)
    return smallest(error, freedom, alone), smallest(error, freedom, several)


def _seeds_for(settings: Validation, noise: float | None) -> int | None:
    if noise is None or settings.matters is None:
        return None
    for seeds in range(2, _MOST_SEEDS + 1):
        together = _shown(settings, noise, seeds)[1]
        if together is not None and together <= settings.matters:
            return seeds
    return None


def _notes(settings: Validation, tokens: int | None, noise: float | None) -> list[str]:
    notes = []
    if noise is None:
        notes.append(
            "The noise of a proxy is not known: give --noise, a number or the verdict.json of a small comparison."
        )
    if settings.stopping is not None:
        notes.append("Mixes that are stopped early cost less than is counted here.")
    for mix, path in settings.mixes.items():
        try:
            there = train_tokens(ShardReader(path))
        except FileNotFoundError:
            notes.append(f"{mix}: {path} is not there yet.")
            continue
        if tokens is not None and tokens * settings.seeds > there:
            notes.append(
                f"{mix} has {there:,} tokens, fewer than {settings.seeds} seeds x {tokens:,}: proxies share data."
            )
    return notes
