"""Training under Ray Train: the same loop, its processes started by Ray. Knows Ray Train; nothing else here does."""

from __future__ import annotations

from typing import Any

from curate.trainer.settings import Training


def train_on_ray(settings: Training, workers: int, gpus: bool) -> None:
    """Train with `workers` processes, one GPU each where `gpus`. `out` and `data.path` must be seen by every node.

    Raises what Ray Train raises where a worker fails; the same call goes on from the newest checkpoint.
    """
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer

    trainer = TorchTrainer(
        _loop,
        train_loop_config=settings.model_dump(mode="json"),
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus),
    )
    trainer.fit()


def _loop(settings: dict[str, Any]) -> None:
    from ray.train.torch import get_device

    from curate.trainer.train import train

    train(Training.model_validate({**settings, "device": str(get_device())}))
