"""Fine-tuning as GPT-1 did (Radford et al. 2018, §3.2 and §4.1): text to class, with language modelling beside it.

An example is start, text, (delimiter, second text,) extract; a linear layer reads the last layer's output at extract. The
three new tokens are embeddings of their own. Loss: of the class + lambda x of the next tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from curate.errors import ConfigError
from curate.tokens import Tokenizer
from curate.trainer.evaluate.evaluate import Measure, encode
from curate.trainer.evaluate.scoring import batches
from curate.trainer.evaluate.teach import Teaching, teach
from curate.trainer.model.loss import IGNORED, cross_entropy
from curate.trainer.model.model import GPT
from curate.trainer.train.settings import Optimizer

_SPECIAL = 3  # start, delimiter, extract
_START, _DELIMITER, _EXTRACT = range(_SPECIAL)
_CLASSIFIER_DROPOUT = 0.1  # Radford et al. 2018, §4.1


@dataclass(frozen=True)
class FineTuning:
    """Their values (§4.1), for most of their tasks."""

    learning_rate: float = 6.25e-5
    batch: int = 32
    epochs: int = 3
    language_weight: float = 0.5
    warmup: float = 0.002
    weight_decay: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class Example:
    """Token ids of one text or two, and the index of its class."""

    texts: tuple[tuple[int, ...], ...]
    label: int


class Classifier(nn.Module):
    """A language model with three more tokens and a linear layer over classes."""

    def __init__(self, model: GPT, classes: int, seed: int) -> None:
        super().__init__()
        self.model = model
        self.special = nn.Embedding(_SPECIAL, model.shape.width)
        self.dropout = nn.Dropout(_CLASSIFIER_DROPOUT)
        self.classes = nn.Linear(model.shape.width, classes)
        draws = torch.Generator().manual_seed(seed)
        for weight in (self.special.weight, self.classes.weight):
            nn.init.normal_(weight, std=model.shape.initial_deviation, generator=draws)
        nn.init.zeros_(self.classes.bias)
        self.to(model.embedding.weight.device)

    def forward(self, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        """Logits (examples, classes), and the mean loss of next tokens in nats."""
        vocabulary = self.model.shape.vocabulary
        rows = [_sequence(example, self.model.shape.context, vocabulary) for example in examples]
        longest = max(map(len, rows))
        device = self.special.weight.device
        tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)
        last = torch.tensor([len(row) - 1 for row in rows], device=device)
        known = tokens < vocabulary
        embedded = torch.where(
            known[..., None],
            self.model.embedding(tokens.clamp(max=vocabulary - 1)),
            self.special((tokens - vocabulary).clamp(min=0)),
        )
        hidden = self.model.transform(embedded)
        extracted = hidden[torch.arange(len(rows), device=device), last]
        real = torch.arange(longest, device=device) <= last[:, None]
        predicted = (real & known)[:, 1:]  # new tokens are read, not predicted
        targets = tokens[:, 1:].masked_fill(~predicted, IGNORED)
        cap = self.model.shape.logit_cap
        losses = cross_entropy(hidden[:, :-1], self.model.output_weight, targets, cap=cap)
        language = losses.sum() / predicted.sum().clamp(min=1)
        return self.classes(self.dropout(extracted)), language


def _sequence(example: Example, context: int, vocabulary: int) -> list[int]:
    """Ids from `vocabulary` on are the new tokens. Texts too long for the context lose their ends, the longest first."""
    texts = [list(text) for text in example.texts]
    while sum(map(len, texts)) + len(texts) + 1 > context:
        longest = max(texts, key=len)
        if not longest:
            raise ConfigError(f"a context of {context} has no room for {len(texts)} texts")
        longest.pop()
    sequence = [vocabulary + _START, *texts[0]]
    for text in texts[1:]:
        sequence += [vocabulary + _DELIMITER, *text]
    return [*sequence, vocabulary + _EXTRACT]


def read_examples(
    rows: Iterable[Mapping[str, Any]], tokenizer: Tokenizer, labels: Sequence[str] | None = None
) -> tuple[list[Example], list[str]]:
    """Examples from rows with `text` (and `second` for pairs) and `label`; and the classes, sorted.

    Raises ValueError for a row without them, or with a label that is not among `labels`.
    """
    rows = list(rows)
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get("text"), str) or row.get("label") is None:
            raise ConfigError(f"row {number}: needs a text and a label; it has {', '.join(row)}")
    names = sorted({str(row["label"]) for row in rows}) if labels is None else list(labels)
    texts = [tuple(row[key] for key in ("text", "second") if isinstance(row.get(key), str)) for row in rows]
    ids = iter(encode(tokenizer, [text for each in texts for text in each]))
    examples = []
    for number, (row, each) in enumerate(zip(rows, texts, strict=True), 1):
        if str(row["label"]) not in names:
            raise ConfigError(f"row {number}: label {row['label']!r} is none of {', '.join(names)}")
        examples.append(Example(tuple(tuple(next(ids).tolist()) for _ in each), names.index(str(row["label"]))))
    return examples, names


def finetune(
    model: GPT,
    examples: Sequence[Example],
    classes: int,
    settings: FineTuning = FineTuning(),
    say: Callable[[str], None] = print,
) -> Classifier:
    """Train a classifier, and the model under it, for a few epochs; each in an order drawn from (seed, epoch, index)."""
    classifier = Classifier(model, classes, settings.seed)

    def loss_of(chosen: list[Example]) -> tuple[Tensor, Tensor]:
        logits, language = classifier(chosen)
        wanted = torch.tensor([example.label for example in chosen], device=logits.device)
        loss = F.cross_entropy(logits.float(), wanted)
        return loss + settings.language_weight * language, loss

    optimizer = Optimizer(learning_rate=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.999))
    how = Teaching("finetune", optimizer, settings.warmup, settings.batch, settings.epochs, settings.seed)
    teach(classifier, examples, loss_of, how, say)
    return classifier


@torch.no_grad()
def classify(classifier: Classifier, examples: Sequence[Example]) -> list[int]:
    """The most likely class of each example."""
    found = [0] * len(examples)
    for rows in batches([sum(map(len, example.texts)) + 3 for example in examples]):
        logits, _ = classifier([examples[row] for row in rows])
        for row, label in zip(rows, logits.argmax(dim=1).tolist(), strict=True):
            found[row] = label
    return found


def measure(classifier: Classifier, examples: Sequence[Example]) -> Measure:
    """Accuracy."""
    right = [
        float(label == example.label) for label, example in zip(classify(classifier, examples), examples, strict=True)
    ]
    return Measure("finetuned", "accuracy", np.array(right), np.ones(len(right)))
