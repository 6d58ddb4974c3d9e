"""Writes what training measures: one JSON object per line, and TensorBoard and W&B where installed and asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.storage import write_atomically
from curate.trainer.settings import Training


class Metrics:
    """`metrics.jsonl` of a training run. Rows after `step` are those of an interrupted attempt and are removed."""

    def __init__(self, folder: Path, settings: Training, step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "metrics.jsonl"
        rows = read_metrics(folder)
        write_atomically(self._path, b"".join(_line(row) for row in rows if row["step"] <= step))
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
                id=settings.name,
                resume="allow",
                config=settings.model_dump(),
            )

    def write(self, row: dict[str, Any]) -> None:
        """One row; `step` is among its keys."""
        with open(self._path, "ab") as file:
            file.write(_line(row))
        numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
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


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, sort_keys=True).encode() + b"\n"


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics; a last line that was cut off is left out."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
