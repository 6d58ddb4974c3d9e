"""The whole search for a better mix: draw, train proxies, fit, propose, confirm. `curate mix search FILE.yaml`.

Each step writes what the next one reads, and is a pure function of what it reads, so the same command after a kill goes on
and ends with the same files. In `out`:

    proxies/MIX/seed-N/     a proxy each, as `curate validate` trains them
    results.jsonl           weights and losses, a line per mix; `curate mix search results.jsonl` reads it too
    confirm/                the comparison of the proposal with the prior, with its own proxies and verdict
    search.json             what was proposed, and whether it was confirmed
    mixture.yaml            a `mixture:` block for a pipeline file: the proposal where it was confirmed, else the prior

Draws are bounded by what the proxies can read without too many epochs; the proposal by what the run it is for can
(bounding the draws by that too would leave the fit less to learn from; Olmix, Chen et al. 2026).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curate.config.document import write_document
from curate.config.mixture import CELLS, Mixture
from curate.config.reading import read_settings
from curate.errors import ConfigError
from curate.mixture.draws import Joined, draw, join
from curate.mixture.fit import Fit, fit
from curate.mixture.make import make_mixes, plan_mix
from curate.mixture.search import Proposal, most_by_epochs, propose
from curate.storage import resolve, write_atomically
from curate.trainer.compare.comparison import LOWER_IS_BETTER, Results, Verdict, measured
from curate.trainer.compare.proxies import train_proxies
from curate.trainer.compare.search_settings import Search
from curate.trainer.compare.settings import Evaluation, Validation
from curate.trainer.compare.suite import prepare
from curate.trainer.compare.validate import validate
from curate.trainer.evaluate.tasks import fetched_folder
from curate.trainer.train.train import total_steps

_RUNS_PER_GROUP = 3  # of mixes, and one more group's worth: Olmix, Chen et al. 2026
_PRIOR, _PROPOSAL, _EVERYTHING = "prior", "proposal", "everything"


@dataclass(frozen=True)
class Found:
    """What a search found. `mixture` is the block of mixture.yaml."""

    prior: dict[str, float]
    proposal: dict[str, float] | None
    """None where the gain predicted is no larger than the error of the fit."""
    gain: float
    """Predicted, over the prior, in bits per byte."""
    error: float
    """By how much the fit misses a mix that it has not seen."""
    confirmed: bool
    sentence: str
    mixture: Mapping[str, Any]
    folder: Path


def read_search(path: str | Path, sets: Sequence[str] = ()) -> Search:
    """A search file, its paths taken from its folder. Raises ConfigError, FileNotFoundError."""
    settings = read_settings(path, Search, sets, "a search file", "mixes=32")
    folder = Path(path).resolve().parent
    evaluation = settings.evaluation
    texts = {name: resolve(text, folder) for name, text in evaluation.texts.items()}
    tasks = resolve(evaluation.folder, folder) if evaluation.folder else str(fetched_folder())
    evaluation = evaluation.model_copy(update={"texts": texts, "folder": tasks})
    return settings.model_copy(update={"run": resolve(settings.run, folder), "evaluation": evaluation})


def search(settings: Search, say: Callable[[str], None] = print) -> Found:
    """Draw, train, fit, propose, confirm; goes on where it stopped.

    Raises FitError where the results cannot carry a fit, ProxyError where proxies fail, MixtureError, ConfigError, OSError.
    """
    out = Path(settings.out or f"searches/{settings.name}")
    by = CELLS.join(settings.by)
    plan = plan_mix(settings.run, Mixture(by=by), seed=None)
    available = {name: float(group.available_tokens) for name, group in plan.groups.items() if group.available_tokens}
    for name in settings.prior or {}:
        if name not in available:
            raise ConfigError(f"prior: {name} is no group of {settings.run}; there are {', '.join(available)}")
    joined = join(available, settings.reuse or {})
    prior = joined.join(settings.prior or available)
    budget = (total_steps(settings.proxy) or 1) * settings.proxy.batch.tokens
    most = joined.most(most_by_epochs(available, budget, settings.max_epochs))
    count = settings.mixes or _RUNS_PER_GROUP * (len(joined.groups) + 1)
    drawn = draw(joined.groups, prior, most, count, settings.seed)
    names = [f"{settings.name}-{number:04d}" for number in range(count)]
    say(f"{count} mixes of {', '.join(joined.groups)}, a proxy of {budget:,} tokens each")
    weights = {name: joined.split(each) for name, each in zip(names, drawn, strict=True)}
    mixes = make_mixes(
        settings.run,
        {f"{settings.name}-{_EVERYTHING}": Mixture(by=by)}
        | {name: _mixture(by, each, budget + settings.proxy.data.sequence_length) for name, each in weights.items()},
    )
    everything = str(mixes.pop(f"{settings.name}-{_EVERYTHING}"))
    results = _train(settings, mixes, everything, out, say)
    rows = {name: _losses(results[name]) for name in names}
    lines = [json.dumps({"weights": weights[name], "loss": rows[name]}) for name in names]
    write_atomically(out / "results.jsonl", "".join(f"{line}\n" for line in lines).encode())
    fitted = _fit(joined, drawn, [rows[name] for name in names])
    total = sum(available.values()) if settings.tokens == "all" else settings.tokens
    bounds = joined.most(most_by_epochs(available, total, settings.max_epochs))
    proposal = propose(fitted, prior, bounds)
    return _end(settings, by, joined, drawn[0], fitted, proposal, budget, out, say)


def _mixture(by: str, weights: Mapping[str, float], tokens: int | str, epochs: float | None = None) -> Mixture:
    """A mixture of exactly these weights, or, with `epochs`, no group more often than that."""
    shares = {name: {"weight": weight, "max_epochs": epochs} for name, weight in weights.items() if weight}
    return Mixture.model_validate({"tokens": tokens, "by": by.split(CELLS), "sources": shares})


def _train(
    settings: Search, mixes: Mapping[str, Path], everything: str, out: Path, say: Callable[[str], None]
) -> Results:
    """A proxy per mix, all from the same first weights, measured once at the end on texts that the run does not hold."""
    evaluation: Evaluation = settings.evaluation.model_copy(update={"points": 1, "tasks": ()})
    suite = prepare(evaluation, {settings.name: everything}, out)
    validation = Validation(
        name=settings.name,
        mixes={name: str(path) for name, path in mixes.items()},
        seeds=1,
        first_seed=settings.seed,
        proxy=settings.proxy,
        evaluation=evaluation,
        devices=settings.devices,
        attempts=settings.attempts,
        out=str(out),
    )
    return train_proxies(validation, suite, say)[0]


def _losses(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Bits per byte of each domain of a mix's only proxy."""
    return {
        each.name: float(each.values[0].sum() / each.weights.sum())
        for each in measured(runs)
        if each.unit == LOWER_IS_BETTER
    }


def _fit(joined: Joined, drawn: Sequence[Mapping[str, float]], rows: Sequence[Mapping[str, float]]) -> Fit:
    points = np.array([[each[name] for name in joined.groups] for each in drawn])
    losses = np.array([list(row.values()) for row in rows])
    return fit(joined.groups, points, losses, tuple(rows[0]))


def _end(
    settings: Search,
    by: str,
    joined: Joined,
    prior: Mapping[str, float],
    fitted: Fit,
    proposal: Proposal,
    budget: int,
    out: Path,
    say: Callable[[str], None],
) -> Found:
    """Confirm the proposal, if its gain over the prior is more than the fit errs by; write what came of it."""
    at = np.array([[prior[name] for name in fitted.groups]])
    gain = float(fitted.predict(at).mean()) - proposal.predicted
    first, second = joined.split(prior), {name: round(w, 4) for name, w in joined.split(proposal.weights).items()}
    confirmed = False
    if gain <= fitted.mean.error:
        sentence = (
            f"Nothing is proposed: the gain predicted over the prior, {gain:.4f} bits per byte, is no larger than the "
            f"error of the fit on mixes it has not seen, {fitted.mean.error:.4f}."
        )
    else:
        verdict = _confirm(settings, by, {_PRIOR: first, _PROPOSAL: second}, budget, out, say)
        sentence = verdict.pairs[0].sentence
        confirmed = verdict.pairs[0].primary.better == "second"
    chosen = second if confirmed else first
    mixture: dict[str, Any] = {"tokens": settings.tokens, "by": list(settings.by) if len(settings.by) > 1 else by}
    mixture["sources"] = {n: {"weight": w, "max_epochs": settings.max_epochs} for n, w in chosen.items() if w}
    found = Found(
        first,
        second if gain > fitted.mean.error else None,
        gain,
        fitted.mean.error,
        confirmed,
        sentence,
        mixture,
        out,
    )
    told = {key: value for key, value in dataclasses.asdict(found).items() if key != "folder"}
    told["trade_offs"] = [dataclasses.asdict(each) for each in proposal.trade_offs]
    write_atomically(out / "search.json", (json.dumps(told, indent=1) + "\n").encode())
    about = f"# {'The proposal' if confirmed else 'The prior'} of the search {settings.name}. {sentence}\n"
    write_atomically(out / "mixture.yaml", (about + write_document({"mixture": mixture})).encode())
    return found


def _confirm(
    settings: Search,
    by: str,
    weights: Mapping[str, Mapping[str, float]],
    budget: int,
    out: Path,
    say: Callable[[str], None],
) -> Verdict:
    """`curate validate` of the proposal and the prior, by seeds that no proxy of the search had."""
    seeds = settings.confirm.seeds
    tokens = seeds * (budget + settings.proxy.data.sequence_length)
    wanted = {f"{settings.name}-{name}": _mixture(by, each, tokens) for name, each in weights.items()}
    mixes = make_mixes(settings.run, wanted)
    say(f"the proposal against the prior: {seeds} seeds each")
    return validate(
        Validation(
            name=f"{settings.name}-confirm",
            mixes={name: str(mixes[f"{settings.name}-{name}"]) for name in weights},
            seeds=seeds,
            first_seed=settings.seed + 1,
            proxy=settings.proxy,
            evaluation=settings.evaluation,
            confidence=settings.confirm.confidence,
            baseline=_PRIOR,
            matters=settings.confirm.matters,
            devices=settings.devices,
            attempts=settings.attempts,
            out=str(out / "confirm"),
        ),
        say,
    )
