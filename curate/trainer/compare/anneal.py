"""Proxies that continue one model: each is the base's shape and weights, trained on with a mix as the rate falls to zero.

So the last data of a training is chosen (midtraining: OLMo 2, Llama 3), at a fraction of what training anew costs. Knows
checkpoints and settings; trains nothing.
"""

from __future__ import annotations

from curate.errors import ConfigError
from curate.trainer.train.checkpoint import open_checkpoint
from curate.trainer.train.optimizer import learning_rate_share
from curate.trainer.train.settings import Optimizer, Schedule, Training
from curate.trainer.train.train import total_steps


def annealed(proxy: Training, base: str) -> Training:
    """A proxy that goes on from a checkpoint. What its file does not say, the base says: its model, and its optimizer at the
    rate where it stopped, which falls to zero in a line.

    Raises ConfigError where the file gives another model, or the base's rate has come to zero; CheckpointError.
    """
    checkpoint = open_checkpoint(base)
    before = Training.model_validate(checkpoint.about["settings"])
    given = proxy.model_fields_set
    if "model" in given and proxy.model != before.model:
        raise ConfigError(f"proxy.model: leave it out: proxies are {checkpoint.path}, which has another shape")
    changes = {"model": before.model, "base": str(checkpoint.path)}
    if "schedule" not in given:
        changes["schedule"] = Schedule(kind="stable-decay", warmup=0.0, decay=1.0, final=0.0)
    if "optimizer" not in given:
        changes["optimizer"] = _as_it_stopped(before, checkpoint.about["step"])
    return Training.model_validate({**dict(proxy), **changes})


def _as_it_stopped(before: Training, step: int) -> Optimizer:
    steps = total_steps(before)
    share = learning_rate_share(before.schedule, step / steps if steps is not None else 1.0)
    if share <= 0:
        raise ConfigError(
            "proxy.optimizer: give it, with a learning_rate: that of the base had come to zero, and nothing would be learnt"
        )
    optimizer = before.optimizer
    rates = {
        "learning_rate": optimizer.learning_rate * share,
        "muon_learning_rate": optimizer.muon_learning_rate * share,
    }
    return optimizer.model_copy(update=rates)
