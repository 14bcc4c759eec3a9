"""Tests of tests: their size under the null, their power, and p-values by hand or by another route."""

import json

import numpy as np
import pytest
from scipy.stats import fisher_exact, kstest, mannwhitneyu

from mdgen.validation.comparisons.statistical_tests import (
    MMD,
    RECOGNITION,
    fisher_less,
    holm,
    mmd_statistic,
    permutation_p,
    permuted,
    rank_sum_statistic,
    relabellings,
    user_tests,
)
from mdgen.validation.judges.features import JudgedSet

DIM = 4


def judged(counts, seed, shift=0.0, hits=1.0, shared=0):
    """Features N(shift, 1), a share `hits` of every user recognised; a window shares samples with the next `shared`."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(len(counts)), counts)
    taken_for = np.where(rng.random(len(users)) < hits, users, (users + 1) % len(counts))
    places = np.arange(len(users))
    windows = np.stack([users, places, places + shared], axis=1)
    return JudgedSet(np.zeros((len(users), 1, 1, 1), np.uint8), users, windows,
                     rng.normal(size=(len(users), DIM)) + shift, np.eye(len(counts))[taken_for])


def shuffled(judged_set, seed):
    order = np.random.default_rng(seed).permutation(len(judged_set))
    return JudgedSet(*(getattr(judged_set, name)[order] for name in
                       ("images", "users", "windows", "features", "probabilities")))


@pytest.mark.parametrize("statistic, dim", [(mmd_statistic, DIM), (rank_sum_statistic, 1)])
def test_size_under_the_null_and_power_against_a_shift(statistic, dim):
    """200 cases: p is uniform where nothing differs, and small where all is shifted by one deviation."""
    rng, null, power = np.random.default_rng(0), [], []
    for _ in range(200):
        members = relabellings(8, 20, 199, rng)
        values = rng.normal(size=(28, dim))
        null.append(permutation_p(statistic(values, members)))
        power.append(permutation_p(statistic(values + 1.5 * members[0][:, None], members)))
    assert 0.02 <= np.mean(np.array(null) <= 0.05) <= 0.085         # 4 to 17 of 200: 98 % of exact tests
    assert kstest(null, "uniform").pvalue > 0.01
    assert np.mean(np.array(power) <= 0.05) > 0.8


def test_mmd_sees_what_a_mean_does_not():
    rng = np.random.default_rng(1)
    wide = np.concatenate([3 * rng.normal(size=(25, 2)), rng.normal(size=(25, 2))])
    wide[:25] -= wide[:25].mean(axis=0) - wide[25:].mean(axis=0)
    assert permutation_p(mmd_statistic(wide, relabellings(25, 25, 999, rng))) <= 0.01


def test_mmd_against_the_definition():
    rng = np.random.default_rng(2)
    values, members = rng.normal(size=(9, 3)), relabellings(4, 5, 6, rng)
    squared = ((values[:, None] - values) ** 2).sum(axis=2)
    kernel = np.exp(-squared / (2 * np.median(squared[np.triu_indices(9, 1)])))
    for row, found in zip(members, mmd_statistic(values, members)):
        within = kernel[row][:, row].mean() + kernel[~row][:, ~row].mean()
        assert found == pytest.approx(within - 2 * kernel[row][:, ~row].mean(), abs=1e-12)


def test_relabellings_keep_the_sizes_and_begin_with_the_observed():
    members = relabellings(3, 5, 2000, np.random.default_rng(0))
    assert members[0].tolist() == [True] * 3 + [False] * 5
    assert (members.sum(axis=1) == 3).all()
    np.testing.assert_allclose(members[1:].mean(axis=0), 3 / 8, atol=0.04)


def test_a_permutation_p_is_never_0_and_counts_ties():
    assert permutation_p(np.array([9.0] + 99 * [1.0])) == 0.01
    assert permutation_p(np.array([2.0, 1.0, 2.0, 3.0])) == 0.75
    assert permutation_p(np.array([0.3, 0.1 + 0.2, 0.0])) == pytest.approx(2 / 3)     # equal but for rounding
    assert permutation_p(np.zeros(10)) == 1.0


def test_rank_sum_against_scipy_s_exact_and_tied_tests():
    rng = np.random.default_rng(3)
    for shift in (0.0, 0.8, 1.6):
        x, y = rng.normal(size=7) + shift, rng.normal(size=12)
        members = relabellings(7, 12, 20000, rng)
        found = permutation_p(rank_sum_statistic(np.concatenate([x, y])[:, None], members))
        assert found == pytest.approx(mannwhitneyu(x, y, method="exact").pvalue, abs=0.012)
    x, y = rng.integers(0, 4, 40), rng.integers(0, 5, 50)
    found = permutation_p(rank_sum_statistic(np.concatenate([x, y])[:, None], relabellings(40, 50, 20000, rng)))
    assert found == pytest.approx(mannwhitneyu(x, y, method="asymptotic").pvalue, abs=0.015)


def test_fisher_against_scipy():
    for a, n, b, m in ((3, 10, 5, 5), (0, 40, 3, 3), (40, 40, 3, 3), (7, 9, 2, 8), (0, 5, 0, 5)):
        table = [[a, n - a], [b, m - b]]
        assert fisher_less(a, n, b, m) == pytest.approx(fisher_exact(table, alternative="less").pvalue, rel=1e-9)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == pytest.approx([1, 1])
    assert holm([0.02]) == pytest.approx([0.02]) and len(holm([])) == 0


def test_holm_rejects_what_its_own_step_down_rule_rejects():
    p = np.random.default_rng(4).random(30) ** 4
    order, rejected = np.argsort(p), np.zeros(30, bool)
    for rank, place in enumerate(order):
        if p[place] > 0.05 / (30 - rank):
            break
        rejected[place] = True
    assert 0 < rejected.sum() < 30 and (holm(p) <= 0.05).tolist() == rejected.tolist()


def test_equal_sets_pass_and_planted_faults_fail_where_they_were_planted():
    counts = [24] * 4
    training, held_out = judged(counts, 0), judged(counts, 1)
    generated = judged(counts, 2)
    generated.features[generated.of_user(1)] += 1.5
    generated.probabilities[generated.of_user(2)] = np.eye(4)[0]
    values = [np.random.default_rng(i).normal(size=96) for i in range(3)]
    values[2][generated.of_user(3)] += 2
    values[0][:3] = np.nan
    found = user_tests(training, held_out, generated, 4, {"torso_row": values})
    assert found["tests"] == [MMD, "torso_row", RECOGNITION]
    failed = {(user, name) for user, tests in enumerate(found["per_user"]) for name, test in tests.items()
              if test["p_holm"] <= found["alpha"]}
    assert failed == {(1, MMD), (2, RECOGNITION), (3, "torso_row")}
    assert found["rejected"] == {"test": 3, "control": 0} and found["tested"] == {"test": 12, "control": 8}
    assert found["per_user"][0]["torso_row"]["n"] == [24, 21]
    assert all(line["p_holm"] <= 0.01 for line in found["pooled"])          # one user of four is enough
    assert all((line["control_p"] or 1) > 0.05 for line in found["pooled"])
    json.dumps(found, allow_nan=False)


def test_what_is_too_small_in_each_user_is_seen_in_all_together():
    counts = [10] * 12
    found = user_tests(judged(counts, 0), judged(counts, 1), judged(counts, 2, shift=0.5), 12)
    assert found["rejected"]["test"] == 0
    pooled = found["pooled"][0]
    assert pooled["test"] == MMD and pooled["p_holm"] < 0.01 < pooled["control_p"] and pooled["n"] == [120, 120]


def test_a_pooled_p_is_uniform_where_nothing_differs():
    def pooled(k):
        wide = [np.random.default_rng([k, i]).normal(size=(15, 3)) for i in range(3)]
        return user_tests(*(judged([6, 9], 3 * k + i) for i in range(3)), 2, {"wide": wide}, permutations=199)["pooled"]

    p = [pooled(k) for k in range(150)]
    for test in (0, 1):
        assert kstest([lines[test]["p"] for lines in p], "uniform").pvalue > 0.01


def test_users_with_more_images_do_not_drown_the_others():
    counts = [200, 10, 10]
    generated = judged(counts, 2)
    generated.features[generated.of_user(1)] += 2
    found = user_tests(judged(counts, 0), judged(counts, 1), generated, 3)["pooled"][0]
    assert found["p"] < 0.01


def test_a_recording_that_drifts_fails_the_control_as_well():
    counts = [20] * 3
    found = user_tests(judged(counts, 0), judged(counts, 1, shift=2.0), judged(counts, 2, shift=2.0), 3)
    assert found["rejected"]["control"] == 3 and found["rejected"]["test"] == 3
    assert found["pooled"][0]["control_p_holm"] < 0.01


def test_windows_that_share_samples_do_not_count_twice():
    sets = judged([40, 40], 0, shared=3), judged([13, 13], 1, shared=3), judged([30, 30], 2)
    found = user_tests(*sets, 2)["per_user"][0]
    assert found[MMD]["n"] == [30, 10] and found[MMD]["n_control"] == [4, 10] and found[RECOGNITION]["n"] == [30, 4]


def test_order_of_rows_changes_nothing_and_the_seed_decides():
    sets = [judged([9, 7], seed, shift=seed / 4) for seed in range(3)]
    assert user_tests(*sets, 2) == user_tests(*(shuffled(s, 5) for s in sets), 2)
    assert user_tests(*sets, 2)["per_user"] != user_tests(*sets, 2, seed=1)["per_user"]


def test_many_tests_get_the_permutations_that_a_rejection_needs():
    counts = [12] * 40
    found = user_tests(judged(counts, 0), judged(counts, 1), judged(counts, 2, shift=3.0), 40, permutations=99)
    assert found["permutations"] == 3200 and found["rejected"] == {"test": 40, "control": 0}


def test_too_few_images_are_not_tested():
    found = user_tests(judged([9, 9], 0), judged([9, 1], 1), judged([9, 1], 2), 2)
    assert {name: (test["p"], test["control_p"]) for name, test in found["per_user"][1].items()} == {
        MMD: (None, None), RECOGNITION: (None, None)}
    assert found["per_user"][1][MMD]["n"] == [1, 9] and found["pooled"][0]["n"] == [9, 9]
    assert found["tested"] == {"test": 2, "control": 1}
    same = permuted(np.zeros((3, 2)), np.zeros((3, 2)), 99, np.random.default_rng(0))
    assert permutation_p(same["statistics"]) == 1.0        # equal images are no evidence
    nobody = user_tests(judged([1], 0), judged([1], 1), judged([1], 2), 1)["pooled"]
    assert [line["p"] for line in nobody] == [None, None]
    with pytest.raises(ValueError):
        user_tests(judged([9], 0), judged([9], 1), judged([9], 2), 1, permutations=0)
