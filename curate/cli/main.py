"""The `curate` command: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from curate.cli import audit as cli_audit
from curate.cli import build as cli_build
from curate.cli import mix as cli_mix
from curate.cli import quality as cli_quality
from curate.cli import run as cli_run
from curate.cli import train as cli_train
from curate.cli.arguments import add_number, add_pipeline
from curate.cli.console import RESULTS, guarded, remark, write
from curate.cli.help import Parser
from curate.errors import DISTRIBUTION

if TYPE_CHECKING:
    pass

SHOWN_AS = "how to show it (default: table)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["help"]:  # `curate help COMMAND`, as git and docker have it
        given = [*given[1:], "--help"]
    options = _parser().parse_args(given)
    return guarded(lambda: int(options.call(options)))


class _Version(argparse.Action):
    """Prints the version; looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *arguments: object, **options: object) -> NoReturn:
        from importlib.metadata import version

        write(f"curate {version(DISTRIBUTION)}\n")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="curate", description="Turn raw web crawls into audited pre-training data.")
    parser.add_argument("--version", action=_Version, nargs=0, help="which version this is")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    cli_run.add_run_command(commands)

    start = commands.add_parser("init", help="write a first pipeline file, and a small sample to run it on")
    start.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="a bundled recipe to begin with; see `curate recipes list`"
    )
    start.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="FILES",
        help="files of your own, as a quoted pattern; SOURCE=FILES for another source than the first",
    )
    start.add_argument("--dir", default=".", metavar="DIR", help="folder to write into (default: this one)")
    start.add_argument("--replace", action="store_true", help="write over a pipeline file that is there")
    start.set_defaults(call=_init)

    attempt = commands.add_parser("try", help="run a hundred records and show what every step does; writes nothing")
    add_pipeline(attempt)
    add_number(attempt, "--limit", 100, "records of each source, the first of them")
    attempt.add_argument("--sampled", action="store_true", help="a seeded sample of the source instead of the first")
    add_number(attempt, "--examples", 2, "records shown of each rule's failures")
    attempt.set_defaults(call=_try)

    check = commands.add_parser("check", help="validate a pipeline and show what it would do; run nothing")
    add_pipeline(check)
    check.set_defaults(call=_check)

    cli_run.add_status_command(commands)

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

    complete = commands.add_parser("completion", help="a script by which a shell completes commands and options")
    complete.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")
    complete.set_defaults(call=_completion)

    cli_audit.add_commands(commands)
    cli_mix.add_commands(commands)
    cli_build.add_commands(commands)
    cli_quality.add_commands(commands)
    cli_train.add_commands(commands)
    return parser


def _init(options: argparse.Namespace) -> int:
    from curate.pipeline.start import start

    made = start(Path(options.dir), options.recipe, options.data, options.replace)
    RESULTS.print(f"wrote {made.file}" + (" and a small sample beside it" if made.sample else ""))
    for name, found in made.looked.items():
        told = ", ".join(f"{key}: {value}" for key, value in found.read_keys().items() if key != "metadata")
        more = f"; carried along: {', '.join(found.others)}" if found.others else ""
        RESULTS.print(f"  {name}: {told}{more}")
    file = shlex.quote(str(made.file))
    RESULTS.print("\nNext:")
    RESULTS.print(f"  curate try {file}    a hundred records through every step, nothing written")
    RESULTS.print(f"  curate run {file}    all of them")
    return 0


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


def _completion(options: argparse.Namespace) -> int:
    from curate.cli.completion import completion

    write(completion(options.shell, _parser()))
    return 0


def _schema(options: argparse.Namespace) -> int:
    from curate.config.schema import pipeline_schema

    write(json.dumps(pipeline_schema(), indent=2) + "\n")
    return 0
