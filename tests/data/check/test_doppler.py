import numpy as np
import pytest

from mdgen.data.check import doppler
from mdgen.data.check.findings import DECISION, NOTE
from mdgen.data.colormap import to_color


@pytest.fixture
def part():
    return lambda survey, data: doppler.find(survey)


def test_a_clean_set_has_one_axis(check, jet):
    assert not check(jet).keys() & {"upside_down", "zero_line", "both_ways"}


def test_the_filters_line_shows_who_is_upside_down(check, jet):
    pictures = jet.copy()   # velocities from -1.5 to 6 m/s: the line of no Doppler is not in the middle
    pictures[1] = jet[1, :, ::-1]
    found = check(pictures)["upside_down"]
    assert found.level == DECISION and found.counts == {"users": ["ID_2"], "sure": ["ID_2"]}


def test_without_a_line_off_the_middle_it_may_be_a_walk_the_other_way(check, walks):
    images = np.pad(walks, ((0, 0), (0, 0), (0, 39), (0, 0)))   # now the line of no Doppler is the middle row
    images[2] = images[2, :, ::-1]
    found = check(to_color(images))["upside_down"]
    assert found.counts == {"users": ["ID_3"], "sure": []} and "went the other way" in found.text


def test_walks_both_ways_are_a_note(check, walks):
    images = np.pad(walks, ((0, 0), (0, 0), (0, 39), (0, 0)))
    images[:, :2] = images[:, :2, ::-1]
    found = check(to_color(images))
    assert found["both_ways"].level == NOTE and found["both_ways"].counts["images"] == 6
    assert "upside_down" not in found


def test_a_line_of_no_doppler_at_another_row_is_told(check, walks):
    images = np.pad(walks, ((0, 0), (0, 0), (8, 8), (0, 0)))
    images[1] = np.roll(images[1], -7, axis=1)
    found = check(to_color(images))["zero_line"]
    assert found.level == DECISION and found.counts["users"] == ["ID_2"]


def test_a_bright_line_of_standing_objects_does_as_well(check, walks):
    images = walks.copy()
    images[:, :, 50:52] = 0.9   # in the place of the dark line
    images[2] = images[2, :, ::-1]
    found = check(to_color(images))
    assert found["upside_down"].counts["sure"] == ["ID_3"]


def test_one_user_has_nobody_to_be_compared_with(check, jet):
    assert not check(jet[:1]).keys() & {"upside_down", "zero_line", "both_ways"}
