"""The Siamese judge: a metric on images that learns who is who and finds a swapped label."""

import pytest
import torch

from mdgen.losses.metric_learning import batch_pairs, contrastive_loss
from mdgen.models.siamese import SiameseNetwork


def walker(velocity_row, seed, height=64):
    """A torso line with a swinging limb around it, at a random phase and with noise."""
    generator = torch.Generator().manual_seed(seed)
    phase = torch.rand(1, generator=generator) * 6.28
    rows, time = torch.arange(height)[:, None], torch.arange(64) * 6.28 * 4 / 64
    limb = velocity_row - 8 * torch.sin(time + phase)
    image = torch.exp(-((rows - velocity_row) / 2.0) ** 2) + 0.6 * torch.exp(-((rows - limb) / 2.0) ** 2)
    return (image + 0.1 * torch.randn(image.shape, generator=generator)).clamp(0, 1)[None] * 2 - 1


def batch(rows, seeds):
    images = torch.stack([walker(row, 100 * row + seed) for row in rows for seed in seeds])
    return images, torch.arange(len(rows)).repeat_interleave(len(seeds))


def random_images(count, seed, channels=1):
    return torch.rand(count, channels, 48, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SiameseNetwork(1, embedding_dim=16, width=8).eval()


def test_embeddings_have_unit_length_and_the_asked_size(network):
    embeddings = network.embed(random_images(5, 0))
    assert embeddings.shape == (5, 16)
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(5))


def test_distance_is_a_symmetric_metric_of_the_embeddings(network):
    a, b, c = (random_images(6, seed) for seed in range(3))
    assert network(a, a).tolist() == [0] * 6
    assert torch.allclose(network(a, b), network(b, a))
    assert (network(a, c) <= network(a, b) + network(b, c) + 1e-6).all()
    cosine = (network.embed(a) * network.embed(b)).sum(dim=1)
    assert torch.allclose(network(a, b) ** 2, 2 - 2 * cosine, atol=1e-5)
    assert (network(a, b) > 0).all()


def test_equal_images_leave_finite_gradients(network):
    images = random_images(2, 0)
    network(images, images).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_learns_who_is_who_and_finds_a_planted_label_swap(network):
    rows = [16, 28, 40]
    images, users = batch(rows, seeds=range(5))
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for _ in range(40):
        optimizer.zero_grad()
        contrastive_loss(*batch_pairs(network.embed(images), users)).backward()
        optimizer.step()
    unseen, truth = batch(rows, seeds=range(20, 23))
    with torch.no_grad():
        distance = torch.cdist(network.embed(unseen), network.embed(images))
    claimed = truth.clone()
    claimed[[0, 8]] = truth[[8, 0]]
    nearest = torch.stack([distance[:, users == user].mean(dim=1) for user in range(3)], dim=1).argmin(dim=1)
    assert (nearest != claimed).nonzero().flatten().tolist() == [0, 8]
