"""`python -m curate.trainer FILE`: what torchrun starts, one process per device. The same as `curate train FILE`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from curate.cli.main import main as command


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as a file says; returns the exit status."""
    return command(["train", *(sys.argv[1:] if arguments is None else arguments)])


if __name__ == "__main__":
    sys.exit(main())
