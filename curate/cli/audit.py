"""The commands that question a run: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

OUT = Console(soft_wrap=True)
ERR = Console(stderr=True, soft_wrap=True)


def add_commands(commands: Any) -> None:
    """Add the audit's commands to the command line's subparsers."""
    from curate.audit.rendering import FORMATS

    report = commands.add_parser("report", help="the run's report: a page, or its numbers as tables")
    _run_argument(report)
    report.add_argument("--open", action="store_true", help="show the page in a browser")
    report.add_argument("--format", choices=("html", *FORMATS), default="html", help="how to show it (default: html)")
    report.set_defaults(call=_answering(_report))

    explain = commands.add_parser("explain", help="one record's whole way through a run")
    _run_argument(explain)
    explain.add_argument("record", metavar="RECORD", help="address, id, record id, shard:row, or shard@token")
    explain.add_argument("--original", action="store_true", help="show the bytes it came from, read again")
    explain.add_argument("--full", action="store_true", help="show texts whole")
    explain.set_defaults(call=_answering(_explain))

    whatif = commands.add_parser("whatif", help="what other thresholds would do, without a run")
    _run_argument(whatif)
    whatif.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of the pipeline"
    )
    whatif.add_argument("--sweep", metavar="KEY=LOW..HIGH", help="the yield as one value moves; LOW..HIGH:POINTS")
    whatif.add_argument("--samples", type=int, default=2, metavar="N", help="records to show of each kind (default: 2)")
    whatif.add_argument("--write", metavar="FILE", help="save the changed pipeline")
    whatif.set_defaults(call=_answering(_whatif))

    diff = commands.add_parser("diff", help="what differs between two runs, and for whom")
    diff.add_argument("first", metavar="RUN", help="run directory")
    diff.add_argument("second", metavar="RUN", help="another")
    diff.add_argument(
        "--examples", type=int, default=3, metavar="N", help="records to show of each change (default: 3)"
    )
    diff.set_defaults(call=_answering(_diff))

    sample = commands.add_parser("sample", help="records drawn for reading")
    _run_argument(sample)
    sample.add_argument("--failed", metavar="STEP[/RULE]", help="records that failed this")
    kept = sample.add_mutually_exclusive_group()
    kept.add_argument("--kept", action="store_const", const=True, dest="kept", help="records that were kept")
    kept.add_argument("--dropped", action="store_const", const=False, dest="kept", help="records that were dropped")
    sample.add_argument("--where", metavar="SQL", help="condition on the ledger's columns")
    sample.add_argument("-n", type=int, default=10, metavar="N", help="how many (default: 10)")
    sample.add_argument("--seed", type=int, default=0, help="another seed, another sample (default: 0)")
    sample.set_defaults(call=_answering(_sample))

    query = commands.add_parser("query", help="SQL on the ledger")
    _run_argument(query)
    query.add_argument("sql", metavar="SQL", help="DuckDB's SQL; the table is called ledger")
    query.add_argument("--limit", type=int, default=1000, metavar="N", help="most rows to show (default: 1000)")
    query.set_defaults(call=_answering(_query))

    remove = commands.add_parser("remove", help="take records out of a run, and keep them out of later ones")
    _run_argument(remove)
    what = remove.add_mutually_exclusive_group(required=True)
    kinds = {"urls": "an address", "domains": "a domain", "records": "a record id or id", "texts": "a passage"}
    for name, value in kinds.items():
        what.add_argument(f"--{name}", metavar="FILE", help=f"a file with {value} on each line")
    remove.add_argument("--why", default="", metavar="WORDS", help="why, for the list")
    remove.add_argument("--purge", action="store_true", help="remove .work too, where texts remain")
    remove.set_defaults(call=_answering(_remove))

    plan = commands.add_parser("plan", help="what a run will give and cost, from a dry run of a sample of its files")
    plan.add_argument("pipeline", metavar="FILE", help="pipeline file, or the name of a bundled recipe")
    plan.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of the file")
    files = "files that a source (default: the first) will have"
    plan.add_argument("--files", action="append", default=[], metavar="[SOURCE=]N", help=files)
    plan.add_argument("--workers", type=int, default=1, metavar="N", help="cores (default: 1)")
    plan.add_argument(
        "--price", type=float, default=0.04, metavar="MONEY", help="of an hour of one core (default: 0.04)"
    )
    plan.add_argument("--against", metavar="RUN", help="a finished run to compare with")
    plan.set_defaults(call=_answering(_plan))

    for command in (plan, remove, explain, whatif, diff, sample, query):
        command.add_argument("--format", choices=FORMATS, default="table", help="how to show it (default: table)")


def _answering(function: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """The command, a question that cannot be answered being an error for people to read."""

    def call(options: argparse.Namespace) -> int:
        from curate.audit.finished_run import AuditError
        from curate.filters.errors import PackError
        from curate.shards.entry import ShardError

        try:
            return function(options)
        except (AuditError, PackError, ShardError) as error:
            ERR.print(Text.assemble(("error ", "bold red"), str(error)))
            return 1

    return call


def _run_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="run directory")


def _show(options: argparse.Namespace, answer: Any) -> int:
    from curate.audit.rendering import show

    show(answer, options.format, OUT)
    return 0


def _report(options: argparse.Namespace) -> int:
    from curate.audit.finished_run import open_finished
    from curate.audit.numbers import report_numbers
    from curate.audit.report import write_report

    if options.format != "html":
        return _show(options, report_numbers(open_finished(options.run)))
    path = write_report(options.run)
    OUT.print(str(path), highlight=False, markup=False)
    if options.open:
        webbrowser.open(path.resolve().as_uri())
    return 0


def _explain(options: argparse.Namespace) -> int:
    from curate.audit.explain import explain
    from curate.audit.find import find
    from curate.audit.finished_run import open_finished
    from curate.audit.rendering import Answer

    run = open_finished(options.run)
    answers = [explain(run, found, original=options.original, full=options.full) for found in find(run, options.record)]
    if len(answers) == 1:
        return _show(options, answers[0])
    blocks = tuple(block for answer in answers for block in answer.blocks)
    return _show(options, Answer(blocks, [answer.data for answer in answers]))


def _whatif(options: argparse.Namespace) -> int:
    from curate.audit.finished_run import open_finished
    from curate.audit.sweep import sweep
    from curate.audit.whatif import what_if, write_changed
    from curate.storage import write_atomically

    run = open_finished(options.run)
    if options.write:
        write_atomically(Path(options.write), write_changed(run.changed(options.set)).encode())
    if options.sweep:
        return _show(options, sweep(run, options.set, options.sweep))
    status = _show(options, what_if(run, options.set, options.samples))
    if options.write:
        print(f"the changed pipeline is in {options.write}", file=sys.stderr)
    return status


def _diff(options: argparse.Namespace) -> int:
    from curate.audit.diff import diff
    from curate.audit.finished_run import open_finished

    return _show(options, diff(open_finished(options.first), open_finished(options.second), options.examples))


def _sample(options: argparse.Namespace) -> int:
    from curate.audit.finished_run import open_finished
    from curate.audit.sample import condition, sample

    run = open_finished(options.run)
    sql = condition(run, options.failed, options.kept, options.where)
    return _show(options, sample(run, sql, options.n, options.seed))


def _remove(options: argparse.Namespace) -> int:
    import shutil
    from datetime import UTC, datetime

    from curate.audit.finished_run import open_finished
    from curate.audit.removals import By
    from curate.audit.remove import remove
    from curate.engine.lock import hold

    kinds: dict[str, By] = {"urls": "url", "domains": "domain", "records": "record", "texts": "text"}
    given, by = next((getattr(options, name), by) for name, by in kinds.items() if getattr(options, name))
    values = [line for line in Path(given).read_text("utf-8").splitlines() if line.strip()]
    run = open_finished(options.run)
    with hold(run.folder):
        answer = remove(run, by, values, datetime.now(UTC).isoformat(timespec="seconds"), options.why)
        if options.purge:
            shutil.rmtree(run.folder / ".work", ignore_errors=True)
    return _show(options, answer)


def _plan(options: argparse.Namespace) -> int:
    from curate.audit.finished_run import AuditError, open_finished
    from curate.config.bundled import find_recipe
    from curate.config.reading import read_pipeline
    from curate.pipeline.forecast import forecast, forecast_answer
    from curate.pipeline.run import find_inputs

    file = read_pipeline(find_recipe(options.pipeline), options.set)
    inputs = find_inputs(file)
    files: dict[str, int] = {}
    for given in options.files:
        source, _, number = given.rpartition("=")
        source = source or next(iter(inputs))
        if source not in inputs or not number.isdigit():
            raise AuditError(f"--files {given}: write N or SOURCE=N; sources: {', '.join(inputs)}")
        files[source] = int(number)
    actual = open_finished(options.against) if options.against else None
    return _show(options, forecast_answer(forecast(file, inputs, files), options.workers, options.price, actual))


def _query(options: argparse.Namespace) -> int:
    from curate.audit.finished_run import open_finished
    from curate.audit.ledger import query

    return _show(options, query(open_finished(options.run).ledger, options.sql, options.limit))
