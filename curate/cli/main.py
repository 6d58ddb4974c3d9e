"""The `curate` command: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from curate.cli import audit as cli_audit
from curate.cli import build as cli_build
from curate.cli import catalogue as cli_catalogue
from curate.cli import mix as cli_mix
from curate.cli import quality as cli_quality
from curate.cli import run as cli_run
from curate.cli import train as cli_train
from curate.cli.arguments import add_data_format, add_number, add_pipeline
from curate.cli.console import MESSAGES, RESULTS, complain, guarded, remark, write, write_data
from curate.cli.help import Parser
from curate.errors import DISTRIBUTION


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
    attempt.add_argument(
        "--watch", action="store_true", help="try again after each edit of the file or a pack beside it"
    )
    add_data_format(attempt)
    attempt.set_defaults(call=_try)

    check = commands.add_parser("check", help="validate a pipeline and show what it would do; run nothing")
    add_pipeline(check)
    add_data_format(check)
    check.set_defaults(call=_check)

    cli_run.add_status_command(commands)

    cli_catalogue.add_commands(commands)

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
    from curate.cli.funnel import funnel_csv, print_effects, print_funnel
    from curate.config.bundled import find_recipe
    from curate.pipeline.attempt import attempt

    if options.watch:
        return _watch(options)
    MESSAGES.print(
        f"trying up to {options.limit} records of each source; what is used for the first time on this machine is compiled "
        "first: up to two minutes of one core"
    )
    made = attempt(
        find_recipe(options.pipeline), options.set, options.limit, sampled=options.sampled, examples=options.examples
    )
    if options.format == "json":
        examples = [dataclasses.asdict(each) for each in made.examples]
        return write_data("json", {"stats": made.stats, "examples": examples}, (), ())
    if options.format == "csv":
        write(funnel_csv(made.stats))
        return 0
    print_funnel(RESULTS, made.stats)
    print_effects(RESULTS, made)
    return 0


def _watch(options: argparse.Namespace) -> int:
    from curate.cli.funnel import print_flips, print_funnel
    from curate.config.bundled import find_recipe
    from curate.errors import ConfigError
    from curate.pipeline.watching import watch

    if options.format != "table":
        raise ConfigError("--watch is for people: leave --format out")
    file = find_recipe(options.pipeline)
    with contextlib.suppress(KeyboardInterrupt):
        for tried in watch(file, options.set, options.limit, sampled=options.sampled):
            if tried.error:
                complain(tried.error)
            elif not tried.changed and tried.stats is not None:
                print_funnel(RESULTS, tried.stats)
                RESULTS.print(f"Edit {file} or a pack beside it; Ctrl-C ends this.")
            else:
                print_flips(RESULTS, tried)
    return 0


def _check(options: argparse.Namespace) -> int:
    from curate.config.bundled import find_recipe
    from curate.config.reading import read_pipeline
    from curate.config.step_params import foreign_code
    from curate.pipeline.check import check_inputs, doubts
    from curate.pipeline.describe import INPUT, describe, input_rows
    from curate.pipeline.inputs import find_inputs
    from curate.pipeline.run import check_steps

    file = read_pipeline(find_recipe(options.pipeline), options.set)
    inputs = find_inputs(file)
    check_inputs(file, inputs)
    check_steps(file, inputs)
    own, doubted = foreign_code(file.pipeline), doubts(file.pipeline)
    if options.format != "table":
        rows = input_rows(file.pipeline, inputs)
        sources = [dict(zip(INPUT, row, strict=True)) for row in rows]
        data = {"sources": sources, "own_code": own, "doubts": doubted, "pipeline": file.pipeline.keys()}
        return write_data(options.format, data, INPUT, rows)
    RESULTS.print(describe(file.pipeline, inputs))
    if own:
        RESULTS.print(f"  your own code, which a run executes: {', '.join(own)}")
    for each in doubted:
        remark(each)
    return 0

    return 0


def _completion(options: argparse.Namespace) -> int:
    from curate.cli.completion import completion

    write(completion(options.shell, _parser()))
    return 0
