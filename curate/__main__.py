"""`python -m curate`: the same as the command `curate`, where that is not on the path or another Python is meant."""

import sys

from curate.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
