"""Whether a training may go on from a checkpoint: it must be the same training. Knows settings and checkpoints.

What decides the model that comes out must be as it was; what only says where, how fast, how long and what is looked at may
change. A longer budget is a longer training: the learning rate then follows the new one from where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from curate.trainer.train.checkpoint import Checkpoint, CheckpointError
from curate.trainer.train.data import Stream
from curate.trainer.train.settings import Training

_MAY_CHANGE = (
    "name",
    "out",
    "device",
    "keep",
    "every",
    "evaluate_tokens",
    "tensorboard",
    "wandb",
    "parallel",
    "compile",
    "recompute_activations",
    "batch.micro",
    "budget",
    "data.path",  # shards are known by their fingerprint
)


def check_same(newest: Checkpoint, settings: Training, stream: Stream) -> None:
    """Refuse a checkpoint of other settings or shards, naming each that differs. Raises CheckpointError, StateError."""
    before = Training.model_validate(newest.about["settings"]).model_dump(mode="json")
    differing = list(_differing(before, settings.model_dump(mode="json")))
    if differing:
        told = "; ".join(f"{key} was {was}, and is {now}" for key, was, now in differing)
        raise CheckpointError(
            f"{newest.path} is of another training: {told}. Set {'them' if len(differing) > 1 else 'it'} back to go on, or "
            "train into another folder (out)"
        )
    stream.loader.load_state_dict(newest.about["loader"])


def _differing(before: Mapping[str, Any], after: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(key, what it was, what it is) of settings that decide and are not the same."""
    for name, now in after.items():
        key, was = f"{above}{name}", before.get(name)
        if key in _MAY_CHANGE or was == now:
            continue
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _differing(was, now, f"{key}.")
        else:
            yield key, was, now
