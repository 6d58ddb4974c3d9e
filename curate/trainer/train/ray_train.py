"""Training under Ray Train: the same loop, its processes started by Ray. Knows Ray Train; nothing else here does."""

from __future__ import annotations

import os
import shutil
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate.engine.executors import start_ray
from curate.errors import ConfigError
from curate.storage import resolve
from curate.trainer.train.metrics import read_metrics, trim_metrics
from curate.trainer.train.settings import Training

_LOOK_SECONDS = 1.0


def train_on_ray(settings: Training, workers: int, address: str | None = None) -> None:
    """Train with `workers` processes of the cluster at `address`, or of this machine; one GPU each, where there are as many.

    `out` and `data.path` must be seen by every node. Raises what the training itself raises; the same call goes on from
    the newest checkpoint. Raises ValueError where Ray Train's packages are missing or the cluster is too small, and
    EngineError where no cluster answers or Ray does not start in time.
    """
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray warns of itself
        try:
            import ray
            from ray.train import RunConfig, ScalingConfig
            from ray.train.torch import TorchTrainer
        except ImportError as error:
            raise ConfigError(f"--workers needs Ray Train: pip install 'curate-data[train]' ({error})") from None
        where = address or os.environ.get("RAY_ADDRESS")
        cores = max(workers, os.cpu_count() or 1)
        start_ray(where, "train without --workers", num_cpus=cores, include_dashboard=False)
        there = _everywhere(settings)
        notes = f"{there.out}/.ray"  # Ray Train's own, on storage that every node sees
        try:
            gpus = _on_gpus(settings, workers, int(ray.cluster_resources().get("GPU", 0)))
            trainer = TorchTrainer(
                _loop,
                train_loop_config=there.model_dump(mode="json"),
                scaling_config=ScalingConfig(num_workers=workers, use_gpu=gpus),
                run_config=RunConfig(storage_path=notes),
            )
            with _shown(there):
                trainer.fit()
        except Exception as error:
            raise _cause(error) from None
        finally:
            shutil.rmtree(notes, ignore_errors=True)
            ray.shutdown()


def _on_gpus(settings: Training, workers: int, count: int) -> bool:
    if settings.device.startswith("cuda") and count < workers:
        raise ConfigError(f"{workers} workers need as many GPUs, and the cluster has {count}")
    return settings.device != "cpu" and count >= workers


def _everywhere(settings: Training) -> Training:
    """The settings with absolute paths: a worker does not run in this folder."""
    from curate.trainer.train.train import output_folder

    data = settings.data.model_copy(update={"path": resolve(settings.data.path, ".")})
    return settings.model_copy(update={"data": data, "out": resolve(str(output_folder(settings)), ".")})


@contextmanager
def _shown(settings: Training) -> Iterator[None]:
    """Prints metrics as they are written, in place of Ray's own output. First removes the rows after the newest checkpoint,
    which are written anew and would hide the new ones."""
    from curate.trainer.train import checkpoint as checkpoints
    from curate.trainer.train.train import progress, total_steps

    folder, steps = Path(settings.out), total_steps(settings)
    before = checkpoints.found(folder)
    shown = checkpoints.open_checkpoint(before[-1]).about["step"] if before else 0
    trim_metrics(folder, shown)
    if before:
        print(f"going on from step {shown} ({before[-1]})", flush=True)
    ended = threading.Event()

    def follow() -> None:
        nonlocal shown
        over = False
        while not over:
            over = ended.wait(_LOOK_SECONDS)
            for row in read_metrics(folder):
                if row["step"] > shown:
                    shown = row["step"]
                    print(progress(row, steps), flush=True)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _cause(error: Exception) -> BaseException:
    """The training's own exception within Ray Train's. Where one worker fails, others only lose their connection to it."""
    # a worker's failure is an exception that wraps the training's
    failures: Mapping[int, BaseException] = getattr(error, "worker_failures", {})
    causes = [getattr(failures[rank], "_base_exc", failures[rank]) for rank in sorted(failures)]
    told = [cause for cause in causes if isinstance(cause, ValueError | ArithmeticError | OSError)]
    return next(iter([*told, *causes]), error)


def _loop(settings: dict[str, Any]) -> None:
    from ray.train.torch import get_device

    from curate.trainer.train.train import train

    train(Training.model_validate({**settings, "device": str(get_device())}))
