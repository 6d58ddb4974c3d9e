"""`python -m curate`: the command `curate` as the installed distribution names it, for where that is not on the path."""

import sys
from importlib.metadata import entry_points

if __name__ == "__main__":
    sys.exit(entry_points(group="console_scripts", name="curate")["curate"].load()())
