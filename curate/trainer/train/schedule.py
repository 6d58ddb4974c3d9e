"""The learning rate as a pure function of the share of the budget that is done. Knows no optimizer."""

from __future__ import annotations

import math

from curate.trainer.train.settings import Schedule


def learning_rate_share(schedule: Schedule, done: float) -> float:
    """The learning rate as a share of the highest, when `done` in [0, 1] of the budget is spent.

    Cosine: Loshchilov and Hutter 2017, one cycle. Stable-decay: Hu et al. 2024 (MiniCPM), §4, with a linear decay.
    """
    if done < schedule.warmup:
        return done / schedule.warmup
    if schedule.kind == "constant":
        return 1.0
    if schedule.kind == "cosine":
        passed = (done - schedule.warmup) / max(1 - schedule.warmup, 1e-12)
        return schedule.final + (1 - schedule.final) * (1 + math.cos(math.pi * min(1.0, passed))) / 2
    left = min(1.0, (1 - done) / schedule.decay) if schedule.decay else 1.0
    return schedule.final + (1 - schedule.final) * max(0.0, left)
