"""`curate tasks`: which tasks there are, getting their files, and making some from texts. Parse, call, print."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.cli.arguments import add_data_format, add_number
from curate.cli.console import MESSAGES, RESULTS, write_data
from curate.errors import ConfigError

_COLUMNS = ("task", "rows", "licence", "hash", "there", "address")


def add_tasks(commands: Any) -> None:
    """Add `tasks` to the command line's subparsers."""
    tasks = commands.add_parser("tasks", help="the files of evaluation tasks: list, fetch, make")
    actions = tasks.add_subparsers(required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="every task: where its file comes from, what is known of it, is it there")
    _add_places(listed)
    add_data_format(listed)
    listed.set_defaults(call=_list)
    fetch = actions.add_parser("fetch", help="get tasks' files, compared with the manifest's hashes")
    fetch.add_argument("tasks", nargs="*", metavar="TASK", help="tasks by name (default: all of the manifest)")
    _add_places(fetch)
    fetch.add_argument(
        "--from", dest="address", metavar="ADDRESS", help="of one task: another file, as hf://... or a path"
    )
    fetch.add_argument("--shots-from", metavar="ADDRESS", help="with --from: the file of its solved examples")
    fetch.add_argument("--sha256", metavar="HASH", help="with --from: what the file's SHA-256 must be")
    fetch.set_defaults(call=_fetch)
    make = actions.add_parser("make", help="next-words and last-word, made from texts or from what runs hold back")
    make.add_argument("texts", nargs="+", metavar="FILE", help="JSON Lines with `text`, or a run directory")
    make.add_argument("--folder", metavar="DIR", help="where to put them (default: the folder of `curate tasks fetch`)")
    add_number(make, "--limit", None, "most texts of each file")
    make.set_defaults(call=_make)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", metavar="DIR", help="the folder of the files (default: `tasks` in the cache folder)"
    )
    parser.add_argument("--manifest", metavar="FILE", help="a manifest of your own (default: the package's)")


def _list(options: argparse.Namespace) -> int:
    from rich.table import Table

    from curate.trainer.evaluate.task_files import read_manifest
    from curate.trainer.evaluate.task_formats import TASKS
    from curate.trainer.evaluate.tasks import fetched_folder, task_path

    folder = Path(options.folder) if options.folder else fetched_folder()
    sources = read_manifest(options.manifest)
    rows: list[tuple[Any, ...]] = []
    for name, task in TASKS.items():
        source = sources.get(name)
        there = task_path(name, folder).exists()
        if source is None:
            rows.append((name, None, None, None, there, "made from texts" if task.own else None))
            continue
        known = "sha256" if source.file.sha256 else "git" if source.file.git else "none"
        rows.append((name, source.rows, source.licence or None, known, there, source.file.address))
    if options.format != "table":
        return write_data(options.format, [dict(zip(_COLUMNS, row, strict=True)) for row in rows], _COLUMNS, rows)
    table = Table(*_COLUMNS[:5], box=None, pad_edge=False, header_style="bold")
    table.columns[0].no_wrap = True  # a name that is cut can be asked for by nobody
    for name, count, licence, known, there, address in rows:
        shown = f"{count:,}" if count else "-"
        table.add_row(name, shown, licence or "-", known or address or "-", "yes" if there else "no")
    RESULTS.print(table)
    RESULTS.print(f"Folder: {folder}")
    RESULTS.print("`--format json` has the addresses. hash none: nobody compared what lies there.")
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from curate.trainer.evaluate.task_files import TaskFile, TaskSource, fetch_task, read_manifest, source_of
    from curate.trainer.evaluate.tasks import fetched_folder, find_task

    folder = Path(options.folder) if options.folder else fetched_folder()
    if options.address is None and (options.sha256 or options.shots_from):
        raise ConfigError("--sha256 and --shots-from go with --from ADDRESS")
    if options.address is not None:
        if len(options.tasks) != 1 or options.manifest:
            raise ConfigError("--from gives the file of one task: name it, and leave --manifest out")
        name = find_task(options.tasks[0]).name
        file = TaskFile(address=options.address, sha256=options.sha256)
        shots = TaskFile(address=options.shots_from) if options.shots_from else None
        wanted = {name: TaskSource(file=file, shots=shots)}
    else:
        sources = read_manifest(options.manifest)
        wanted = {name: source_of(name, sources) for name in options.tasks or sources}
    for name, source in wanted.items():
        fetch_task(name, source, folder, RESULTS.print)
    RESULTS.print(f"Folder: {folder}")
    return 0


def _make(options: argparse.Namespace) -> int:
    from tempfile import TemporaryDirectory

    from curate.trainer.evaluate.held_back import write_held_back
    from curate.trainer.evaluate.own_tasks import write_tasks
    from curate.trainer.evaluate.rows import read_texts
    from curate.trainer.evaluate.tasks import fetched_folder
    from curate.trainer.evaluate.validation_set import draw_texts

    folder = Path(options.folder) if options.folder else fetched_folder()
    texts: dict[str, list[str]] = {}
    with TemporaryDirectory() as held:
        for place in options.texts:
            if Path(place).is_dir():
                for source, path in write_held_back([place], Path(held), options.limit).items():
                    texts[f"{place}/{source}"] = read_texts(path)
            else:
                texts[place] = draw_texts(read_texts(place), options.limit)
    made = write_tasks(texts, folder)
    if not made:
        raise ConfigError("no item can be made from these texts: give longer ones, and four or more of a file")
    for name, count in made.items():
        MESSAGES.print(f"{name}: {count:,} items")
    RESULTS.print(f"Folder: {folder}")
    return 0
