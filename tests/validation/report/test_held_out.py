"""The report says which real images were held out, and how many each user has."""

import pytest

from mdgen.validation.report.exhibits import Exhibits
from mdgen.validation.report.sections.held_out import held_out
from mdgen.validation.report.sections.training import usefulness
from mdgen.validation.report.summary import usefulness_lines
from mdgen.validation.report.usefulness_table import study_lines

SPLIT = {"kind": "block", "share": 0.12, "gap": 4, "names": [], "listed": False, "recordings": [3, 1],
         "training": [40, 9], "held_out": [7, 1], "left_out": 12, "both": None, "accuracy": {
             "seen": {"n": 8, "accuracy": 0.75, "interval": [0.5, 1.0]},
             "unseen": {"n": 0, "accuracy": None, "interval": None}}}


@pytest.mark.parametrize("change, words", [
    ({}, "the last 12 % of every recording, after a gap of 4 images (data.held_out). 12 images"),
    ({"listed": True}, "the last 12 % of every recording, without windows that share samples with them"),
    ({"kind": "recording"}, "the last recordings of every user, whole, about 12 % of the images (data"),
    ({"kind": "names", "names": ["day<2>", "x"]}, "the recordings named day&lt;2&gt;, x (data"),
    ({"kind": "end"}, "the last 12 % of every user&#x27;s images, after a gap"),
    ({"kind": "other", "accuracy": None}, "images of another folder (data")])
def test_it_says_which_split_was_used(change, words):
    assert words in held_out({"split": SPLIT | change, "users": ["ann", "bo"]}, Exhibits())


def test_both_kinds_are_shown_where_users_have_several_recordings():
    both = {"users": 2, **{kind: {"training": 30, "held_out": 6, "accuracy": {"mean": mean, "std": 0.02}}
                           for kind, mean in (("block", 0.91), ("recording", 0.64))}}
    exhibits = Exhibits()
    page = held_out({"split": SPLIT | {"both": both}, "users": ["ann", "bo"]}, exhibits)
    assert "0.91 ± 0.02" in page and "0.64 ± 0.02" in page and "0.75" in page
    assert [*exhibits.tables] == ["accuracy_by_recording", "accuracy_by_split", "split"]
    one = held_out({"split": SPLIT | {"recordings": [1, 1]}, "users": ["ann", "bo"]}, Exhibits())
    assert "by recording" not in one and "its day" not in one


def test_users_of_unlike_numbers_of_images_are_not_said_to_have_the_mean_each():
    figures = {arm: {"mean": 0.5, "std": None} for arm in ("real", "both", "gain")}
    line = {"per_user": 18, "all": True, "of_users": [1, 49], **figures}
    study = {"curve": [line], "seeds": 1, "chance": 0.3, "tstr": figures["real"], "trts": None, "held_out": 9}
    assert usefulness_lines(None, study)[0].title == "identification from 1 to 49 real images each"
    assert "all (1 to 49)" in study_lines(study)[3] and "all (1 to 49)" in usefulness(study, Exhibits(), False)
    even = study | {"curve": [line | {"of_users": [18, 18]}]}
    assert usefulness_lines(None, even)[0].title == "identification from 18 real images each"
