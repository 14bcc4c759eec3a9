"""The verdict must be able to pass, to fail and to say that it does not know."""

import pytest

from mdgen.errors import RequestError
from mdgen.validation.report.verdict import (
    CRITERIA,
    FAILED,
    INCOMPLETE,
    NOT_MEASURED,
    PASSED,
    parse_required,
    parse_thresholds,
    verdict,
)


def results(**changes):
    """A report that passes every criterion, with some figures changed."""
    figures = {"fid": 30.0, "score": 3.0, "accuracy": 0.9, "eer": 0.1, "copies": 0.0, "fd": 12.0, "diversity": 0.9,
               "texture": 0.8, "two_sample": 0.7, "files": 0.9} | changes
    files = {"generated": {"mean": figures["files"]}, "held_out": {"mean": 0.95}}
    return {"distribution": {"inception": {"fid": {"all_images": {"generated_to_training": figures["fid"]}},
                                           "inception_score": {"generated": figures["score"]}},
                             "user_classifier": {"fd_user_classifier": {"against_training": {
                                 "generated": figures["fd"], "floor": 10.0}}}},
            "recognition": {"generated": {"accuracy": figures["accuracy"]}},
            "verification": {"generated": {"eer": figures["eer"]}}, "originality": {"copy_rate": figures["copies"]},
            "diversity": {"features": {"generated": {"overall": figures["diversity"]}, "held_out": {"overall": 1.1}}},
            "texture": {"generated": {"overall": figures["texture"]}},
            "two_sample": {"auc": figures["two_sample"], "interval": [0.6, 0.8]},
            "own_files": {"by_size": [{"accuracy": files}]}}


def statuses(found):
    return {row["name"]: row["status"] for row in found["criteria"]}


def test_good_figures_pass():
    found = verdict(results())
    assert found["overall"] == PASSED and set(statuses(found).values()) == {PASSED}
    assert list(statuses(found)) == list(CRITERIA)


@pytest.mark.parametrize("name, change", [
    ("fid", {"fid": 50.0}), ("inception_score", {"score": 2.0}), ("user_accuracy", {"accuracy": 0.8}),
    ("verification_eer", {"eer": 0.3}), ("copy_rate", {"copies": 0.05}), ("fd_over_floor", {"fd": 31.0}),
    ("file_accuracy", {"files": 0.84}),
    ("two_sample_auc", {"two_sample": 0.95}), ("diversity", {"diversity": 0.87}),
    ("fine_texture", {"texture": 0.4}), ("fine_texture", {"texture": 3.0})])
def test_one_bad_figure_fails_its_criterion_alone(name, change):
    found = verdict(results(**change))
    assert found["overall"] == FAILED
    assert [key for key, status in statuses(found).items() if status == FAILED] == [name]


def test_without_the_weights_that_few_have_the_verdict_passes_and_says_so():
    without = results()
    del without["distribution"]["inception"]
    found = verdict(without)
    assert found["overall"] == PASSED and found["words"] == "passed; not measured: fid, inception_score"
    assert [row["reason"] for row in found["criteria"]][:3] == ["needs the 2015 Inception weights"] * 2 + [None]
    assert [key for key, status in statuses(found).items() if status == NOT_MEASURED] == found["not_measured"]
    assert verdict(without, required=("fid",))["overall"] == INCOMPLETE
    assert verdict(results(), required=("fid",))["words"] == PASSED
    without["recognition"]["generated"]["accuracy"] = 0.1
    assert verdict(without)["words"] == "failed; not measured: fid, inception_score"


def test_what_was_not_measured_never_passes():
    without = results()
    del without["two_sample"]
    assert verdict(without)["overall"] == INCOMPLETE
    assert verdict(without, {"two_sample_auc": None})["overall"] == PASSED
    assert verdict({})["overall"] == INCOMPLETE
    assert verdict(results(), dict.fromkeys(CRITERIA))["overall"] == INCOMPLETE     # nothing was asked
    assert verdict({}, dict.fromkeys(set(CRITERIA) - {"fid"}))["overall"] == INCOMPLETE


@pytest.mark.parametrize("judge, names", [
    ("user_classifier", ["user_accuracy", "fd_over_floor", "diversity"]), ("siamese", ["verification_eer"])])
def test_what_an_untrusted_judge_says_is_not_measured(judge, names):
    found = verdict(results(accuracy=0.0) | {"judges": {judge: {"reason": "it guesses"}}})
    rows = [row for row in found["criteria"] if row["status"] == NOT_MEASURED]
    assert [row["name"] for row in rows] == names and {row["reason"] for row in rows} == {"it guesses"}
    assert found["overall"] == (INCOMPLETE if judge == "user_classifier" else FAILED)


def test_thresholds_are_set_and_switched_off():
    changed = parse_thresholds(["fid=20", "copy_rate=off"])
    assert changed == {"fid": 20.0, "copy_rate": None} and parse_thresholds(None) == {}
    found = verdict(results(copies=1.0), changed)
    assert "copy_rate" not in statuses(found) and statuses(found)["fid"] == FAILED
    assert found["criteria"][0]["needs"] == "< 20"


@pytest.mark.parametrize("word, pattern", [
    ("fd=3", "no criterion is called 'fd'.*user_accuracy"), ("fid", "'' is no finite number"),
    ("fid=low", "'low' is no finite number.*fid=off"), ("fid=nan", "'nan' is no finite number")])
def test_unknown_thresholds_are_refused_in_one_line(word, pattern):
    with pytest.raises(RequestError, match=pattern) as caught:
        parse_thresholds([word])
    assert "\n" not in str(caught.value)


def test_only_criteria_can_be_required():
    assert parse_required(["fid", "copy_rate"]) == ("fid", "copy_rate") and parse_required(None) == ()
    with pytest.raises(RequestError, match="no criterion is called 'fd'.*user_accuracy"):
        parse_required(["fd"])
