"""The two ways in which mdgen refuses: the request was wrong, or something failed while running.

Both carry one line that says the value, what was expected and the remedy; the scripts print that line and exit.
"""


class RequestError(ValueError):
    """The request cannot be carried out as asked (exit status 2)."""


class RunError(RuntimeError):
    """A correct request failed while running (exit status 1)."""
