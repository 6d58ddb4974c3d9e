"""Checkpoints: a folder per step, complete or absent; the newest few are kept. Knows files and states; knows no training.

OUT/step-00001000/  checkpoint.json (what it is)  model.pt (weights)  training.pt (optimizers)

Where weights are averaged, model.pt holds their mean, and last.pt those that training goes on from.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from curate.errors import CurateError
from curate.storage import sync_folder
from curate.trainer.model.architecture import Architecture
from curate.trainer.model.model import GPT
from curate.trainer.train.average import Average
from curate.trainer.train.lora import merged
from curate.trainer.train.settings import Training

_PREFIX = "step-"
_ABOUT = "checkpoint.json"
_MODEL, _LAST, _TRAINING = "model.pt", "last.pt", "training.pt"


class CheckpointError(CurateError, ValueError):
    """A folder that holds no checkpoint, or one of another model."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk."""

    path: Path
    about: dict[str, Any]
    """`step`, `tokens`, `seconds`, `settings`, `tokenizer`, `loader`; `averaged`: steps whose weights' mean it holds."""

    @property
    def shape(self) -> Architecture:
        """The model's shape."""
        return Architecture.model_validate(self.about["settings"]["model"])

    def weights(self) -> dict[str, Any]:
        """The model's parameters by name, on the CPU."""
        return _load(self.path / _MODEL)

    def last_weights(self) -> dict[str, Any]:
        """Those that training goes on from: other than `weights` where these are a mean."""
        last = self.path / _LAST
        return _load(last) if last.exists() else self.weights()


def _load(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def save(
    folder: Path,
    about: dict[str, Any],
    model: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    average: Average,
    settings: Training,
    main: bool,
) -> None:
    """Write a checkpoint, of the mean weights where there is one, and remove all but the newest that are kept.

    Of a model that is adapted by thin matrices, they are added to its own.

    Every process calls it; `main` writes. The whole state passes through the main process's memory.
    """
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights = get_model_state_dict(model, options=options)
    files = {_MODEL: weights, _TRAINING: get_optimizer_state_dict(model, optimizers, options=options)}
    if average.count:
        with average.in_place():
            mean = copy.deepcopy(get_model_state_dict(model, options=options))  # it may be the model's own memory
        files |= {_MODEL: mean, _LAST: weights}
    if settings.lora is not None:
        files |= {_MODEL: merged(weights, settings.lora), _LAST: weights}
    if main:
        _write(folder / f"{_PREFIX}{about['step']:08d}", {**about, "averaged": average.count}, files)
        prune(folder, settings.keep)


def prune(folder: Path, keep: int) -> None:
    """Remove all checkpoints but the newest `keep`."""
    for old in found(folder)[:-keep]:
        _discard(old)


def save_model(folder: Path, about: dict[str, Any], weights: dict[str, Tensor]) -> Path:
    """Write a checkpoint of weights alone, which cannot be trained on from where it stopped."""
    path = folder / f"{_PREFIX}{about['step']:08d}"
    _write(path, about, {_MODEL: weights})
    return path


def _write(path: Path, about: dict[str, Any], states: dict[str, Any]) -> None:
    for left in path.parent.glob(f".{_PREFIX}*.tmp"):  # of a process that was killed while it wrote
        shutil.rmtree(left)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    temporary.mkdir(parents=True)
    try:
        for name, state in states.items():
            torch.save(state, temporary / name)
        (temporary / _ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")
        for name in (*states, _ABOUT):
            with open(temporary / name, "rb") as file:
                os.fsync(file.fileno())
        sync_folder(temporary)
        if path.exists():
            _discard(path)
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _discard(path: Path) -> None:
    """Take a checkpoint away: out of sight first, so that a kill leaves no half of one."""
    hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    os.replace(path, hidden)
    shutil.rmtree(hidden)


def found(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if (path / _ABOUT).exists())


def open_checkpoint(path: str | Path) -> Checkpoint:
    """A checkpoint, or the newest of a folder of them. Raises CheckpointError where there is none."""
    path = Path(path)
    if not (path / _ABOUT).exists():
        there = found(path)
        if not there:
            raise CheckpointError(f"no checkpoint in {path}: give a folder that `curate train` wrote")
        path = there[-1]
    return Checkpoint(path, json.loads((path / _ABOUT).read_text()))


def load_model(checkpoint: Checkpoint, device: torch.device) -> GPT:
    """The model of a checkpoint, ready to be evaluated."""
    with torch.device("meta"):
        model = GPT(checkpoint.shape)
    model.load_state_dict(checkpoint.weights(), assign=True)
    return model.to(device).eval()


def begin_with(model: GPT, base: str | Path, tokenizer: Mapping[str, Any]) -> None:
    """Give a model the weights of a checkpoint. Raises CheckpointError for one of another shape or tokenizer."""
    checkpoint = open_checkpoint(base)
    for name, now in model.shape.model_dump().items():
        was = getattr(checkpoint.shape, name)
        if was != now and name != "dropout":
            raise CheckpointError(f"base: {checkpoint.path} has model.{name} {was}, and this training {now}")
    if checkpoint.about["tokenizer"].get("vocabulary_sha256") != tokenizer.get("vocabulary_sha256"):
        raise CheckpointError(f"base: {checkpoint.path} has learnt the ids of another tokenizer than the shards have")
    set_model_state_dict(model, checkpoint.weights(), options=StateDictOptions(full_state_dict=True))


def restore(
    checkpoint: Checkpoint, model: nn.Module, optimizers: list[torch.optim.Optimizer], average: Average
) -> None:
    """Put the state of a checkpoint into a model, its optimizers and its mean, however they are spread over processes."""
    options = StateDictOptions(full_state_dict=True)
    count = checkpoint.about.get("averaged", 0)
    if average.goes_on(checkpoint.about["step"], count):
        set_model_state_dict(model, checkpoint.weights(), options=options)
        average.resume(count)
    set_model_state_dict(model, checkpoint.last_weights(), options=options)
    states = _load(checkpoint.path / _TRAINING)
    set_optimizer_state_dict(model, optimizers, optim_state_dict=states, options=options)
