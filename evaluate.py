"""`python evaluate.py`, `python -m mdgen evaluate` and `mdgen evaluate` are the same: mdgen/commands/evaluate.py."""

import sys

from mdgen.commandline import run
from mdgen.commands.evaluate import main

if __name__ == "__main__":
    sys.exit(run(main))
