"""The `curate` command: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from curate.cli import audit as cli_audit
from curate.cli import build as cli_build
from curate.cli import mix as cli_mix
from curate.cli import quality as cli_quality
from curate.cli import train as cli_train
from curate.cli.arguments import add_number, add_pipeline, add_run
from curate.cli.console import MESSAGES, RESULTS, complain, guarded, remark, write
from curate.errors import MISSED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    return guarded(lambda: int(options.call(options)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="curate", description="Turn raw web crawls into audited pre-training data.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a pipeline; what is done already is skipped")
    add_pipeline(run)
    run.add_argument("--out", metavar="DIR", help="run directory (default: runs/NAME)")
    add_number(run, "--workers", None, "tasks at once (default: every core)")
    run.add_argument("--address", metavar="RAY", help="address of an existing Ray cluster")
    few = run.add_mutually_exclusive_group()
    add_number(few, "--limit", None, "read the first N records of each source only, into runs/NAME-limited")
    add_number(few, "--sample", None, "read a seeded sample of N records of each source only")
    run.add_argument("--until", metavar="STEP", help="stop after a step and keep its documents as Parquet")
    run.add_argument("--replace", action="store_true", help="write where other files, or another pipeline's run, are")
    run.add_argument("--engine", choices=("ray", "serial"), default="ray", help="Ray tasks, or all in this process")
    run.set_defaults(call=_run)

    attempt = commands.add_parser("try", help="run a hundred records and show what every step does; writes nothing")
    add_pipeline(attempt)
    add_number(attempt, "--limit", 100, "records of each source, the first of them")
    attempt.add_argument("--sampled", action="store_true", help="a seeded sample of the source instead of the first")
    add_number(attempt, "--examples", 2, "records shown of each rule's failures")
    attempt.set_defaults(call=_try)

    check = commands.add_parser("check", help="validate a pipeline and show what it would do; run nothing")
    add_pipeline(check)
    check.set_defaults(call=_check)

    status = commands.add_parser("status", help="how far a run is")
    add_run(status)
    status.add_argument("--watch", action="store_true", help="go on showing it until the run ends")
    status.set_defaults(call=_status)

    packs = commands.add_parser("filters", help="the packs of published rules")
    filters = packs.add_subparsers(required=True, metavar="ACTION")
    filters.add_parser("list", help="packs, rules, bounds, citations").set_defaults(call=_list_filters)
    show = filters.add_parser("show", help="one pack, whole")
    show.add_argument("pack", metavar="PACK", help="a pack's name or path")
    show.set_defaults(call=_show_filter)

    steps = commands.add_parser("steps", help="the steps that a pipeline can have").add_subparsers(
        required=True, metavar="ACTION"
    )
    steps.add_parser("list", help="every step, a line each").set_defaults(call=_list_steps)
    show = steps.add_parser("show", help="one step: an example, and every key with its default")
    show.add_argument("step", metavar="STEP", help="a step's name")
    show.set_defaults(call=_show_step)

    recipes = commands.add_parser("recipes", help="the bundled pipelines").add_subparsers(
        required=True, metavar="ACTION"
    )
    recipes.add_parser("list", help="every recipe, a line each").set_defaults(call=_list_recipes)
    show = recipes.add_parser("show", help="one recipe's file")
    show.add_argument("recipe", metavar="RECIPE", help="a recipe's name")
    show.set_defaults(call=_show_recipe)

    schema = commands.add_parser("schema", help="JSON Schema of pipeline files, for editors")
    schema.set_defaults(call=_schema)

    cli_audit.add_commands(commands)
    cli_mix.add_commands(commands)
    cli_build.add_commands(commands)
    cli_quality.add_commands(commands)
    cli_train.add_commands(commands)
    return parser


def _run(options: argparse.Namespace) -> int:
    from curate.cli.funnel import print_funnel
    from curate.config.bundled import find_recipe
    from curate.pipeline.run import run

    result = run(
        find_recipe(options.pipeline),
        options.set,
        options.out,
        workers=options.workers,
        address=options.address,
        engine=options.engine,
        until=options.until,
        replace=options.replace,
        limit=options.limit,
        sample=options.sample,
        console=MESSAGES,
    )
    print_funnel(RESULTS, result.stats)
    RESULTS.print(f"\nRun directory: {result.path}")
    found = [
        each
        for each in result.stats.get("findings", [])
        if not (each["kind"] == "nothing-kept" and options.until == "read")  # nothing was to be kept
    ]
    for each in found:
        (complain if each["missed"] else remark)(each["says"])
    return MISSED if any(each["missed"] for each in found) else 0


def _try(options: argparse.Namespace) -> int:
    from curate.cli.funnel import print_effects, print_funnel
    from curate.config.bundled import find_recipe
    from curate.pipeline.attempt import attempt

    made = attempt(
        find_recipe(options.pipeline), options.set, options.limit, sampled=options.sampled, examples=options.examples
    )
    print_funnel(RESULTS, made.stats)
    print_effects(RESULTS, made)
    return 0


def _check(options: argparse.Namespace) -> int:
    from curate.config.bundled import find_recipe
    from curate.config.reading import read_pipeline
    from curate.config.step_params import foreign_code
    from curate.pipeline.check import check_inputs, doubts
    from curate.pipeline.describe import describe
    from curate.pipeline.inputs import find_inputs
    from curate.pipeline.run import check_steps

    file = read_pipeline(find_recipe(options.pipeline), options.set)
    inputs = find_inputs(file)
    check_inputs(file, inputs)
    check_steps(file, inputs)
    RESULTS.print(describe(file.pipeline, inputs))
    own = foreign_code(file.pipeline)
    if own:
        RESULTS.print(f"  your own code, which a run executes: {', '.join(own)}")
    for each in doubts(file.pipeline):
        remark(each)
    return 0


def _status(options: argparse.Namespace) -> int:
    from curate.engine.progress import describe_progress, watch_progress

    if options.watch:
        watch_progress(Path(options.run), RESULTS)
    else:
        RESULTS.print(describe_progress(Path(options.run)))
    return 0


def _list_filters(options: argparse.Namespace) -> int:
    from curate.filters.catalogue import list_packs

    write(list_packs().rstrip() + "\n")
    return 0


def _show_filter(options: argparse.Namespace) -> int:
    from curate.filters.catalogue import show_pack

    write(show_pack(options.pack).rstrip() + "\n")
    return 0


def _list_steps(options: argparse.Namespace) -> int:
    from curate.config.reference import list_steps

    write(list_steps() + "\n")
    return 0


def _show_step(options: argparse.Namespace) -> int:
    from curate.config.reference import show_step

    write(show_step(options.step) + "\n")
    return 0


def _list_recipes(options: argparse.Namespace) -> int:
    from curate.config.reference import list_recipes

    write(list_recipes() + "\n")
    return 0


def _show_recipe(options: argparse.Namespace) -> int:
    from curate.config.reference import show_recipe

    write(show_recipe(options.recipe))
    return 0


def _schema(options: argparse.Namespace) -> int:
    from curate.config.models import Pipeline

    write(json.dumps(Pipeline.model_json_schema(by_alias=True), indent=2) + "\n")
    return 0
