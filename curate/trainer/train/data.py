"""From shards to tensors: the sequences of each step, who owns which, and which documents they hold.

Knows the loader and token ids; knows no model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from curate.errors import ConfigError
from curate.shards import Batch, Loader
from curate.shards.section import Copy
from curate.tokens import load_recorded
from curate.trainer.model.loss import IGNORED
from curate.trainer.train.settings import Data


@dataclass(frozen=True)
class Pass:
    """Sequences that go through the model together."""

    inputs: Tensor
    """int64 (sequences, length)."""
    targets: Tensor
    """int64 (sequences, length), IGNORED where there is none."""
    documents: Tensor | None
    """int64 (sequences, length), for document masks."""
    batch: Batch


class Stream:
    """The sequences of training. Step k takes the k-th `per_step` sequences of the loader's order, whoever asks."""

    def __init__(self, settings: Data, per_step: int) -> None:
        shuffle = settings.order == "shuffled"
        self.loader = Loader(
            settings.path,
            settings.sequence_length,
            per_step,
            settings.seed,
            packing=settings.packing,
            shuffle=shuffle,
        )
        if set(self.loader.lengths) != {settings.sequence_length}:
            own = ", ".join(map(str, sorted({*self.loader.lengths} - {settings.sequence_length})))
            raise ConfigError(
                f"{settings.path} has phases with sequences of {own} tokens, and this trainer keeps to one length, "
                f"{settings.sequence_length}: leave sequence_length out of the mixture's phases, or use a loader of your own"
            )
        self.per_step = per_step
        self.first = settings.start // settings.sequence_length
        self.masks = settings.document_masks

    def step(self, number: int, micro: int, rank: int, ranks: int, device: torch.device) -> Iterator[Pass]:
        """The passes of one rank in a step: its share of the sequences, at most `micro` at a time."""
        share = self.per_step // ranks
        begin = self.first + number * self.per_step + rank * share
        for first in range(begin, begin + share, micro):
            yield self.take(np.arange(first, min(first + micro, begin + share)), device)

    def take(self, positions: npt.NDArray[np.int64], device: torch.device) -> Pass:
        """The sequences at these positions of the order."""
        return to_pass(self.loader, positions, self.masks, device)

    def documents_of(self, sequences: Sequence[int]) -> list[str]:
        """The ids, in hexadecimal, of the documents in sequences of the split, in the split's order."""
        loader = self.loader
        numbers = {
            number
            for copy in loader.copies(np.asarray(sequences, dtype=np.int64))
            for begin, length in zip(copy.begin.tolist(), copy.length.tolist(), strict=True)
            for number in _documents_between(copy, begin, begin + length)
        }
        return [_document_id(loader, number) for number in sorted(numbers)]

    def state_at(self, step: int) -> dict[str, object]:
        """The loader's state when `step` steps are done."""
        return {**self.loader.state_dict(), "sequences": self.first + step * self.per_step}


def to_pass(loader: Loader, positions: npt.NDArray[np.int64], masks: bool, device: torch.device) -> Pass:
    """The sequences at these positions of a loader's order, on a device."""
    batch = loader.batch(positions)
    tokens = _move(batch.tokens.astype(np.int64), device)
    targets = tokens[:, 1:]
    if loader.packing.name != "concat":  # alone among packings it never pads
        targets = targets.masked_fill(~_move(batch.valid, device), IGNORED)
    return Pass(tokens[:, :-1], targets, _move(batch.documents, device) if masks else None, batch)


def _move(values: npt.NDArray[np.int64] | npt.NDArray[np.bool_], device: torch.device) -> Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _documents_between(copy: Copy, begin: int, end: int) -> range:
    first, last = np.searchsorted(copy.view.offsets, [begin, end - 1], side="right") - 1
    return range(copy.first_document + int(first), copy.first_document + int(last) + 1)


def _document_id(loader: Loader, number: int) -> str:
    for entry in loader.reader.split(loader.split):
        if number < entry.rows:
            identity: bytes = loader.reader.open(entry).batch.column("id")[number].as_py()
            return identity.hex()
        number -= entry.rows
    raise IndexError(f"document {number} is beyond the last of the {loader.split} split")


def document_sources(loader: Loader) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The split's sources, sorted, and for each document the index of its own."""
    columns = [loader.reader.open(entry).batch.column("source") for entry in loader.reader.split(loader.split)]
    values = np.concatenate([np.asarray(column.to_pylist(), dtype=object) for column in columns])
    names, indices = np.unique(values.astype(str), return_inverse=True)
    return names.tolist(), indices.astype(np.int64)


def token_bytes(entry: Mapping[str, Any]) -> npt.NDArray[np.int64]:
    """Bytes of text of each token id of the tokenizer that a manifest names; special tokens have none."""
    return load_recorded(entry).token_lengths()
