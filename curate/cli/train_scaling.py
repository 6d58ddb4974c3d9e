"""`curate scaling`: laws fitted to runs, and plans of trainings. Parse, call, print."""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.cli.arguments import add_data_format, add_number, natural
from curate.cli.console import RESULTS, write_data
from curate.errors import ConfigError

if TYPE_CHECKING:
    from curate.trainer.compare.scaling import Chinchilla

_COLUMNS = ("quantity", "value", "low", "high")
_INTERVALS = "intervals"


def add_scaling(commands: Any) -> None:
    """Add `scaling` to the command line's subparsers."""
    scaling = commands.add_parser("scaling", help="scaling laws").add_subparsers(required=True, metavar="ACTION")
    fit = scaling.add_parser("fit", help="fit Chinchilla's and Kaplan's laws to runs")
    _add_runs(fit)
    fit.add_argument("--bootstrap", type=natural, metavar="N", help="intervals from N draws of the runs, 200 or so")
    fit.add_argument("--isoflop", action="store_true", help="minima of runs of equal compute, and the law through them")
    fit.add_argument("--flops", type=float, metavar="C", help="with these: the best model for this compute")
    fit.add_argument("--svg", metavar="FILE", help="draw the runs and the law")
    add_data_format(fit)
    fit.set_defaults(call=_scaling_fit)
    plan = scaling.add_parser("plan", help="the best model and number of tokens for a compute budget")
    plan.add_argument("runs", nargs="?", metavar="FILE", help="runs to fit the law to (default: the published law)")
    plan.add_argument(
        "--flops", type=float, metavar="C", help="training compute, 6 N D; or give the model and its tokens"
    )
    plan.add_argument("--parameters", type=float, metavar="N", help="of the model; with --flops or --trained")
    plan.add_argument("--model", metavar="PRESET", help="a preset's parameters and memory, as gpt3-175b, llama3-8b")
    plan.add_argument(
        "--trained", type=float, metavar="D", help="tokens it is trained on; with --parameters or --model"
    )
    add_number(plan, "--length", 2048, "with --model: tokens of a sequence")
    add_number(plan, "--stage", None, "ZeRO's stage, 1 to 3: what devices share of weights, gradients, optimiser")
    plan.add_argument("--batch", type=float, default=2**20, metavar="N", help="tokens of a step (default: 1048576)")
    add_number(plan, "--devices", 1, "devices")
    plan.add_argument(
        "--peak", type=float, default=312e12, metavar="X", help="FLOP/s of one (default: an A100's, 312e12)"
    )
    plan.add_argument("--utilisation", type=float, default=0.45, metavar="X", help="share of it used (default: 0.45)")
    plan.add_argument("--price", type=float, default=0.0, metavar="X", help="of a device for an hour")
    plan.add_argument("--used", type=float, metavar="N", help="tokens that the model will be used on")
    plan.add_argument("--unique", type=float, metavar="N", help="different tokens there are")
    add_data_format(plan)
    plan.set_defaults(call=_scaling_plan)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="FILE", help="CSV or JSON Lines: parameters, tokens and loss of trained models")


def _scaling_fit(options: argparse.Namespace) -> int:
    from curate.trainer.compare.scaling import fit_chinchilla, fit_kaplan, read_runs
    from curate.trainer.compare.scaling_intervals import bootstrap, isoflop

    runs = read_runs(_run_rows(options.runs))
    law, other = fit_chinchilla(runs), fit_kaplan(runs)
    told: dict[str, Any] = {
        "chinchilla": dataclasses.asdict(law),
        "kaplan": dataclasses.asdict(other),
        "runs": len(runs),
    }
    equal = isoflop(runs) if options.isoflop else None
    if options.flops:
        parameters, tokens = law.best(options.flops)
        told["best"] = {"parameters": parameters, "tokens": tokens, "loss": law.loss(parameters, tokens)}
    if options.bootstrap:
        drawn = bootstrap(law, runs, options.bootstrap, options.flops)
        told["intervals"] = {name: [each.low, each.high] for name, each in drawn.items()}
    if equal is not None:
        told["isoflop"] = dataclasses.asdict(equal)
    if options.svg:
        from curate.trainer.compare.scaling_plot import scaling_svg

        Path(options.svg).write_text(scaling_svg(runs, law, equal))
    if options.format != "table":
        return write_data(options.format, told, _COLUMNS, _flat(told))
    RESULTS.print(
        f"Chinchilla  L = {law.E:.4f} + {law.A:.4g} / N^{law.a:.4f} + {law.B:.4g} / D^{law.b:.4f}   error {law.error:.2%}"
    )
    RESULTS.print(
        f"Kaplan      L = (({other.Nc:.3g} / N)^({other.aN:.4f} / {other.aD:.4f}) + {other.Dc:.3g} / D)^{other.aD:.4f}"
        f"   error {other.error:.2%}"
    )
    for name, (low, high) in told.get("intervals", {}).items():
        RESULTS.print(f"{name:16} 95 % of the bootstrap: {low:.4g} to {high:.4g}")
    if equal is not None:
        RESULTS.print(
            f"IsoFLOP     N = {equal.coefficient:.4g} C^{equal.exponent:.4f}, of {len(equal.budgets)} budgets"
        )
    if options.flops:
        best = told["best"]
        RESULTS.print(
            f"Best for {options.flops:.3g} FLOP: {best['parameters']:.3g} parameters, {best['tokens']:.3g} tokens"
        )
    return 0


def _flat(told: Mapping[str, Any], above: str = "") -> Iterator[tuple[Any, ...]]:
    """Rows under _COLUMNS, a quantity's name the keys that lead to it; an interval stands beside its quantity, or alone."""
    intervals = dict(told.get(_INTERVALS, {}))
    for key, value in told.items():
        name = f"{above}{key}"
        if key == _INTERVALS:
            continue
        if key == "chinchilla":
            for number, found in value.items():
                yield f"{name}.{number}", found, *intervals.pop(number, (None, None))
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        elif isinstance(value, list | tuple):
            yield from _flat({str(place): each for place, each in enumerate(value)}, f"{name}.")
        else:
            yield name, value, None, None
    for name, (low, high) in intervals.items():
        yield f"{above}{name}", None, low, high


def _asked(options: argparse.Namespace, law: Chinchilla) -> tuple[float, float]:
    """(parameters, tokens) of the training to plan."""
    from curate.trainer.model.architecture import active_parameters
    from curate.trainer.model.presets import PRESETS

    if options.model is not None and options.model not in PRESETS:
        raise ConfigError(f"--model: no preset {options.model!r}; there are {', '.join(PRESETS)}")
    given = [options.flops, options.parameters, options.trained, options.used, options.unique]
    if min(each or 1 for each in given) <= 0 or 0 in given:
        raise ConfigError("--flops, --parameters, --trained, --used and --unique must be above 0")
    size = options.parameters or (active_parameters(PRESETS[options.model].shape) if options.model else None)
    if size is not None and options.trained and not options.flops:
        return float(size), options.trained
    if options.flops and not options.trained:
        return (float(size), options.flops / (6 * size)) if size is not None else law.best(options.flops)
    raise ConfigError("give --flops, or --trained with --parameters or --model, or --flops with one of these")


def _scaling_plan(options: argparse.Namespace) -> int:
    from curate.trainer.compare.memory import activation_bytes, kv_cache_bytes, training_bytes
    from curate.trainer.compare.plan import PUBLISHED, cost, data_constrained_loss, effective_tokens, with_inference
    from curate.trainer.compare.scaling import fit_chinchilla, read_runs
    from curate.trainer.model.architecture import count_parameters
    from curate.trainer.model.presets import PRESETS

    law = fit_chinchilla(read_runs(_run_rows(options.runs))) if options.runs else PUBLISHED["besiroglu"]
    parameters, tokens = _asked(options, law)
    held = parameters
    if options.model and not options.parameters:
        held = float(count_parameters(PRESETS[options.model].shape))
    found = cost(
        parameters,
        tokens,
        batch=options.batch,
        devices=options.devices,
        peak=options.peak,
        utilisation=options.utilisation,
        price=options.price,
        held=held,
    )
    told: dict[str, Any] = {**dataclasses.asdict(found), "loss": law.loss(parameters, tokens)}
    if options.stage:
        told["device_bytes"] = training_bytes(held, options.devices, options.stage)
    if options.model:
        shape = PRESETS[options.model].shape
        told["kv_cache_bytes_per_token"] = kv_cache_bytes(shape)
        told["activation_bytes_per_sequence"] = activation_bytes(shape, 1, options.length)
    if options.used:
        smaller, longer = with_inference(law, parameters, tokens, options.used)
        told["with_inference"] = {"parameters": smaller, "tokens": longer}
    if options.unique:
        told["effective_tokens"] = effective_tokens(tokens, options.unique)
        told["data_constrained_loss"] = data_constrained_loss(parameters, tokens, options.unique)
    if options.format != "table":
        return write_data(options.format, told, _COLUMNS, _flat(told))
    RESULTS.print(
        f"{found.flops:.3g} FLOP: {parameters:.3g} parameters, {tokens:.3g} tokens "
        f"({tokens / parameters:.0f} per parameter), loss {told['loss']:.4f}"
    )
    RESULTS.print(
        f"{found.steps:,.0f} steps, {found.days:,.1f} days on {options.devices:,} devices, cost {found.money:,.0f}; weights "
        f"{found.weight_bytes / 1e9:,.1f} GB, with gradients and optimiser {found.training_bytes / 1e9:,.1f} GB"
    )
    if options.stage:
        RESULTS.print(f"ZeRO's stage {options.stage}: {told['device_bytes'] / 1e9:,.1f} GB of these on each device")
    if options.model:
        RESULTS.print(
            f"A sequence of {options.length:,} tokens: activations {told['activation_bytes_per_sequence'] / 1e9:,.2f} GB "
            f"with flash attention, keys and values in use {told['kv_cache_bytes_per_token'] * options.length / 1e9:,.2f} GB"
        )
    if options.used:
        RESULTS.print(f"Of the same loss and least compute with use: {smaller:.3g} parameters, {longer:.3g} tokens")
    if options.unique:
        RESULTS.print(
            f"{tokens / options.unique:.1f} epochs, worth {told['effective_tokens']:.3g} fresh tokens; by the law of "
            f"repeated data, loss {told['data_constrained_loss']:.4f}"
        )
    return 0


def _run_rows(path: str) -> list[dict[str, Any]]:
    """The rows of a CSV or JSON Lines file."""
    from curate.trainer.evaluate.rows import read_lines

    if path.endswith(".csv"):
        with open(path, newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    try:
        return list(read_lines(path))
    except ValueError as error:
        raise ConfigError(f"{path}: neither JSON Lines nor named .csv ({error})") from None
