import pytest
import torch
from torch import nn

from mdgen.training.patience import MOST_COPIES, Patience


def network(value):
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, float(value))
    return layer


def after(limit, reports):
    """A Patience that has seen reports (error, or error and copy rate) at steps 1, 2, …: network(1), …."""
    patience = Patience(limit)
    for step, report in enumerate(reports, start=1):
        error, copies = report if isinstance(report, tuple) else (report, None)
        metrics = {"error": error} if copies is None else {"error": error, "copy_rate": copies}
        patience.observe(step, metrics, network(step))
    return patience


@pytest.mark.parametrize("errors, ended, best", [
    ([5, 4, 3], False, 3), ([5, 4, 4], False, 2), ([5, 4, 4, 4], True, 2), ([5, 6, 4, 7, 3], False, 5),
    ([5, 6, 4, 7, 8], True, 3), ([float("nan"), float("nan")], True, None),
])
def test_it_ends_after_the_limit_of_reports_in_a_row_that_were_no_better(errors, ended, best):
    patience = after(2, errors)
    assert patience.ended == ended and patience.best.get("step") == best
    if best:
        assert patience.best["average"]["weight"].item() == best     # a copy of that moment
    if ended:
        assert (f"at step {best}" if best else "none was good") in patience.reason()
        assert "2 previews" in patience.reason()


def test_a_better_error_by_copying_is_no_better():
    low, high = MOST_COPIES, MOST_COPIES + 0.01
    assert after(2, [(5, 0.0), (4, low), (3, high)]).best["step"] == 2
    assert after(2, [(5, 0.0), (4, high), (3, high)]).ended
    assert not after(2, [(5, 0.0), (4, high), (3, low)]).ended


def test_no_limit_keeps_nothing_and_never_ends():
    patience = after(0, [1, 2, 3, 4, 5])
    assert not patience.ended and not patience.best


def test_what_was_kept_does_not_follow_the_average():
    patience, average = Patience(3), network(1)
    patience.observe(1, {"error": 1.0}, average)
    nn.init.constant_(average.weight, 9.0)
    assert patience.best["average"]["weight"].item() == 1.0


def test_state_and_back():
    first = after(2, [5, 4, 6])
    again = Patience(2)
    again.load_state_dict(first.state_dict())
    for patience in (first, again):
        patience.observe(4, {"error": 4.5}, network(4))
        assert patience.ended and patience.best["step"] == 2
    assert torch.equal(first.best["average"]["weight"], again.best["average"]["weight"])
