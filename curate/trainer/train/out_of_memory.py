"""A device whose memory does not suffice, as a sentence that says what to lower. Knows settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from curate.errors import CurateError
from curate.trainer.train.settings import Training


class OutOfMemory(CurateError, MemoryError):
    """A device whose memory does not suffice; says which settings to lower."""


@contextmanager
def enough_memory(settings: Training) -> Iterator[None]:
    """Turn a device's lack of memory into what to lower."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        lower = [f"batch.micro (now {settings.batch.micro})"] if settings.batch.micro > 1 else []
        lower += ["set recompute_activations: true"] if not settings.recompute_activations else []
        lower += [
            f"data.sequence_length (now {settings.data.sequence_length})",
            "parallel: {data: fsdp} over more devices",
        ]
        told = str(error).partition("\n")[0]
        raise OutOfMemory(f"the device's memory does not suffice: lower {', or '.join(lower)}. {told}") from None
