"""The commands that make a run and tell how far it is: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.cli.arguments import add_data_format, add_number, add_pipeline, add_run, port
from curate.cli.console import MESSAGES, RESULTS, remark, write, write_data
from curate.errors import MISSED

if TYPE_CHECKING:
    from curate.pipeline.made import Run


def add_run_command(commands: Any) -> None:
    """Add `run` to the command line's subparsers."""
    run = commands.add_parser("run", help="run a pipeline; what is done already is skipped")
    add_pipeline(run, needed=False)
    run.add_argument("--from", dest="record", metavar="RUN", help="repeat a run from its directory or its run.json")
    run.add_argument("--out", metavar="DIR", help="run directory, or a bucket's folder (default: runs/NAME)")
    add_number(run, "--workers", None, "tasks at once (default: every core)")
    run.add_argument("--address", metavar="RAY", help="address of an existing Ray cluster")
    few = run.add_mutually_exclusive_group()
    add_number(few, "--limit", None, "read the first N records of each source only, into runs/NAME-limited")
    add_number(few, "--sample", None, "read a seeded sample of N records of each source only")
    run.add_argument("--until", metavar="STEP", help="stop after a step and keep its documents as Parquet")
    run.add_argument("--replace", action="store_true", help="write where other files, or another pipeline's run, are")
    run.add_argument("--force-unlock", action="store_true", help="take a run in a bucket whose holder is dead")
    run.add_argument("--engine", choices=("ray", "serial"), default="ray", help="Ray tasks, or all in this process")
    run.add_argument("--log-file", metavar="FILE", help="add a line for each event to this file")
    run.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="lines of words, or of JSON (default: text)"
    )
    run.add_argument("--quiet", action="store_true", help="print errors and findings only, no progress and no numbers")
    add_data_format(run)
    run.set_defaults(call=_run)


def add_status_command(commands: Any) -> None:
    """Add `status`."""
    status = commands.add_parser("status", help="how far a run is")
    add_run(status)
    how = status.add_mutually_exclusive_group()
    how.add_argument("--watch", action="store_true", help="go on showing it until the run ends")
    how.add_argument(
        "--serve",
        metavar="PORT",
        nargs="?",
        const=0,
        type=port,
        help="show it on a page for a browser of this machine (default: a port that is free)",
    )
    add_data_format(status)
    status.set_defaults(call=_status)


_ORIGINS = ("paths", "crawl", "index")
"""Settings of `read` that say where a source's files are."""


def _run(options: argparse.Namespace) -> int:
    from curate.audit.findings import findings_of_time
    from curate.cli.funnel import print_findings
    from curate.config.bundled import find_recipe, is_recipe
    from curate.errors import ConfigError
    from curate.pipeline.run import run

    if options.record is not None:
        return _repeat(options)
    if options.pipeline is None:
        raise ConfigError("run what? Give a pipeline file or a recipe's name (`curate recipes list`), or --from RUN")
    result = run(
        find_recipe(options.pipeline),
        options.set,
        options.out,
        workers=options.workers,
        address=options.address,
        engine=options.engine,
        until=options.until,
        replace=options.replace,
        force_unlock=options.force_unlock,
        limit=options.limit,
        sample=options.sample,
        console=None if options.quiet else MESSAGES,
        log_file=options.log_file,
        log_format=options.log_format,
    )
    if not options.quiet:
        _show_run(result, options.format)
    found = [
        each
        for each in result.stats.get("findings", [])
        if not (each["kind"] == "nothing-kept" and options.until == "read")  # nothing was to be kept
    ]
    print_findings(result.path, [*found, *findings_of_time(result.path / "timings")])
    if is_recipe(options.pipeline):
        told = f"give it yours with `curate init {Path(options.pipeline).stem} --data 'FILES'`"
        if not any(f"read.{origin}=" in each for each in options.set for origin in _ORIGINS):
            remark(f"the recipe {options.pipeline!r} read the package's small example; {told}")
    return MISSED if any(each["missed"] for each in found) else 0


def _repeat(options: argparse.Namespace) -> int:
    from curate.cli.funnel import print_findings
    from curate.errors import ConfigError
    from curate.pipeline.repeat import repeat

    changed = [name for name in ("pipeline", "set", "limit", "sample", "until") if getattr(options, name)]
    if changed:
        of = "a pipeline file" if changed[0] == "pipeline" else f"--{changed[0]}"
        raise ConfigError(f"--from repeats a run as it was: leave {of} out")
    made = repeat(
        options.record,
        options.out,
        workers=options.workers,
        address=options.address,
        engine=options.engine,
        replace=options.replace,
        force_unlock=options.force_unlock,
        console=None if options.quiet else MESSAGES,
        log_file=options.log_file,
        log_format=options.log_format,
        told=remark,
    )
    if not options.quiet:
        _show_run(made, options.format)
    found = made.stats.get("findings", [])
    print_findings(made.path, found)
    return MISSED if any(each["missed"] for each in found) else 0


def _show_run(result: Run, form: str) -> None:
    """The numbers of a run that has ended, and what to do next."""
    from curate.audit.finished_run import open_finished
    from curate.cli.ending import next_steps
    from curate.cli.funnel import funnel_csv, print_funnel

    if form == "json":
        write(json.dumps(result.stats, indent=1) + "\n")
    elif form == "csv":
        write(funnel_csv(result.stats))
    else:
        print_funnel(RESULTS, result.stats)
        RESULTS.print(f"\nRun directory: {result.place}", soft_wrap=True)
        for line in next_steps(result.path, open_finished(result.path).pipeline, result.stats, RESULTS.width):
            RESULTS.print(line)


def _status(options: argparse.Namespace) -> int:
    from curate.engine.progress import describe_progress, read_progress, watch_progress
    from curate.engine.status_page import StatusServer

    if options.format != "table":
        state = read_progress(options.run)
        columns = ("name", "done", "tasks", "documents", "seconds")
        rows = [[stage[column] for column in columns] for stage in state["stages"]]
        return write_data(options.format, state, columns, rows)
    if options.serve is not None:
        with StatusServer(options.run, options.serve) as server:
            RESULTS.print(f"{server.address} shows how far {options.run} is; Ctrl-C ends it", soft_wrap=True)
            sys.stdout.flush()
            with contextlib.suppress(KeyboardInterrupt):
                server.serve_forever()
    elif options.watch:
        watch_progress(options.run, RESULTS)
    else:
        RESULTS.print(describe_progress(options.run))
    return 0
