"""The two ways in which mdgen refuses: the request was wrong, or something failed while running.

Both carry one line that says the value, what was expected and the remedy; the scripts print that line and exit.
"""


import contextlib


class RequestError(ValueError):
    """The request cannot be carried out as asked (exit status 2)."""


class RunError(RuntimeError):
    """A correct request failed while running (exit status 1)."""


@contextlib.contextmanager
def naming(path):
    """Context for writing to `path`: an OSError that names no file, as that of a full disk, gets its name."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
