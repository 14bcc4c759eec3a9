"""What train.py, sample.py and evaluate.py share: flags, one-line errors, exit status."""

import argparse
import contextlib
import difflib
import errno
import os
import re
import signal
import sys
import threading
import traceback
import warnings
from pathlib import Path

from mdgen.errors import Note, RequestError, RunError

OK, FAILED, WRONG_REQUEST, INTERRUPTED = 0, 1, 2, 130
MODULE = "mdgen "   # how sys.argv[0] begins, where __main__.py has been called
STOPPED = "stopped; run the same command again to go on from the last saved state"


class Parser(argparse.ArgumentParser):
    """argparse with flags that also take underscores, a --debug flag, and errors of one line (exit status 2).

    Define flags with hyphens: `--data_dir` is then read as `--data-dir`. Flags are never abbreviated; an unknown one
    is answered with the nearest known one. `run` looks for --debug by itself. The help keeps the lines of description
    and epilog.
    """

    def __init__(self, *args, **kwargs):
        defaults = {"allow_abbrev": False, "formatter_class": argparse.RawDescriptionHelpFormatter}
        super().__init__(*args, **{**defaults, **kwargs})
        self.add_argument("--debug", action="store_true", help="on failure, show the traceback")

    def parse_args(self, args=None, namespace=None):
        args, known = with_hyphens(sys.argv[1:] if args is None else args), list(self._option_string_actions)
        for name in (arg.partition("=")[0] for arg in args[:end_of_flags(args)]):
            if name.startswith("--") and name not in known:  # before its value is taken for something else
                self.error(unknown_argument(name, known))
        namespace, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(unknown_argument(unknown[0], known))
        return namespace

    def format_help(self):
        return worded(super().format_help())

    def error(self, message):
        self.exit(WRONG_REQUEST, f"{self.prog}: {one_line(message)}; see {self.prog} --help\n")


def with_hyphens(args) -> list[str]:
    """Underscores in the names of flags become hyphens; their values, and all after a lone "--", stay."""
    args, end = list(args), end_of_flags(args)
    for place, arg in enumerate(args[:end]):
        if arg.startswith("--"):
            name, equals, value = arg.partition("=")
            args[place] = name.replace("_", "-") + equals + value
    return args


def end_of_flags(args) -> int:
    return list(args).index("--") if "--" in args else len(args)


def unknown_argument(argument: str, known: list[str]) -> str:
    known = known if argument.startswith("--") else []
    near = [flag for flag in known if flag.startswith(argument)] or difflib.get_close_matches(argument, known)
    hint = f"did you mean {near[0]}?" if near else "leave it out"
    return f"{argument} is not a flag or value expected here; {hint}"


def run_argument(args, example: str) -> Path:
    """The run folder, given as RUN or, in old command lines, as --model-dir. RequestError unless it is one of them."""
    if (args.run is None) == (args.model_dir is None):
        state = "missing" if args.run is None else f"given twice, as {args.run} and as --model-dir {args.model_dir}"
        raise RequestError(f"the run folder is {state}; give it once, as in {example}")
    return args.run or args.model_dir


def worded(text: str) -> str:
    """The text, with the commands as they are called: `mdgen train` where that is what was called."""
    if not sys.argv[0].startswith(MODULE):
        return text
    return re.sub(r"(python )?\b(train|sample|evaluate)\.py\b", r"mdgen \2", text)


def note_weaker_guidance(scale: float, before: float, whose: str) -> None:
    """One line for who asks for less classifier-free guidance than there would be without asking."""
    if scale < before and os.environ.get("RANK", "0") == "0":
        print(f"note: guidance scale {scale:g} is weaker than the {before:g} of {whose}; for {before:g} leave the flag "
              "out", file=sys.stderr)


def run(main, argv: list[str] | None = None) -> int:
    """Call main(argv) and return the exit status; a failure is one line on stderr (--debug: and a traceback).

    0 or main's own number: done. 2: the request was wrong. 1: it failed while running. 130: stopped.
    """
    argv = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without the letters of a folder's name
    try:
        with terminable(), notes_in_one_line():
            return main(argv) or OK
    except BrokenPipeError:  # the reader of our output, such as head, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt as error:
        return report(argv, str(error) or STOPPED, INTERRUPTED)
    except RequestError as error:
        return report(argv, str(error), WRONG_REQUEST)
    except Exception as error:
        return report(argv, explain(error), FAILED)


@contextlib.contextmanager
def terminable():
    """Context in which SIGTERM is as Ctrl-C: what is half written is cleared away, and one line says so."""
    def stop(number, frame):
        raise KeyboardInterrupt

    previous = None
    if threading.current_thread() is threading.main_thread():
        previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


@contextlib.contextmanager
def notes_in_one_line():
    """Context in which a Note is printed as one line, once, without the place in the code."""
    with warnings.catch_warnings():
        shown, show = set(), warnings.showwarning

        def show_note(message, category, *where, **more):
            if category is not Note:
                show(message, category, *where, **more)
            elif str(message) not in shown:
                shown.add(str(message))
                print(f"note: {message}", file=sys.stderr)

        warnings.simplefilter("always", Note)
        warnings.showwarning = show_note
        yield


def report(argv, message: str, status: int) -> int:
    """Print the failure that is being handled and pass its exit status on."""
    if "--debug" in argv:
        traceback.print_exc()
    print(f"{Path(sys.argv[0]).name}: {worded(one_line(message))}", file=sys.stderr)
    return status


def explain(error: Exception) -> str:
    """One line for a failure while running, with a remedy."""
    if isinstance(error, RunError):
        return str(error)
    # the second is torch's, recognised without importing torch for --help
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return (f"out of memory ({shortened(error)}); use --preset memory, a smaller batch_size with more "
                "accumulation, or smaller images")
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make space on that disk" if full else "check that the path exists and its permissions"
        return f"{error}; {remedy}, then run the same command again"
    return f"unexpected {type(error).__name__}: {shortened(error)}; run again with --debug for the traceback"


def show_images(done: int, total: int) -> None:
    """Progress of written images: a plain line at the first, the last, and about twenty between."""
    if done in (1, total) or done % max(1, total // 20) == 0:
        print(f"images {done}/{total}", file=sys.stderr, flush=True)


def shortened(error, limit: int = 200) -> str:
    text = one_line(error)
    return text if len(text) <= limit else text[:limit] + "…"


def one_line(text) -> str:
    return " ".join(str(text).split())
