"""`python -m curate.cli`: the same as the command `curate`."""

import sys

from curate.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
