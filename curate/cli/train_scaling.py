"""`curate scaling`: laws fitted to runs, and plans of trainings. Parse, call, print."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
from typing import Any

from curate.cli.arguments import add_number
from curate.cli.console import RESULTS, write
from curate.errors import ConfigError


def add_scaling(commands: Any) -> None:
    """Add `scaling` to the command line's subparsers."""
    scaling = commands.add_parser("scaling", help="scaling laws").add_subparsers(required=True, metavar="ACTION")
    fit = scaling.add_parser("fit", help="fit Chinchilla's and Kaplan's laws to runs")
    _add_runs(fit)
    fit.add_argument("--format", choices=("table", "json"), default="table", help="how to show it (default: table)")
    fit.set_defaults(call=_scaling_fit)
    plan = scaling.add_parser("plan", help="the best model and number of tokens for a compute budget")
    plan.add_argument("runs", nargs="?", metavar="FILE", help="runs to fit the law to (default: the published law)")
    plan.add_argument("--flops", type=float, required=True, help="training compute, 6 N D")
    plan.add_argument("--batch", type=float, default=2**20, metavar="N", help="tokens of a step (default: 1048576)")
    add_number(plan, "--devices", 1, "devices")
    plan.add_argument(
        "--peak", type=float, default=312e12, metavar="X", help="FLOP/s of one (default: an A100's, 312e12)"
    )
    plan.add_argument("--utilisation", type=float, default=0.45, metavar="X", help="share of it used (default: 0.45)")
    plan.add_argument("--price", type=float, default=0.0, metavar="X", help="of a device for an hour")
    plan.add_argument("--used", type=float, metavar="N", help="tokens that the model will be used on")
    plan.add_argument("--unique", type=float, metavar="N", help="different tokens there are")
    plan.add_argument("--format", choices=("table", "json"), default="table", help="how to show it (default: table)")
    plan.set_defaults(call=_scaling_plan)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="FILE", help="CSV or JSON Lines: parameters, tokens and loss of trained models")


def _scaling_fit(options: argparse.Namespace) -> int:
    from curate.trainer.compare.scaling import fit_chinchilla, fit_kaplan, read_runs

    runs = read_runs(_run_rows(options.runs))
    law, other = fit_chinchilla(runs), fit_kaplan(runs)
    if options.format == "json":
        told = {"chinchilla": dataclasses.asdict(law), "kaplan": dataclasses.asdict(other), "runs": len(runs)}
        write(json.dumps(told, indent=1) + "\n")
        return 0
    RESULTS.print(
        f"Chinchilla  L = {law.E:.4f} + {law.A:.4g} / N^{law.a:.4f} + {law.B:.4g} / D^{law.b:.4f}   error {law.error:.2%}"
    )
    RESULTS.print(
        f"Kaplan      L = (({other.Nc:.3g} / N)^({other.aN:.4f} / {other.aD:.4f}) + {other.Dc:.3g} / D)^{other.aD:.4f}"
        f"   error {other.error:.2%}"
    )
    return 0


def _scaling_plan(options: argparse.Namespace) -> int:
    from curate.trainer.compare.plan import PUBLISHED, cost, effective_tokens, with_inference
    from curate.trainer.compare.scaling import fit_chinchilla, read_runs

    if min(options.flops, options.used or 1, options.unique or 1) <= 0:
        raise ConfigError("--flops, --used and --unique must be above 0")
    law = fit_chinchilla(read_runs(_run_rows(options.runs))) if options.runs else PUBLISHED["besiroglu"]
    parameters, tokens = law.best(options.flops)
    found = cost(
        parameters,
        tokens,
        batch=options.batch,
        devices=options.devices,
        peak=options.peak,
        utilisation=options.utilisation,
        price=options.price,
    )
    told: dict[str, Any] = {**dataclasses.asdict(found), "loss": law.loss(parameters, tokens)}
    if options.used:
        smaller, longer = with_inference(law, parameters, tokens, options.used)
        told["with_inference"] = {"parameters": smaller, "tokens": longer}
    if options.unique:
        told["effective_tokens"] = effective_tokens(tokens, options.unique)
    if options.format == "json":
        write(json.dumps(told, indent=1) + "\n")
        return 0
    RESULTS.print(
        f"{options.flops:.3g} FLOP: {parameters:.3g} parameters, {tokens:.3g} tokens "
        f"({tokens / parameters:.0f} per parameter), loss {told['loss']:.4f}"
    )
    RESULTS.print(
        f"{found.steps:,.0f} steps, {found.days:,.1f} days on {options.devices:,} devices, cost {found.money:,.0f}; weights "
        f"{found.weight_bytes / 1e9:,.1f} GB, with gradients and optimiser {found.training_bytes / 1e9:,.1f} GB"
    )
    if options.used:
        RESULTS.print(f"Of the same loss and least compute with use: {smaller:.3g} parameters, {longer:.3g} tokens")
    if options.unique:
        RESULTS.print(f"{tokens / options.unique:.1f} epochs, worth {told['effective_tokens']:.3g} fresh tokens")
    return 0


def _run_rows(path: str) -> list[dict[str, Any]]:
    """The rows of a CSV or JSON Lines file."""
    from curate.trainer.evaluate.tasks import read_lines

    if path.endswith(".csv"):
        with open(path, newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    try:
        return list(read_lines(path))
    except ValueError as error:
        raise ConfigError(f"{path}: neither JSON Lines nor named .csv ({error})") from None
