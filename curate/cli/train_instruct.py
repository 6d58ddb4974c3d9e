"""`curate model instruct`: a model taught on conversations, and measured by answers. Parse, call, print."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.cli.arguments import add_number
from curate.cli.console import MESSAGES, RESULTS


def add_instruct(model: Any) -> None:
    """Add `instruct` to the actions of `model`."""
    instruct = model.add_parser("instruct", help="teach a model on conversations and measure answers it has not seen")
    instruct.add_argument("checkpoint", metavar="CHECKPOINT", help="a checkpoint of a training")
    instruct.add_argument(
        "--train", required=True, metavar="FILE", help="JSON Lines with messages, or prompt and response"
    )
    instruct.add_argument("--test", required=True, metavar="FILE", help="the same, whose answers are measured")
    instruct.add_argument("--out", metavar="DIR", help="write the taught model here, to generate with or to export")
    add_number(instruct, "--epochs", 2, "passes over the training file")
    add_number(instruct, "--batch", 8, "packed sequences of a step")
    instruct.add_argument(
        "--learning-rate",
        type=float,
        default=2e-5,
        metavar="X",
        help="its maximum (default: 2e-5); larger for small models",
    )
    instruct.add_argument("--seed", type=int, default=0, metavar="N", help="of the order (default: 0)")
    instruct.add_argument("--device", default="auto", help="cpu, cuda, or auto: the best that is there (default: auto)")
    instruct.set_defaults(call=_instruct)


def _instruct(options: argparse.Namespace) -> int:
    from curate.errors import ConfigError
    from curate.tokens import load_recorded
    from curate.trainer.evaluate.instruct import measure_answers, probe, read_conversations
    from curate.trainer.evaluate.rows import read_lines
    from curate.trainer.train.checkpoint import load_model, open_checkpoint, save_model
    from curate.trainer.train.parallel import pick_device
    from curate.trainer.train.settings import Instruct

    if not options.learning_rate > 0 or options.seed < 0:
        raise ConfigError("--learning-rate must be above 0, and --seed not below it")
    checkpoint = open_checkpoint(options.checkpoint)
    model = load_model(checkpoint, pick_device(options.device))
    tokenizer = load_recorded(checkpoint.about["tokenizer"])
    settings = Instruct(
        train=options.train,
        test=options.test,
        epochs=options.epochs,
        batch=options.batch,
        learning_rate=options.learning_rate,
        seed=options.seed,
    )
    before = measure_answers(model, tokenizer, read_conversations(read_lines(options.test), tokenizer))
    after = probe(model, tokenizer, settings, say=MESSAGES.print)
    for name, measure in (("before", before), ("after", after)):
        RESULTS.print(
            f"{name:8}{measure.mean:.4f} ± {measure.standard_error:.4f} bits per byte of answers, "
            f"{len(measure.values)} conversations"
        )
    if options.out:
        weights = {key: tensor.cpu() for key, tensor in model.state_dict().items()}
        about = {**checkpoint.about, "instructed": settings.model_dump()}
        RESULTS.print(f"Written: {save_model(Path(options.out), about, weights)}")
    return 0
