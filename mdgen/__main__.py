"""`python -m mdgen train|sample|evaluate ...`, which is also the console command `mdgen`."""

import importlib
import sys

from mdgen import commandline

COMMANDS = ("train", "sample", "evaluate")


def main() -> int:
    """The command named first, with the arguments behind it; returns the exit status."""
    name, argv = (sys.argv[1] if len(sys.argv) > 1 else None), sys.argv[2:]
    if name not in COMMANDS:
        asked = name in ("-h", "--help")
        print(f"usage: mdgen {{{','.join(COMMANDS)}}} ...   ({' | '.join(f'mdgen {c} --help' for c in COMMANDS)})",
              file=sys.stdout if asked else sys.stderr)
        return commandline.OK if asked else commandline.WRONG_REQUEST
    sys.argv[0] = f"mdgen {name}"
    return commandline.run(importlib.import_module(f"mdgen.commands.{name}").main, argv)


if __name__ == "__main__":
    sys.exit(main())
