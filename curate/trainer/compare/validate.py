"""From a validation file to a verdict: proxies are trained, measured on the same items, and judged. `curate validate`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from curate.config.reading import read_settings
from curate.errors import ConfigError
from curate.shards import ShardReader
from curate.storage import resolve, write_atomically
from curate.tokens import load_recorded
from curate.trainer.compare.anneal import annealed
from curate.trainer.compare.comparison import Results, Verdict, judge, primary_by_seed
from curate.trainer.compare.comparison_html import to_html
from curate.trainer.compare.comparison_markdown import to_markdown
from curate.trainer.compare.ladder import Ladder, Rung, climb
from curate.trainer.compare.ladder_markdown import ladder_markdown
from curate.trainer.compare.proxies import output_folder, train_proxies, train_tokens
from curate.trainer.compare.settings import Validation
from curate.trainer.compare.suite import Suite, prepare
from curate.trainer.evaluate.evaluate import find_in_training
from curate.trainer.evaluate.tasks import fetched_folder, find_task, read_items
from curate.trainer.model.architecture import matrix_parameters, training_flops_per_token
from curate.trainer.train.settings import Training
from curate.trainer.train.train import total_steps

VERDICT = "verdict.json"


def read_validation(path: str | Path, sets: Sequence[str] = ()) -> Validation:
    """A validation file, its paths taken from its folder; `anneal` becomes what its proxies go on from.

    Raises ConfigError, FileNotFoundError, CheckpointError.
    """
    settings = read_settings(path, Validation, sets, "a validation file", "seeds=5")
    folder = Path(path).resolve().parent
    evaluation = settings.evaluation
    texts = {name: resolve(text, folder) for name, text in evaluation.texts.items()}
    tasks = resolve(evaluation.folder, folder) if evaluation.folder else str(fetched_folder())
    taught = evaluation.instruct
    if taught is not None:
        files = {"train": resolve(taught.train, folder), "test": resolve(taught.test, folder)}
        taught = taught.model_copy(update=files)
    changes: dict[str, Any] = {}
    if settings.anneal:
        changes = {"anneal": "", "proxy": annealed(settings.proxy, resolve(settings.anneal, folder))}
    return settings.model_copy(
        update={
            **changes,
            "mixes": {name: resolve(mix, folder) for name, mix in settings.mixes.items()},
            "evaluation": evaluation.model_copy(update={"texts": texts, "folder": tasks, "instruct": taught}),
        }
    )


def validate(settings: Validation, say: Callable[[str], None] = print) -> Verdict:
    """Train, measure, judge. Writes verdict.json, verdict.md and verdict.html. For a file without `sizes`.

    Raises ProxyError where proxies fail, ValueError where a validation set is too small, OSError.
    """
    if settings.sizes:
        raise ConfigError("sizes: a ladder is compared by validate_sizes")
    return _compare(settings, say)[0]


def validate_sizes(settings: Validation, say: Callable[[str], None] = print) -> Ladder:
    """`validate` at each of the file's sizes, the smallest first, and what they say together.

    Writes ladder.json and ladder.md, and a verdict for each size in sizes/NAME. Raises as `validate`.
    """
    rungs = []
    sizes = settings.by_size()
    for name in sorted(sizes, key=lambda name: _flops(sizes[name].proxy)):
        say(f"size {name}")
        proxy = sizes[name].proxy
        _, results = _compare(sizes[name], say)
        values = dict(zip(results, primary_by_seed(results), strict=True))
        rungs.append(Rung(name, matrix_parameters(proxy.model), _tokens(proxy), _flops(proxy), values))
    ladder = climb(settings.name, rungs, settings.confidence, settings.target)
    out = output_folder(settings)
    write_atomically(out / "ladder.json", (json.dumps(dataclasses.asdict(ladder), indent=1) + "\n").encode())
    write_atomically(out / "ladder.md", ladder_markdown(ladder).encode())
    return ladder


def _tokens(proxy: Training) -> int:
    return (total_steps(proxy) or 0) * proxy.batch.tokens


def _flops(proxy: Training) -> float:
    return _tokens(proxy) * training_flops_per_token(proxy.model, proxy.data.sequence_length)


def _compare(settings: Validation, say: Callable[[str], None]) -> tuple[Verdict, Results]:
    out = output_folder(settings)
    suite = prepare(settings.evaluation, settings.mixes, out)
    results, stopped = train_proxies(settings, suite, say)
    verdict = judge(
        settings.name,
        results,
        _notes(settings, suite),
        _contamination(settings, suite),
        settings.confidence,
        settings.baseline,
        settings.matters,
        stopped,
        training_flops_per_token(settings.proxy.model, settings.proxy.data.sequence_length),
    )
    write_atomically(out / VERDICT, verdict.to_json().encode())
    write_atomically(out / "verdict.md", to_markdown(verdict).encode())
    write_atomically(out / "verdict.html", to_html(verdict).encode())
    return verdict, results


def _contamination(settings: Validation, suite: Suite) -> dict[str, dict[str, float]]:
    """Per task and mix, the share of its items of which the mix holds a run of 13 tokens."""
    evaluation = settings.evaluation
    shares: dict[str, dict[str, float]] = {}
    for name, folder in suite.tasks.items():
        read = read_items(find_task(name), folder, evaluation.limit, evaluation.style)
        items = [item.text for item in read]
        shares[name] = {
            mix: find_in_training(load_recorded(ShardReader(path).tokenizer), items, path).share_of_texts
            for mix, path in settings.mixes.items()
        }
    return shares


def _notes(settings: Validation, suite: Suite) -> list[str]:
    """What a reader must know to believe the numbers."""
    notes = list(suite.notes)
    for domain in suite.domains:
        inside = ", ".join(f"{count} in {mix}" for mix, count in domain.in_mixes.items())
        notes.append(f"{domain.name}: {len(domain.items)} texts; left out: {domain.copies} copies, {inside}.")
    if settings.proxy.base:
        notes.append(f"Proxies go on from {settings.proxy.base}: what differs between seeds is what they read.")
    steps = total_steps(settings.proxy)
    if steps is None:
        return [*notes, "The budget is time: proxies may have seen different numbers of tokens."]
    tokens = steps * settings.proxy.batch.tokens
    for mix, path in settings.mixes.items():
        there = train_tokens(ShardReader(path))
        if tokens * settings.seeds > there:
            notes.append(
                f"{mix} has {there:,} tokens, fewer than {settings.seeds} seeds x {tokens:,}: its proxies share data, so "
                "the intervals hold for this very data and not for other data of its kind."
            )
    return notes
