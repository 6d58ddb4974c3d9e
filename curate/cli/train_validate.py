"""`curate validate`: a comparison of mixes, or with `--plan` what it would cost and could show. Parse, call, print."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from rich.table import Table

from curate.cli.arguments import add_set
from curate.cli.console import MESSAGES, RESULTS, write

if TYPE_CHECKING:
    from curate.trainer.compare.settings import Validation
    from curate.trainer.compare.validation_plan import Choice, ValidationPlan


def add_validate(commands: Any) -> None:
    """Add `validate` to the command line's subparsers."""
    validate = commands.add_parser(
        "validate", help="train a proxy per mix and seed, or at several sizes, and say which mix is better"
    )
    validate.add_argument("file", metavar="FILE", help="validation file, such as examples/validate.yaml")
    add_set(validate, "change a value of the file")
    validate.add_argument("--plan", action="store_true", help="say what it would cost and could show; train nothing")
    validate.add_argument(
        "--noise",
        metavar="X",
        help="with --plan: deviation of a proxy in bits per byte, or the verdict.json of an earlier comparison",
    )
    validate.add_argument(
        "--peak",
        type=float,
        default=989e12,
        metavar="X",
        help="with --plan: FLOP/s of one (default: an H100's, 989e12)",
    )
    validate.add_argument(
        "--utilisation", type=float, default=0.3, metavar="X", help="with --plan: share of it used (default: 0.3)"
    )
    validate.add_argument("--price", type=float, default=0.0, metavar="X", help="with --plan: of a device for an hour")
    validate.add_argument(
        "--format", choices=("table", "json"), default="table", help="how to show it (default: table)"
    )
    validate.set_defaults(call=_validate)


def _validate(options: argparse.Namespace) -> int:
    from curate.trainer.compare.proxies import output_folder
    from curate.trainer.compare.validate import read_validation, validate

    settings = read_validation(options.file, options.set)
    if options.plan:
        return _plan(options, settings)
    if settings.sizes:
        return _climb(options, settings)
    verdict = validate(settings, say=MESSAGES.print)
    if options.format == "json":
        write(verdict.to_json())
        return 0
    for pair in verdict.pairs:
        RESULTS.print(pair.sentence)
    for each in verdict.stopped:
        RESULTS.print(each.sentence)
    RESULTS.print(f"\nVerdict: {output_folder(settings) / 'verdict.html'}")
    return 0


def _climb(options: argparse.Namespace, settings: Validation) -> int:
    """Every size of a ladder."""
    from curate.trainer.compare.proxies import output_folder
    from curate.trainer.compare.validate import validate_sizes

    ladder = validate_sizes(settings, say=MESSAGES.print)
    if options.format == "json":
        write(json.dumps(dataclasses.asdict(ladder), indent=1) + "\n")
        return 0
    for sentence in ladder.sentences:
        RESULTS.print(sentence)
    RESULTS.print(f"\nSizes: {output_folder(settings) / 'ladder.md'}")
    return 0


def _plan(options: argparse.Namespace, settings: Validation) -> int:
    """What the comparison, or each size of a ladder, would cost and could show."""
    from curate.trainer.compare.validation_plan import Device, plan_validation, read_noise

    device = Device(options.peak, options.utilisation, options.price)
    noise = None if options.noise is None else read_noise(options.noise)
    sizes = settings.by_size() or {"": settings}
    plans = {name: plan_validation(size, device, noise) for name, size in sizes.items()}
    if options.format == "json":
        told = {name: dataclasses.asdict(plan) for name, plan in plans.items()}
        write(json.dumps(told if settings.sizes else told[""], indent=1) + "\n")
        return 0
    for name, plan in plans.items():
        if name:
            RESULTS.print(f"Size {name}:")
        _show_plan(plan, settings.matters)
    if settings.sizes:
        RESULTS.print(f"All sizes: {sum(plan.chosen.hours for plan in plans.values()):,.2f} device hours.")
    return 0


def _show_plan(plan: ValidationPlan, matters: float | None) -> None:
    each = "as long as the budget says" if plan.tokens is None else f"{plan.tokens:,} tokens each"
    RESULTS.print(f"{plan.mixes} mixes, proxies of {plan.parameters:,} parameters, {each}")
    table = Table("seeds", "proxies", "FLOP", "device hours", "cost", "disk", "shows of one pair", "shows of all")
    for choice in sorted((plan.chosen, *plan.others), key=lambda choice: choice.seeds):
        table.add_row(*_cells(choice, chosen=choice is plan.chosen))
    RESULTS.print(table)
    RESULTS.print(
        "* the file's seeds. Shown: the smallest difference in bits per byte that is found four times in five."
    )
    if matters is not None and plan.noise is not None:
        RESULTS.print(
            f"A difference of {matters} is shown with {plan.seeds_for_matters} seeds."
            if plan.seeds_for_matters
            else f"No number of seeds up to 200 shows a difference of {matters}: train longer, or larger proxies."
        )
    for note in plan.notes:
        RESULTS.print(note)


def _cells(choice: Choice, *, chosen: bool) -> tuple[str, ...]:
    return (
        f"{choice.seeds}{' *' if chosen else ''}",
        str(choice.proxies),
        "-" if choice.flops is None else f"{choice.flops:.2e}",
        f"{choice.hours:,.2f}",
        f"{choice.money:,.2f}",
        f"{choice.disk_bytes / 1e9:,.1f} GB",
        "-" if choice.one_pair is None else f"{choice.one_pair:.4f}",
        "-" if choice.together is None else f"{choice.together:.4f}",
    )
