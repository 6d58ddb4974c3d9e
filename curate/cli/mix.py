"""The commands of mixtures: make one of a finished run, fit losses to weights, propose. Parse, call, print."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from curate.cli.arguments import add_data_format, add_run, shares
from curate.cli.console import MESSAGES, RESULTS, write_data
from curate.cli.mix_search import add_search, told_fit

if TYPE_CHECKING:
    from curate.config.mixture import Mixture
    from curate.mixture.fit import Fit
    from curate.mixture.results import Mixes


def add_commands(commands: Any) -> None:
    """Add `mix` to the command line's subparsers."""
    mix = commands.add_parser("mix", help="other mixtures of a finished run, and which would be better")
    actions = mix.add_subparsers(required=True, metavar="ACTION")
    plan = actions.add_parser("plan", help="what a mixture would hold, group by group, before anything is written")
    add_run(plan)
    _add_mixture(plan)
    add_data_format(plan)
    plan.set_defaults(call=_plan)
    make = actions.add_parser("make", help="another mixture from the run's tokens, in RUN/mixes/NAME")
    add_run(make)
    make.add_argument("--name", required=True, metavar="NAME", help="the mix's name")
    _add_mixture(make)
    add_data_format(make)
    make.add_argument("--materialise", action="store_true", help="write shards instead of an index")
    make.set_defaults(call=_make)
    fit = actions.add_parser("fit", help="fit losses to weights of mixes, and predict other mixes")
    fit.add_argument("mixtures", metavar="MIXTURES.csv", help="a row per trained mix, a column per group")
    fit.add_argument("losses", metavar="LOSSES.csv", help="its losses; the column both files share joins the rows")
    fit.add_argument(
        "--loss", required=True, metavar="PATTERN", help="loss columns: name, glob, part of a name, or regex"
    )
    fit.add_argument("--predict", metavar="OTHER.csv", help="mixes to predict")
    add_data_format(fit)
    fit.set_defaults(call=_fit)
    add_search(actions)


def _add_mixture(parser: argparse.ArgumentParser) -> None:
    """The arguments that say what a mixture is."""
    parser.add_argument(
        "--mixture", metavar="FILE", help="the mixture of this pipeline file, phases and all, instead of what follows"
    )
    parser.add_argument(
        "--weights",
        type=_weights,
        default={},
        metavar="A=.5,B=.5",
        help="share of tokens of each group, or a file of weights by cell",
    )
    parser.add_argument("--epochs", type=shares, default={}, metavar="A=2,B=1", help="or epochs of a group")
    parser.add_argument(
        "--max-epochs", type=shares, default={}, metavar="A=4", help="most epochs of a group with a weight"
    )
    parser.add_argument(
        "--by",
        default="source",
        metavar="COLUMN",
        help="source (default), domain, or a ledger column; several with commas are cells",
    )
    parser.add_argument("--temperature", type=float, metavar="T", help="weights by size to the power 1/T")
    parser.add_argument("--unimax", type=float, metavar="N", help="equal shares, and at most N epochs of a group")
    parser.add_argument(
        "--upsample",
        type=float,
        metavar="M",
        help="Dolma 3's curve: the last column of --by orders each group, its best bucket comes at most M times",
    )
    parser.add_argument(
        "--discard", type=float, metavar="SHARE", help="with --upsample: most tokens left out (default: .4)"
    )
    parser.add_argument(
        "--tokens", default="all", metavar="N", help="tokens of the mix, as 10B (default: all there are)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="order of the documents (default: the run's)")


def _weights(text: str) -> dict[str, float] | str:
    """Weights by name, or the path of a file of them."""
    return shares(text) if "=" in text else text


def _mixture(options: argparse.Namespace) -> Mixture:
    """The settings that the arguments say."""
    from curate.config.document import Document, validate
    from curate.config.mixture import Mixture
    from curate.config.reading import read_pipeline
    from curate.errors import ConfigError

    if options.mixture is not None:
        mixture = read_pipeline(options.mixture).pipeline.mixture
        if mixture is None:
            raise ConfigError(f"{options.mixture} has no mixture")
        return mixture
    from_file = isinstance(options.weights, str)
    given = {} if from_file else options.weights
    sources: dict[str, dict[str, float]] = {name: {"weight": value} for name, value in given.items()}
    for name, value in options.epochs.items():
        sources.setdefault(name, {})["epochs"] = value
    for name, value in options.max_epochs.items():
        sources.setdefault(name, {})["max_epochs"] = value
    settings: dict[str, Any] = {
        "tokens": options.tokens,
        "by": options.by.split(","),
        "temperature": options.temperature,
        "unimax": options.unimax,
        "sources": sources,
    }
    if from_file:
        settings["weights"] = options.weights
    if options.upsample is not None:
        settings["upsample"] = {"most": options.upsample}
        settings["upsample"] |= {} if options.discard is None else {"discard": options.discard}
    return validate(Document(Path("mix"), settings), Mixture)


def _plan(options: argparse.Namespace) -> int:
    from curate.mixture.make import plan_mix

    return _tell(options, plan_mix(options.run, _mixture(options), seed=options.seed).statement())


def _make(options: argparse.Namespace) -> int:
    from curate.engine.mirror import place_of
    from curate.mixture.make import make_mix
    from curate.shards import ShardReader

    folder = make_mix(options.run, options.name, _mixture(options), seed=options.seed, materialise=options.materialise)
    status = _tell(options, ShardReader(folder).manifest["mixture"])
    place = f"{place_of(folder.parents[1])}/mixes/{options.name}"
    (RESULTS if options.format == "table" else MESSAGES).print(f"Mix: {place}")
    return status


def _tell(options: argparse.Namespace, mixture: Mapping[str, Any]) -> int:
    """A mixture's statement, to people or to programs: as CSV a row of each group, of each phase and of all together."""
    if options.format == "table":
        _show(mixture)
        return 0
    columns = ("phase", "group", "tokens", "asked_share", "share", "epochs", "available_tokens")
    parts = [*((phase["name"], phase["groups"]) for phase in mixture.get("phases", ())), ("", mixture["groups"])]
    rows = [
        (phase, name, *(group[column] for column in columns[2:]))
        for phase, groups in parts
        for name, group in groups.items()
    ]
    return write_data(options.format, mixture, columns, rows)


def _show(mixture: Mapping[str, Any]) -> None:
    """A mixture's statement as tables, one of each phase, and what is missing."""
    for phase in mixture.get("phases", ()):
        length = f", sequences of {phase['sequence_length']:,}" if phase["sequence_length"] else ""
        slope = ", shares move to these" if phase["schedule"] == "linear" else ""
        RESULTS.print(
            f"{phase['name']}: {phase['tokens']:,} tokens, {phase['share']:.1%} of the mixture{length}{slope}"
        )
        _show_groups(phase["groups"])
    if "phases" in mixture:
        RESULTS.print(f"all phases: {mixture['tokens']:,} tokens")
    _show_groups(mixture["groups"])
    if mixture["missing_tokens"]:
        RESULTS.print(f"{mixture['missing_tokens']:,} tokens are missing: every group is at its most epochs.")


def _show_groups(groups: Mapping[str, Mapping[str, Any]]) -> None:
    table = Table("group", "tokens", "asked", "share", "epochs", "available")
    for name, group in groups.items():
        numbers = (
            f"{group['tokens']:,}",
            "" if group["asked_share"] is None else f"{group['asked_share']:.2%}",
            f"{group['share']:.2%}",
            f"{group['epochs']:.3f}",
            f"{group['available_tokens']:,}",
        )
        table.add_row(name, *numbers)
    RESULTS.print(table)


def _fit(options: argparse.Namespace) -> int:
    from curate.mixture.fit import CONFIDENCE, fit
    from curate.mixture.results import read_csv, read_mixes

    results = read_csv(options.mixtures, options.losses, options.loss)
    others = read_mixes(options.predict, results.groups) if options.predict else None
    found = fit(results.groups, results.weights, results.losses, results.names)
    predicted = _predictions(found, others) if others else []
    if options.format != "table":
        told: dict[str, Any] = {
            **told_fit(found.mean),
            "runs": len(results.weights),
            "groups": list(results.groups),
            "confidence": CONFIDENCE,
            "losses": [told_fit(each) for each in found.chosen],
            "predictions": predicted,
        }
        columns = ("loss", "model", "cv_error", "cv_spearman", "interval", "coverage")
        return write_data(options.format, told, columns, [[each[name] for name in columns] for each in told["losses"]])
    table = Table("loss", "model", "error", "rank correlation", f"{CONFIDENCE:.0%} interval", "coverage")
    rows = found.chosen if len(found.chosen) == 1 else (*found.chosen, found.mean)
    for each in rows:
        table.add_row(
            each.loss,
            each.model if len(each.models) == 1 else f"{each.model} of {', '.join(each.models)}",
            f"{each.error:.4f}",
            f"{each.spearman:.3f}",
            f"± {each.half_width:.4f}",
            f"{each.coverage:.1%}",
        )
    RESULTS.print(table)
    RESULTS.print(f"{len(results.weights)} runs; errors and correlations are of runs that the fit had not seen.")
    if predicted:
        table = Table("mix", "predicted", "low", "high")
        for row in sorted(predicted, key=lambda row: row["predicted"]):
            table.add_row(row["key"], *(f"{row[name]:.4f}" for name in ("predicted", "low", "high")))
        RESULTS.print(table)
    return 0


def _predictions(found: Fit, others: Mixes) -> list[dict[str, Any]]:
    """A row per mix in the file's order: the mean of the losses with its interval, and each loss where there are several."""
    columns = found.predict(others.weights)
    rows = []
    for key, values in zip(others.keys, columns, strict=True):
        mean, half = float(values.mean()), found.mean.half_width
        row: dict[str, Any] = {"key": key, "predicted": mean, "low": mean - half, "high": mean + half}
        if len(found.chosen) > 1:
            row["losses"] = {each.loss: float(value) for each, value in zip(found.chosen, values, strict=True)}
        rows.append(row)
    return rows
