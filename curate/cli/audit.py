"""The commands that question a run: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import Any

from curate.cli.arguments import add_format, add_number, add_picture, add_pipeline, add_run, add_set
from curate.cli.console import MESSAGES, RESULTS
from curate.errors import ConfigError
from curate.storage import is_remote


def add_commands(commands: Any) -> None:
    """Add the audit's commands to the command line's subparsers."""
    report = commands.add_parser("report", help="a run's report, or several runs beside each other: a page, or tables")
    report.add_argument("run", metavar="RUN", nargs="+", help="run directory; several are put beside each other")
    report.add_argument(
        "--html", metavar="FILE", help="of several runs: the page (default: comparison.html beside them)"
    )
    report.add_argument("--open", action="store_true", help="show the page in a browser")
    report.add_argument("--against", metavar="RUN", help="another run, whose numbers are marked beside this one's")
    report.add_argument("--no-map", action="store_true", help="without the map of the crawl")
    add_picture(report, "of one run: write a picture too, for a card or a link")
    add_format(report, "html", default="html")
    _texts_arguments(report)
    report.set_defaults(call=_report)

    explain = commands.add_parser("explain", help="one record's whole way through a run")
    add_run(explain)
    explain.add_argument("record", metavar="RECORD", help="address, id, record id, shard:row, or shard@token")
    explain.add_argument("--original", action="store_true", help="show the bytes it came from, read again")
    explain.add_argument("--full", action="store_true", help="show texts whole")
    _texts_arguments(explain)
    explain.set_defaults(call=_explain)

    whatif = commands.add_parser("whatif", help="what other thresholds would do, without a run")
    add_run(whatif)
    add_set(whatif, "change a value of the pipeline")
    whatif.add_argument("--sweep", metavar="KEY=LOW..HIGH", help="the yield as one value moves; LOW..HIGH:POINTS")
    whatif.add_argument("--samples", type=int, default=2, metavar="N", help="records to show of each kind (default: 2)")
    whatif.add_argument("--write", metavar="FILE", help="save the changed pipeline")
    _texts_arguments(whatif)
    whatif.set_defaults(call=_whatif)

    diff = commands.add_parser("diff", help="what differs between two runs, and for whom")
    diff.add_argument("first", metavar="RUN", help="run directory")
    diff.add_argument("second", metavar="RUN", help="another")
    diff.add_argument(
        "--examples", type=int, default=3, metavar="N", help="records to show of each change (default: 3)"
    )
    diff.add_argument("--html", metavar="FILE", help="write a page too")
    diff.set_defaults(call=_diff)

    compare = commands.add_parser("compare", help="runs beside each other, or one crawl through several recipes")
    compare.add_argument("runs", metavar="RUN", nargs="+", help="run directories; with --recipes: WARC files")
    compare.add_argument("--recipes", metavar="LIST", help="recipes to run on a sample, as in fineweb,c4,gopher")
    add_number(compare, "--sample", 1000, "with --recipes: records of the files")
    compare.add_argument(
        "--out", metavar="DIR", default="runs/compare", help="with --recipes: where runs go (default: %(default)s)"
    )
    compare.add_argument("--html", metavar="FILE", help="write a page too")
    add_picture(compare, "write a picture too: what each keeps, and with whom")
    _texts_arguments(compare)
    compare.set_defaults(call=_compare)

    summary = commands.add_parser("summary", help="sources, domains and reservations, in the form that a law asks for")
    add_run(summary)
    summary.add_argument(
        "--form", choices=("eu",), default="eu", help="eu: the template of Article 53(1)(d) of the AI Act (default)"
    )
    summary.add_argument(
        "--top", type=float, default=0.1, metavar="SHARE", help="share of the domains to list (default: 0.1)"
    )
    add_number(summary, "--most", None, "at most so many of them")
    summary.set_defaults(call=_summary)

    sample = commands.add_parser("sample", help="records drawn for reading")
    add_run(sample)
    sample.add_argument("--failed", metavar="STEP[/RULE]", help="records that failed this")
    kept = sample.add_mutually_exclusive_group()
    kept.add_argument("--kept", action="store_const", const=True, dest="kept", help="records that were kept")
    kept.add_argument("--dropped", action="store_const", const=False, dest="kept", help="records that were dropped")
    sample.add_argument("--where", metavar="SQL", help="condition on the ledger's columns")
    add_number(sample, "-n", 10, "how many")
    sample.add_argument("--seed", type=int, default=0, help="another seed, another sample (default: 0)")
    _texts_arguments(sample)
    sample.set_defaults(call=_sample)

    query = commands.add_parser("query", help="SQL on the ledger and the run's other tables")
    add_run(query)
    query.add_argument("sql", metavar="SQL", nargs="?", help="DuckDB's SQL; the greatest table is called ledger")
    query.add_argument("--tables", action="store_true", help="every table and column, and what it is")
    add_number(query, "--limit", 1000, "most rows to show")
    _texts_arguments(query)
    query.set_defaults(call=_query)

    verify = commands.add_parser("verify", help="whether every file of a run is the one that was written")
    add_run(verify)
    verify.add_argument("--repair", action="store_true", help="restore what there is a whole copy of")
    verify.set_defaults(call=_verify)

    remove = commands.add_parser("remove", help="take records out of a run, and keep them out of later ones")
    add_run(remove)
    what = remove.add_mutually_exclusive_group(required=True)
    kinds = {"urls": "an address", "domains": "a domain", "records": "a record id or id", "texts": "a passage"}
    for name, value in kinds.items():
        what.add_argument(f"--{name}", metavar="FILE", help=f"a file with {value} on each line")
    remove.add_argument("--why", default="", metavar="WORDS", help="why, for the list")
    remove.add_argument("--purge", action="store_true", help="remove .work too, whole")
    remove.add_argument("--dry-run", action="store_true", help="say what the list would remove, and remove nothing")
    remove.set_defaults(call=_remove)

    plan = commands.add_parser("plan", help="what a run will give and cost, from a dry run of a sample of its files")
    add_pipeline(plan)
    files = "files that a source (default: the first) will have"
    plan.add_argument("--files", action="append", default=[], metavar="[SOURCE=]N", help=files)
    add_number(plan, "--workers", 1, "cores")
    plan.add_argument(
        "--price", type=float, default=0.04, metavar="MONEY", help="of an hour of one core (default: 0.04)"
    )
    plan.add_argument("--against", metavar="RUN", help="a finished run to compare with")
    plan.set_defaults(call=_plan)

    duplicates = commands.add_parser("duplicates", help="the clusters that deduplication found")
    add_run(duplicates)
    add_number(duplicates, "--largest", 5, "clusters to show")
    add_number(duplicates, "--characters", 800, "of each text and difference")
    _texts_arguments(duplicates)
    duplicates.set_defaults(call=_duplicates)

    near = commands.add_parser("near", help="is this text in a run already?")
    add_run(near)
    near.add_argument("--text", metavar="FILE", required=True, help="a file of UTF-8 text, or - for standard input")
    near.add_argument("--least", type=float, default=0.5, metavar="S", help="least similarity to show (default: 0.5)")
    add_number(near, "--most", 20, "most documents to show")
    near.set_defaults(call=_near)

    for command in (plan, remove, verify, explain, whatif, diff, compare, summary, sample, query, duplicates, near):
        add_format(command)


def _texts_arguments(parser: argparse.ArgumentParser) -> None:
    """How texts are shown; by itself, with personal data replaced."""
    texts = parser.add_mutually_exclusive_group()
    texts.add_argument("--raw-texts", action="store_const", const="raw", dest="texts", help="texts as they are")
    texts.add_argument("--no-texts", action="store_const", const="none", dest="texts", help="no texts")
    parser.set_defaults(texts="scrubbed")


def _opened(options: argparse.Namespace) -> Any:
    """The run to be asked, and how it shows texts."""
    return _run(options.run, options.texts)


def _run(folder: str | Path, texts: Any) -> Any:
    import dataclasses

    from curate.audit.finished_run import open_finished

    return dataclasses.replace(open_finished(folder), texts=texts)


def _show(options: argparse.Namespace, answer: Any) -> int:
    from curate.audit.rendering import show

    show(answer, options.format, RESULTS)
    return 0


def _report(options: argparse.Namespace) -> int:
    from curate.audit.finished_run import open_finished
    from curate.audit.report import write_report
    from curate.audit.report.numbers import report_numbers

    if len(options.run) > 1:
        return _report_several(options)
    (folder,) = options.run
    if options.picture:
        from curate.audit.report.run_picture import run_picture

        _write_page(options.picture, run_picture(_run(folder, options.texts)))
    if options.html:
        raise ConfigError(
            "--html is for several runs: the report of one lies in its directory, where a removal reaches it"
        )
    if options.format != "html":
        return _show(options, report_numbers(open_finished(folder)))
    path = write_report(folder, options.texts, options.against, not options.no_map)
    RESULTS.print(str(path), soft_wrap=True)
    if options.open:
        webbrowser.open(path.resolve().as_uri())
    return 0


def _report_several(options: argparse.Namespace) -> int:
    from curate.audit.compare import answer, compared
    from curate.audit.report.against import write_comparison

    if options.picture:
        raise ConfigError("--picture is of one run; compare --picture FILE.svg draws several")
    if options.against:
        raise ConfigError(
            "--against marks a run on the report of one; several runs are put beside each other without it"
        )
    runs = [_run(folder, options.texts) for folder in options.run]
    found = compared(runs)
    if options.format != "html":
        return _show(options, answer(found))
    path = Path(options.html) if options.html else _beside(runs)
    write_comparison(runs, found, path)
    RESULTS.print(str(path), soft_wrap=True)
    if options.open:
        webbrowser.open(path.resolve().as_uri())
    return 0


def _beside(runs: Any) -> Path:
    """Where a page of several runs goes: into the folder that the first of them lies in."""
    if is_remote(runs[0].place):
        raise ConfigError("the first run lies in a bucket: --html FILE says where the page goes")
    folder: Path = runs[0].folder.resolve().parent
    return folder / "comparison.html"


def _explain(options: argparse.Namespace) -> int:
    from curate.audit.explain import explain
    from curate.audit.find import find
    from curate.audit.rendering import Answer

    run = _opened(options)
    answers = [explain(run, found, original=options.original, full=options.full) for found in find(run, options.record)]
    if len(answers) == 1:
        return _show(options, answers[0])
    blocks = tuple(block for answer in answers for block in answer.blocks)
    return _show(options, Answer(blocks, [answer.data for answer in answers]))


def _whatif(options: argparse.Namespace) -> int:
    from curate.audit.sweep import sweep
    from curate.audit.whatif import what_if, write_changed
    from curate.storage import write_atomically

    run = _opened(options)
    if options.write:
        write_atomically(Path(options.write), write_changed(run.changed(options.set)).encode())
    if options.sweep:
        return _show(options, sweep(run, options.set, options.sweep))
    status = _show(options, what_if(run, options.set, options.samples))
    if options.write:
        MESSAGES.print(f"the changed pipeline is in {options.write}")
    return status


def _diff(options: argparse.Namespace) -> int:
    from curate.audit.diff import diff
    from curate.audit.finished_run import open_finished
    from curate.audit.report.answers import answer_page

    answer = diff(open_finished(options.first), open_finished(options.second), options.examples)
    if options.html:
        lead = f"What differs from {options.first}, the first, to {options.second}, the second, and for whom."
        _write_page(options.html, answer_page("Two runs compared", lead, answer))
    return _show(options, answer)


def _write_page(file: str, page: str) -> None:
    from curate.storage import write_atomically

    write_atomically(Path(file), page.encode())
    MESSAGES.print(f"written: {Path(file).resolve().as_uri()}")


def _compare(options: argparse.Namespace) -> int:
    from curate.audit.compare import answer, compared
    from curate.audit.report.against import write_comparison
    from curate.audit.report.shared_picture import comparison_picture

    folders = options.runs
    if options.recipes:
        from curate.pipeline.recipes import run_recipes

        names = [name.strip() for name in options.recipes.split(",") if name.strip()]

        def begins(name: str) -> None:
            MESSAGES.print(f"{name}, recipe {names.index(name) + 1} of {len(names)}")

        made = run_recipes(names, options.runs, Path(options.out), options.sample, begins)
        folders = [run.path for run in made]
    runs = [_run(folder, options.texts) for folder in folders]
    found = compared(runs)
    if options.html:
        write_comparison(runs, found, Path(options.html))
        MESSAGES.print(f"written: {Path(options.html).resolve().as_uri()}")
    if options.picture:
        title = f"One crawl through {len(runs)} {'recipes' if options.recipes else 'runs'}"
        _write_page(options.picture, comparison_picture(found, title))
    return _show(options, answer(found))


def _sample(options: argparse.Namespace) -> int:
    from curate.audit.sample import condition, sample

    run = _opened(options)
    sql = condition(run, options.failed, options.kept, options.where)
    return _show(options, sample(run, sql, options.n, options.seed))


def _remove(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from curate.audit.finished_run import open_finished
    from curate.audit.removals import By
    from curate.audit.remove import remove
    from curate.audit.would_remove import would_remove
    from curate.engine.changing import changing

    kinds: dict[str, By] = {"urls": "url", "domains": "domain", "records": "record", "texts": "text"}
    given, by = next((getattr(options, name), by) for name, by in kinds.items() if getattr(options, name))
    values = [line for line in Path(given).read_text("utf-8").splitlines() if line.strip()]
    if options.dry_run:
        return _show(options, would_remove(open_finished(options.run), by, values))
    with changing(options.run) as held:
        opened = open_finished(held.folder)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        answer = remove(opened, by, values, at, options.why, purge=options.purge, commit=held.commit())
    return _show(options, answer)


def _summary(options: argparse.Namespace) -> int:
    from curate.audit.finished_run import open_finished
    from curate.audit.training_summary import summarise

    if not 0 < options.top <= 1:
        raise ConfigError(f"--top {options.top:g}: a share of the domains is above 0 and at most 1, as in 0.05")
    return _show(options, summarise(open_finished(options.run), options.top, options.most))


def _verify(options: argparse.Namespace) -> int:
    from curate.audit.verify import answer, verify
    from curate.audit.verify_bucket import verify_address
    from curate.engine.mirror import run_address

    address = run_address(options.run)
    verified = verify_address(address, repair=options.repair) if address else verify(options.run, repair=options.repair)
    _show(options, answer(verified))
    return 0 if verified.sound else 1


def _plan(options: argparse.Namespace) -> int:
    from curate.audit.finished_run import open_finished
    from curate.config.bundled import find_recipe
    from curate.config.reading import read_pipeline
    from curate.errors import ConfigError
    from curate.pipeline.forecast import forecast, forecast_answer
    from curate.pipeline.inputs import find_inputs

    file = read_pipeline(find_recipe(options.pipeline), options.set)
    inputs = find_inputs(file)
    files: dict[str, int] = {}
    for given in options.files:
        source, _, number = given.rpartition("=")
        source = source or next(iter(inputs))
        if source not in inputs or not number.isdigit():
            raise ConfigError(f"--files {given}: write N or SOURCE=N; sources: {', '.join(inputs)}")
        files[source] = int(number)
    actual = open_finished(options.against) if options.against else None
    return _show(options, forecast_answer(forecast(file, inputs, files), options.workers, options.price, actual))


def _query(options: argparse.Namespace) -> int:
    from curate.audit.ledger import query
    from curate.audit.shown import shown
    from curate.audit.tables import describe_tables, tables_of
    from curate.errors import ConfigError

    run = _opened(options)
    if options.tables:
        return _show(options, describe_tables(run))
    if options.sql is None:
        raise ConfigError(
            'a question is wanted, as in "select count(*) from ledger"; --tables lists what can be asked about'
        )
    showing = None if run.texts == "raw" else partial(shown, run)
    return _show(options, query(run.ledger, options.sql, options.limit, tables_of(run), showing))


def _duplicates(options: argparse.Namespace) -> int:
    from curate.audit.duplicates import duplicates

    return _show(options, duplicates(_opened(options), options.largest, options.characters))


def _near(options: argparse.Namespace) -> int:
    from curate.audit.finished_run import open_finished
    from curate.audit.near import near

    data = sys.stdin.buffer.read() if options.text == "-" else Path(options.text).read_bytes()
    run = open_finished(options.run)
    return _show(options, near(run, data.decode("utf-8", "replace"), options.least, options.most))
