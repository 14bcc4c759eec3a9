"""Verification figures against closed forms, scipy and brute force over all pairs."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from mdgen.errors import RequestError
from mdgen.validation.metrics.verification import (
    CHART_POINTS,
    ROWS_AT_ONCE,
    area,
    equal_error_rate,
    roc_curve,
    thinned,
    verification,
)


def embeddings(users, seed, spread=0.6, dim=5):
    """Points around one random direction per user, of unit length."""
    centres = np.random.default_rng(99).normal(size=(max(users) + 1, dim))
    points = centres[users] + spread * np.random.default_rng(seed).normal(size=(len(users), dim))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_gaussian_distances_in_closed_form():
    """Genuine N(0, 1), impostors N(d, 1): equal error Φ(-d/2), area Φ(d/√2)."""
    quantiles, d = norm.ppf((np.arange(4000) + 0.5) / 4000), 1.5
    curve = roc_curve(quantiles, [quantiles + d])
    assert equal_error_rate(*curve) == pytest.approx(norm.cdf(-d / 2), abs=1e-3)
    assert area(*curve) == pytest.approx(norm.cdf(d / np.sqrt(2)), abs=1e-4)
    false, true = thinned(*curve)
    common = false[1:-1] > 2e-3                                    # 4000 distances: fewer than eight say little
    np.testing.assert_allclose(true[1:-1][common], norm.cdf(norm.ppf(false[1:-1][common]) + d), atol=5e-3)
    assert (false < 2e-3).sum() > 8                               # what a logarithmic axis shows is not left out


@pytest.mark.parametrize("genuine, impostors, error, under", [
    ([1, 2], [3, 4], 0, 1), ([3, 4], [1, 2], 1, 0), ([5, 5], [5, 5, 5], 0.5, 0.5),
    ([1, 3], [2, 4], 0.5, 0.75),
    ([1, 2, 3, 9], [4, 5, 6, 7], 0.25, 0.75),
    ([0, 2], [2, 3], 0.25, 7 / 8),           # a tie is a diagonal from (0, 1/2) to (1/2, 1)
])
def test_small_cases_by_hand(genuine, impostors, error, under):
    curve = roc_curve(np.array(genuine, float), [np.array(impostors, float)])
    assert equal_error_rate(*curve) == pytest.approx(error, abs=1e-12)
    assert area(*curve) == pytest.approx(under, abs=1e-12)


def test_area_is_scipy_s_u_with_ties_and_chunks_change_nothing():
    rng = np.random.default_rng(0)
    genuine, impostors = rng.integers(0, 12, 80), rng.integers(3, 15, 210)
    whole = roc_curve(genuine, [impostors])
    chunked = roc_curve(genuine, np.array_split(impostors, 7))
    assert area(*whole) == pytest.approx(mannwhitneyu(impostors, genuine).statistic / (80 * 210), rel=1e-12)
    np.testing.assert_array_equal(whole, chunked)


def test_the_curve_passes_through_every_threshold():
    rng = np.random.default_rng(1)
    genuine, impostors = rng.normal(size=50), rng.normal(size=70) + 1
    false, true = roc_curve(genuine, [impostors])
    for threshold in genuine:
        point = (impostors <= threshold).mean(), (genuine <= threshold).mean()
        assert np.hypot(false - point[0], true - point[1]).min() < 1e-12
    assert (np.diff(false) >= 0).all() and (np.diff(true) >= 0).all()


def test_all_figures_against_brute_force_over_more_than_one_strip():
    gallery_users, probe_users = np.arange(60) % 3, np.arange(ROWS_AT_ONCE + 44) % 3
    gallery, probes = embeddings(gallery_users, seed=0), embeddings(probe_users, seed=1)
    found = verification(gallery, gallery_users, probes, probe_users)
    distance = np.linalg.norm(probes[:, None] - gallery, axis=2)
    same = probe_users[:, None] == gallery_users
    genuine, impostor = distance[same], distance[~same]
    assert found["auc"] == pytest.approx((genuine[:, None] < impostor).mean(), rel=1e-9)
    assert found["rank1"] == (gallery_users[distance.argmin(axis=1)] == probe_users).mean()
    assert found["genuine_distance"] == pytest.approx(genuine.mean())
    assert found["impostor_distance"] == pytest.approx(impostor.mean())
    thresholds = np.quantile(distance, np.linspace(0, 1, 1001))
    closest = min(max((impostor <= t).mean(), (genuine > t).mean()) for t in thresholds)
    assert found["eer"] == pytest.approx(closest, abs=5e-3)
    assert 0.02 < found["eer"] < 0.4 and 0.8 * CHART_POINTS < len(found["roc"]["false_acceptance"]) <= CHART_POINTS


def test_figures_of_one_user_are_those_of_his_probes_alone():
    users = np.arange(40) % 4
    gallery, probes = embeddings(users, seed=0), embeddings(users, seed=1)
    whole = verification(gallery, users, probes, users)
    alone = verification(gallery, users, probes[users == 2], users[users == 2])
    for name in ("auc", "eer", "rank1", "genuine_distance", "prototype_distance", "prototype_margin"):
        assert whole[f"{name}_per_user"][2] == pytest.approx(alone[name], rel=1e-12)
        assert alone[f"{name}_per_user"][0] is None
        assert whole[name] != alone[name]


def test_prototypes_by_hand():
    gallery = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])                # user 0 points along the diagonal
    diagonal = np.array([[1.0, 1.0]]) / np.sqrt(2)
    found = verification(gallery, [0, 0, 1], np.concatenate([diagonal, [[0.0, -1.0]]]), [0, 1])
    other = np.linalg.norm(diagonal - [-1, 0])
    assert found["prototype_distance_per_user"] == pytest.approx([0, np.sqrt(2)], abs=1e-12)
    far = np.linalg.norm(diagonal - [0, -1])
    assert found["prototype_margin_per_user"] == pytest.approx([other, far - np.sqrt(2)])


def test_a_planted_label_swap_is_seen():
    users = np.arange(60) % 3
    gallery, probes = embeddings(users, 0, spread=0.1), embeddings(users, 1, spread=0.1)
    swapped = np.where(users == 0, 1, np.where(users == 1, 0, users))
    right, wrong = (verification(gallery, users, probes, claimed) for claimed in (users, swapped))
    assert right["rank1"] == 1 and right["eer"] == 0 and min(right["prototype_margin_per_user"]) > 0
    assert wrong["rank1_per_user"] == [0, 0, 1] and max(wrong["prototype_margin_per_user"][:2]) < 0


def test_order_of_rows_and_a_rotation_change_nothing():
    users = np.arange(30) % 3
    gallery, probes = embeddings(users, 0), embeddings(users, 1)
    order = np.random.default_rng(0).permutation(30)
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    plain = verification(gallery, users, probes, users)
    turned = verification(gallery[order] @ rotation, users[order], probes[order[::-1]] @ rotation, users[order[::-1]])
    for name, value in plain.items():
        if name != "roc":
            assert turned[name] == pytest.approx(value, rel=1e-9)


def test_what_cannot_be_compared_is_refused():
    points = np.eye(3)
    with pytest.raises(RequestError, match="no image"):
        verification(points, [0, 1, 1], points[:0], np.array([], int))
    for gallery_users, probe_users in (([0, 0, 0], [0, 0, 0]), ([0, 2, 2], [0, 0, 0]), ([0, 1, 1], [0, 2, 0])):
        with pytest.raises(ValueError):
            verification(points, gallery_users, points, probe_users)
