"""`python sample.py`, `python -m mdgen sample` and `mdgen sample` are the same: mdgen/commands/sample.py."""

import sys

from mdgen.commandline import run
from mdgen.commands.sample import main

if __name__ == "__main__":
    sys.exit(run(main))
