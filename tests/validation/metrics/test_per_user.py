"""A user without a figure leaves those of the others alone."""

import numpy as np
import pytest

from mdgen.validation.metrics.per_user import ratios, user_means


def test_what_is_no_number_is_left_out_of_a_mean():
    users = np.array([0, 2, 0, 3, 2])
    assert user_means([1.0, np.nan, 2.0, np.nan, 5.0], users, 4) == [1.5, None, 5.0, None]
    assert user_means([True, False, False, True, True], users, 5) == [0.5, None, 0.5, 1.0, None]


def test_a_user_without_a_figure_leaves_the_overall_ratio_alone():
    found = ratios([1.0, None, 3.0, 5.0], [2.0, 1.0, 2.0, 0.0])
    assert found == {"overall": pytest.approx(1.0), "per_user": [0.5, None, 1.5, None]}
