"""Metric-learning losses in closed form, and what a step along their gradients does."""

import math

import pytest
import torch
from torch.nn import functional as F

from mdgen.losses.metric_learning import (
    batch_pairs,
    contrastive_loss,
    semi_hard_triplets,
    supervised_contrastive_loss,
    triplet_loss,
)


def unit_vectors(rows, dim, seed):
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_contrastive_in_closed_form():
    distance = torch.tensor([0.6, 0.6, 1.5, 0.0])
    same = torch.tensor([True, False, False, True])
    expected = 0.5 * (0.36 + 0.16 + 0 + 0) / 4
    assert contrastive_loss(distance, same).item() == pytest.approx(expected)
    wider = 0.5 * (0.36 + 1.96 + 0.25) / 4
    assert contrastive_loss(distance, same, margin=2.0).item() == pytest.approx(wider)


def test_contrastive_pulls_equal_users_and_pushes_others_only_within_the_margin():
    distance = torch.tensor([0.5, 0.5, 1.2], requires_grad=True)
    contrastive_loss(distance, torch.tensor([True, False, False])).backward()
    assert distance.grad.tolist() == pytest.approx([0.5 / 3, -0.5 / 3, 0])


def test_pairs_are_all_pairs_once():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    distance, same = batch_pairs(points, torch.tensor([7, 2, 7]))
    assert distance.tolist() == pytest.approx([5, 1, math.sqrt(18)])
    assert same.tolist() == [False, True, False]


def test_equal_images_leave_finite_gradients():
    embeddings = torch.ones(3, 4, requires_grad=True)
    contrastive_loss(*batch_pairs(embeddings, torch.tensor([0, 0, 1]))).backward()
    assert torch.isfinite(embeddings.grad).all()


def test_triplet_in_closed_form():
    anchor, positive = torch.tensor([[1.0, 0.0]] * 2), torch.tensor([[0.0, 1.0]] * 2)
    negative = torch.tensor([[-1.0, 0.0], [0.6, 0.8]])
    # squared distances: positive 2; negative 4 (satisfied by more than the margin) and 0.8
    assert triplet_loss(anchor, positive, negative).item() == pytest.approx((0 + 2 - 0.8 + 0.2) / 2)


def test_semi_hard_triplets_by_hand():
    """Points on a line: the nearest stranger beyond the positive, else the farthest of all; no anchor alone."""
    points = torch.tensor([0.0, 2.0, 1.0, 2.5, 7.0])[:, None]
    users = torch.tensor([0, 0, 1, 2, 2])
    triplets = torch.cat(semi_hard_triplets(points, users), dim=1).tolist()
    assert triplets == [[0, 2, 2.5], [2, 0, 7], [2.5, 7, 0], [7, 2.5, 2]]
    with pytest.raises(ValueError):
        semi_hard_triplets(points[:2], users[:2])


def test_supervised_contrastive_of_separated_users_in_closed_form():
    """Two users at right angles: every anchor sees one positive at 1 and two negatives at 0."""
    embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    users, temperature = torch.tensor([0, 0, 1, 1]), 0.5
    expected = math.log(math.exp(1 / temperature) + 2) - 1 / temperature
    loss = supervised_contrastive_loss(embeddings, users, temperature).item()
    assert loss == pytest.approx(expected, rel=1e-6)
    swapped = supervised_contrastive_loss(embeddings, torch.tensor([0, 1, 0, 1]), temperature).item()
    assert swapped == pytest.approx(math.log(math.exp(1 / temperature) + 2), rel=1e-6)


def test_pairs_of_views_make_it_nt_xent():
    """Against cross-entropy over the similarities, with the other view as the target class."""
    embeddings, temperature = unit_vectors(8, 5, seed=0), 0.2
    similarity = (embeddings @ embeddings.T / temperature).fill_diagonal_(float("-inf"))
    target = torch.arange(8).roll(4)
    ours = supervised_contrastive_loss(embeddings, torch.arange(4).repeat(2), temperature)
    assert ours.item() == pytest.approx(F.cross_entropy(similarity, target).item(), rel=1e-5)


def test_users_seen_once_are_only_negatives():
    embeddings = unit_vectors(5, 4, seed=1)
    users = torch.tensor([0, 0, 1, 2, 3])
    similarity = (embeddings @ embeddings.T / 0.1).fill_diagonal_(float("-inf"))
    expected = F.cross_entropy(similarity[:2], torch.tensor([1, 0])).item()
    assert supervised_contrastive_loss(embeddings, users).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("rows", [1, 4])
def test_a_batch_without_pairs_gives_zero_and_no_gradient(rows):
    embeddings = unit_vectors(rows, 4, seed=2).requires_grad_()
    loss = supervised_contrastive_loss(embeddings, torch.arange(rows))
    loss.backward()
    assert loss.item() == 0 and embeddings.grad.abs().max() == 0


def test_training_on_it_separates_users():
    raw = unit_vectors(12, 3, seed=3).requires_grad_()
    users = torch.arange(4).repeat(3)
    optimizer = torch.optim.Adam([raw], lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        supervised_contrastive_loss(F.normalize(raw, dim=1), users).backward()
        optimizer.step()
    distance, same = batch_pairs(F.normalize(raw, dim=1), users)
    assert distance[same].max() < 0.5 * distance[~same].min()
