"""A judge is trusted where its interval leaves chance a quarter of the way behind, on either side."""

from mdgen.validation.judges.trust import trust, trust_in_classifier, trust_in_verification


def test_a_judge_that_guesses_is_not_trusted_and_says_by_how_much():
    found = trust_in_classifier({"accuracy": 0.14, "interval": [0.08, 0.21]}, 10)
    assert not found["trusted"] and found["needs"] == 0.325 and found["chance"] == 0.1
    assert "0.14 (0.08 to 0.21)" in found["reason"] and "0.10" in found["reason"] and "0.33" in found["reason"]


def test_the_end_nearer_to_chance_decides():
    assert trust("accuracy", 0.6, [0.326, 0.9], 0.1, perfect=1.0)["reason"] is None
    assert not trust("accuracy", 0.6, [0.324, 0.9], 0.1, perfect=1.0)["trusted"]
    assert trust_in_verification({"eer": 0.1, "intervals": {"eer": [0.05, 0.37]}})["trusted"]
    assert not trust_in_verification({"eer": 0.1, "intervals": {"eer": [0.05, 0.38]}})["trusted"]
    assert trust("accuracy", 0.9, None, 0.5, perfect=1.0)["trusted"]        # without an interval the value itself
