"""The `curate` command: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from curate.cli import audit as cli_audit
from curate.cli import build as cli_build
from curate.cli import duplicates as cli_duplicates
from curate.cli import quality as cli_quality
from curate.cli import train as cli_train

OUT = Console(soft_wrap=True)
ERR = Console(stderr=True, soft_wrap=True)
_STOPPED = 130  # a shell's exit status for a program ended by Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    from curate.config.reading import ConfigError
    from curate.engine.lock import LockedError
    from curate.engine.runner import InvariantError
    from curate.filters.errors import PackError

    options = _parser().parse_args(arguments)
    try:
        status: int = options.call(options)
        return status
    except ConfigError as error:
        _complain(str(error))
    except (PackError, LockedError, InvariantError) as error:
        _complain(str(error))
    except KeyboardInterrupt:
        ERR.print("\nStopped. What was committed is kept; the same command goes on from there.", highlight=False)
        return _STOPPED
    except OSError as error:
        _complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    return 1


def _complain(message: str) -> None:
    for line in message.splitlines():
        ERR.print(f"[bold red]error[/] {_escaped(line)}", highlight=False)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="curate", description="Turn raw web crawls into audited pre-training data.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a pipeline; what is done already is skipped")
    _add_pipeline(run)
    run.add_argument("--out", metavar="DIR", help="run directory (default: runs/NAME)")
    run.add_argument("--workers", type=int, metavar="N", help="tasks at once (default: every core)")
    run.add_argument("--address", metavar="RAY", help="address of an existing Ray cluster")
    run.add_argument("--until", metavar="STEP", help="stop after a step and keep its documents as Parquet")
    run.add_argument("--engine", choices=("ray", "serial"), default="ray", help="Ray tasks, or all in this process")
    run.set_defaults(call=_run)

    check = commands.add_parser("check", help="validate a pipeline and show what it would do; run nothing")
    _add_pipeline(check)
    check.set_defaults(call=_check)

    status = commands.add_parser("status", help="how far a run is")
    status.add_argument("run", metavar="RUN", help="run directory")
    status.add_argument("--watch", action="store_true", help="go on showing it until the run ends")
    status.set_defaults(call=_status)

    packs = commands.add_parser("filters", help="the packs of published rules")
    filters = packs.add_subparsers(required=True, metavar="ACTION")
    filters.add_parser("list", help="packs, rules, bounds, citations").set_defaults(call=_list_filters)
    show = filters.add_parser("show", help="one pack, whole")
    show.add_argument("pack", metavar="PACK", help="a pack's name or path")
    show.set_defaults(call=_show_filter)

    schema = commands.add_parser("schema", help="JSON Schema of pipeline files, for editors")
    schema.set_defaults(call=_schema)

    cli_audit.add_commands(commands)
    cli_duplicates.add_commands(commands)
    cli_build.add_commands(commands)
    cli_quality.add_commands(commands)
    cli_train.add_commands(commands)
    return parser


def _add_pipeline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="FILE", help="pipeline file, or the name of a bundled recipe")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of the file")


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
        console=OUT,
    )
    OUT.print()
    print_funnel(OUT, result.stats)
    OUT.print(f"\nRun directory: {result.path}", highlight=False)
    return 0


def _check(options: argparse.Namespace) -> int:
    from curate.config.bundled import find_recipe
    from curate.config.reading import read_pipeline
    from curate.pipeline.describe import describe
    from curate.pipeline.run import check_steps, find_inputs

    file = read_pipeline(find_recipe(options.pipeline), options.set)
    inputs = find_inputs(file)
    check_steps(file)
    OUT.print(describe(file.pipeline, inputs), highlight=False, markup=False)
    return 0


def _status(options: argparse.Namespace) -> int:
    from curate.engine.progress import describe_progress, watch_progress

    if options.watch:
        watch_progress(Path(options.run), OUT)
    else:
        OUT.print(describe_progress(Path(options.run)), highlight=False, markup=False)
    return 0


def _list_filters(options: argparse.Namespace) -> int:
    from curate.filters.catalogue import list_packs

    sys.stdout.write(list_packs().rstrip() + "\n")
    return 0


def _show_filter(options: argparse.Namespace) -> int:
    from curate.filters.catalogue import show_pack

    sys.stdout.write(show_pack(options.pack).rstrip() + "\n")
    return 0


def _schema(options: argparse.Namespace) -> int:
    from curate.config.models import Pipeline

    sys.stdout.write(json.dumps(Pipeline.model_json_schema(by_alias=True), indent=2) + "\n")
    return 0
