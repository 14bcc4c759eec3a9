"""`python train.py`, `python -m mdgen train` and `mdgen train` are the same: mdgen/commands/train.py."""

import sys

from mdgen.commandline import run
from mdgen.commands.train import main

if __name__ == "__main__":
    sys.exit(run(main))
