"""The commands that look for copies in a run: parse, call, print; nothing else."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from curate.cli.audit import _answering as answering
from curate.cli.audit import _opened as opened
from curate.cli.audit import _texts_arguments as texts_arguments

OUT = Console(soft_wrap=True)


def add_commands(commands: Any) -> None:
    """Add `duplicates` and `near` to the command line's subparsers."""
    from curate.audit.rendering import FORMATS

    duplicates = commands.add_parser("duplicates", help="the clusters that deduplication found")
    duplicates.add_argument("run", metavar="RUN", help="run directory")
    duplicates.add_argument("--largest", type=int, default=5, metavar="N", help="clusters to show (default: 5)")
    duplicates.add_argument(
        "--characters", type=int, default=800, metavar="N", help="of each text and difference (default: 800)"
    )
    texts_arguments(duplicates)
    duplicates.set_defaults(call=answering(_duplicates))

    near = commands.add_parser("near", help="is this text in a run already?")
    near.add_argument("run", metavar="RUN", help="run directory")
    near.add_argument("--text", metavar="FILE", required=True, help="a file of UTF-8 text, or - for standard input")
    near.add_argument("--least", type=float, default=0.5, metavar="S", help="least similarity to show (default: 0.5)")
    near.add_argument("--most", type=int, default=20, metavar="N", help="most documents to show (default: 20)")
    near.set_defaults(call=answering(_near))

    for command in (duplicates, near):
        command.add_argument("--format", choices=FORMATS, default="table", help="how to show it (default: table)")


def _duplicates(options: argparse.Namespace) -> int:
    from curate.audit.duplicates import duplicates
    from curate.audit.rendering import show

    show(duplicates(opened(options), options.largest, options.characters), options.format, OUT)
    return 0


def _near(options: argparse.Namespace) -> int:
    from curate.audit.finished_run import open_finished
    from curate.audit.near import near
    from curate.audit.rendering import show

    data = sys.stdin.buffer.read() if options.text == "-" else Path(options.text).read_bytes()
    answer = near(open_finished(options.run), data.decode("utf-8", "replace"), options.least, options.most)
    show(answer, options.format, OUT)
    return 0
