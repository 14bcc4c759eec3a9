"""The two ways in which mdgen refuses: the request was wrong, or something failed while running.

Both carry one line that says the value, what was expected and the remedy; the scripts print that line and exit.
"""

import contextlib
import math
import numbers


class RequestError(ValueError):
    """The request cannot be carried out as asked (exit status 2)."""


class RunError(RuntimeError):
    """A correct request failed while running (exit status 1)."""


class Note(UserWarning):
    """Something that the user should know, in one line; the scripts print it as such."""


@contextlib.contextmanager
def naming(path):
    """Context for writing to `path`: an OSError that names no file, as that of a full disk, gets its name."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def check_number(name, value, least=-math.inf, most=math.inf, *, whole=False):
    """RequestError unless value is a finite number from least to most, and whole where asked."""
    kind = numbers.Integral if whole else numbers.Real
    if isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value) and least <= value <= most:
        return
    bounds = [f"{word} {bound:g}" for word, bound in (("from", least), ("up to", most)) if math.isfinite(bound)]
    raise RequestError(" ".join([f"{name} is {value!r}; expected a {'whole' if whole else 'finite'} number", *bounds]))
