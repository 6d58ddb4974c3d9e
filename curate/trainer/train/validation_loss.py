"""Loss on a run's own validation shards, in bits per byte of text, by source. Knows the model by its losses only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from curate.shards import Loader
from curate.trainer.model.loss import IGNORED
from curate.trainer.train.data import Pass, document_sources, to_pass, token_bytes
from curate.trainer.train.parallel import World
from curate.trainer.train.settings import Training


class HeldOut:
    """The first sequences of the validation split, evaluated by all data-parallel processes together."""

    def __init__(self, settings: Training, here: World) -> None:
        self._here, self._micro, self._masks = here, settings.batch.micro, settings.data.document_masks
        self.loader = Loader(settings.data.path, settings.data.sequence_length, 1, split="validation", shuffle=False)
        wanted = max(1, settings.evaluate_tokens // settings.data.sequence_length)
        self.sequences = min(wanted, self.loader.sequences_per_epoch)
        self.sources, source_of = document_sources(self.loader)
        tokenizer = self.loader.reader.tokenizer
        self._source_of = torch.from_numpy(source_of).to(here.device)
        self._bytes = torch.from_numpy(token_bytes(tokenizer)).to(here.device)
        self._end_of_text: int = tokenizer["end_of_text"]

    @torch.no_grad()
    def __call__(self, model: nn.Module, cast: torch.autocast) -> dict[str, Any]:
        """Bits per byte in all and by source. A token counts for its document; end-of-text counts for none."""
        here = self._here
        nats = torch.zeros(len(self.sources), dtype=torch.float64, device=here.device)
        sizes = torch.zeros_like(nats)
        stride = self._micro * here.data_size
        model.eval()
        for first in range(0, self.sequences, stride):  # every process makes as many passes
            positions = first + here.data_rank * self._micro + np.arange(self._micro)
            piece = to_pass(self.loader, positions % self.sequences, self._masks, here.device)
            real = torch.from_numpy(positions < self.sequences).to(here.device)[:, None]
            with cast:
                losses = model(piece.inputs, piece.targets, piece.documents)
            counted = (piece.targets != IGNORED) & real
            size = self._bytes[piece.targets.clamp(min=0)] * counted
            owner = self._source_of[self._documents_of_targets(piece)].flatten()
            nats.index_add_(0, owner, (losses.double() * (size > 0)).flatten())
            sizes.index_add_(0, owner, size.double().flatten())
        model.train()
        nats, sizes = here.sum(nats), here.sum(sizes)
        bits = nats / math.log(2)
        by_source = zip(self.sources, bits.tolist(), sizes.tolist(), strict=True)
        return {
            "bits_per_byte": (bits.sum() / sizes.sum()).item(),
            "bits_per_byte_by_source": {name: bit / size for name, bit, size in by_source if size},
        }

    def _documents_of_targets(self, piece: Pass) -> Tensor:
        """What follows end-of-text is the next document's first token."""
        documents = torch.from_numpy(piece.batch.documents).to(piece.inputs.device)
        documents = documents + (piece.inputs == self._end_of_text)
        return documents.clamp(0, len(self._source_of) - 1)
