"""Writes what training measures: one JSON object per line, and TensorBoard and W&B where installed and asked for; and
what a device could do at most, by published peaks, with the share of it that training uses.
"""

from __future__ import annotations

import json
import uuid
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from curate.engine.commit import sweep
from curate.errors import ConfigError
from curate.storage import write_atomically
from curate.trainer.train.settings import Training

# Dense matrix peaks in FLOP/s with bfloat16 inputs (float16 where a device has no bfloat16), from NVIDIA's data sheets,
# without sparsity. A name is matched where the device's own contains it; the first match counts.
_PEAKS: tuple[tuple[str, float], ...] = (
    ("B200", 2.25e15),
    ("GH200", 989e12),
    ("H200", 989e12),
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H100", 989e12),
    ("A100", 312e12),
    ("A10G", 70e12),
    ("A40", 149.7e12),
    ("L40S", 362e12),
    ("L4", 121e12),
    ("RTX 4090", 165.2e12),
    ("RTX 3090", 71e12),
    ("V100", 125e12),
    ("T4", 65e12),
)


class Metrics:
    """`metrics.jsonl` of a training run. Rows after `step` are those of an interrupted attempt and are removed."""

    def __init__(self, folder: Path, settings: Training, step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "metrics.jsonl"
        sweep(folder)  # what a killed attempt left half written
        trim_metrics(folder, step)
        self._board: Any = None
        self._wandb: Any = None
        if settings.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
        if settings.wandb:
            import wandb  # type: ignore[import-not-found,unused-ignore]

            self._wandb = wandb.init(
                project=settings.wandb,
                name=settings.name,
                id=_wandb_id(folder),
                resume="allow",
                config=settings.model_dump(),
            )

    def write(self, row: dict[str, Any]) -> None:
        """One row; `step` is among its keys."""
        with open(self._path, "ab") as file:
            file.write(_line(row))
        numbers = {key: value for key, value in row.items() if not isinstance(value, dict)}
        for key, values in row.items():
            if isinstance(values, dict):
                numbers |= {f"{key}/{name}": value for name, value in values.items()}
        if self._board is not None:
            for key, value in numbers.items():
                self._board.add_scalar(key, value, row["step"])
        if self._wandb is not None:
            self._wandb.log(numbers, step=row["step"])

    def close(self) -> None:
        """End every writer."""
        if self._board is not None:
            self._board.close()
        if self._wandb is not None:
            self._wandb.finish()


def check_installed(settings: Training) -> None:
    """Raises ConfigError where a package that the settings ask for is missing: before training, not after."""
    wanted = {"tensorboard": settings.tensorboard, "wandb": settings.wandb is not None}
    for name, asked in wanted.items():
        if asked and find_spec(name) is None:
            raise ConfigError(f"{name}: not installed: pip install {name}, or take it out of the training file")


def _wandb_id(folder: Path) -> str:
    """A run of W&B is one folder's: a resumed training goes on in it, another of the same name is another."""
    path = folder / "wandb-id"
    if not path.exists():
        write_atomically(path, uuid.uuid4().hex.encode())
    return path.read_text()


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, sort_keys=True).encode() + b"\n"


def trim_metrics(folder: Path, step: int) -> None:
    """Remove the rows after `step`: those of an interrupted attempt, which are written anew."""
    rows = [row for row in read_metrics(folder) if row["step"] <= step]
    write_atomically(folder / "metrics.jsonl", b"".join(map(_line, rows)))


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics; a last line that was cut off is left out."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def peak_flops(device_name: str) -> float | None:
    """The device's peak in FLOP/s; none for a device that is not in the table."""
    words = device_name.split()
    for name, peak in _PEAKS:
        if all(any(word == piece or word.startswith(f"{piece}-") for word in words) for piece in name.split()):
            return peak
    return None


def model_flops_utilization(
    flops_per_token: float, tokens_per_second: float, device_name: str, devices: int
) -> float | None:
    """MFU (Chowdhery et al. 2022, appendix B): the model's own FLOP/s over the peak of all devices; none if unknown."""
    peak = peak_flops(device_name)
    return None if peak is None else flops_per_token * tokens_per_second / (peak * devices)
