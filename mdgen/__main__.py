"""`python -m mdgen train|sample|evaluate ...`, which is also the console command `mdgen`."""

import importlib
import sys

from mdgen import __version__, commandline

COMMANDS = {"train": "train on a folder of images per user, or enrol a person",
            "sample": "generate images from a trained run",
            "evaluate": "judge a run and its generated images"}


def main() -> int:
    """The command named first, with the arguments behind it; returns the exit status."""
    name, argv = (sys.argv[1] if len(sys.argv) > 1 else "--help"), sys.argv[2:]
    if name in COMMANDS:
        sys.argv[0] = commandline.MODULE + name
        return commandline.run(importlib.import_module(f"mdgen.commands.{name}").main, argv)
    if name == "--version":
        print(f"mdgen {__version__}")
    elif name in ("-h", "--help"):
        lines = [f"  mdgen {command:<10}{meaning}" for command, meaning in COMMANDS.items()]
        print("\n".join([f"usage: mdgen {{{','.join(COMMANDS)}}} ...", "", *lines, "", "mdgen train --help says more"]))
    else:
        print(f"mdgen: there is no command {name}; expected one of {', '.join(COMMANDS)}", file=sys.stderr)
        return commandline.WRONG_REQUEST
    return commandline.OK


if __name__ == "__main__":
    sys.exit(main())
