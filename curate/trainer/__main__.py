"""`python -m curate.trainer FILE`: what torchrun starts, one process per device. The same as `curate train FILE`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from curate.config.reading import ConfigError
from curate.trainer.train.reading import read
from curate.trainer.train.settings import Training


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as a file says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m curate.trainer", description="Train a model on shards.")
    parser.add_argument("file", metavar="FILE", help="training file")
    parser.add_argument("--data", metavar="DIR", help="a run directory or its shards: the file's data.path")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of the file")
    options = parser.parse_args(arguments)
    try:
        settings = read(
            options.file, Training, [*options.set, *([f"data.path={options.data}"] if options.data else [])]
        )
        from curate.trainer.train.train import train

        train(settings)
    except (ConfigError, ValueError, ArithmeticError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
