"""Arguments that many commands take, and how their values are read. Knows argparse; knows no command."""

from __future__ import annotations

import argparse
from typing import Any


def natural(text: str) -> int:
    """A whole number of at least 1."""
    try:
        value = int(text.replace("_", ""))
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def port(text: str) -> int:
    """A port of this machine: 1 to 65535, or 0 for one that is free."""
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no port: a number from 0, which takes one that is free, to 65535"
        )
    return int(text)


def shares(text: str) -> dict[str, float]:
    """Numbers by name, as `web=.8,books=.2`."""
    found = {}
    for pair in text.split(","):
        name, equals, number = pair.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not equals or not name.strip() or not 0 <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"{pair!r} is not NAME=NUMBER, as in web=.8,books=.2")
        found[name.strip()] = value
    return found


def add_run(parser: argparse.ArgumentParser) -> None:
    """The run directory."""
    parser.add_argument("run", metavar="RUN", help="run directory")


def add_pipeline(parser: argparse.ArgumentParser, needed: bool = True) -> None:
    """The pipeline file, which may not be `needed`, and changes of its values."""
    parser.add_argument(
        "pipeline", metavar="FILE", nargs=None if needed else "?", help="pipeline file, or the name of a bundled recipe"
    )
    add_set(parser, "change a value of the file")


def add_set(parser: argparse.ArgumentParser, what: str) -> None:
    """`--set KEY=VALUE`, as often as wanted."""
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=what)


def add_format(parser: argparse.ArgumentParser, *more: str, default: str = "table") -> None:
    """How an answer is shown."""
    from curate.audit.rendering import FORMATS

    parser.add_argument(
        "--format", choices=(*more, *FORMATS), default=default, help=f"how to show it (default: {default})"
    )


def add_picture(parser: argparse.ArgumentParser, what: str) -> None:
    """A picture to write, which is an SVG whatever it is called, so it may be called nothing else."""
    parser.add_argument("--picture", type=_svg, metavar="FILE.svg", help=what)


def _svg(text: str) -> str:
    if not text.lower().endswith(".svg"):
        raise argparse.ArgumentTypeError(f"{text}: the picture is an SVG; name a file that ends in .svg")
    return text


def add_data_format(parser: argparse.ArgumentParser, what: str = "how to show it") -> None:
    """How numbers are shown: to people, or to programs."""
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table", help=f"{what} (default: table)")


def add_number(parser: Any, name: str, default: int | None, what: str) -> None:
    """A whole number of at least 1."""
    told = what if default is None else f"{what} (default: {default})"
    parser.add_argument(name, type=natural, default=default, metavar="N", help=told)
