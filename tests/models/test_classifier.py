"""What the classifier must see (Doppler position), what it must not (time), and that it learns."""

import pytest
import torch
from torch.nn import functional as F

from mdgen.models.classifier import DopplerEncoder, UserClassifier, row_channel


def ridge(row, height=64, width=64, seed=0):
    """A bright horizontal line on a noisy background: a walker of one constant velocity."""
    image = -0.8 + 0.1 * torch.randn(1, height, width, generator=torch.Generator().manual_seed(seed))
    image[:, row : row + 4] = 0.8
    return image


def trained_on_rows(rows, steps=30):
    torch.manual_seed(0)
    model = UserClassifier(1, len(rows), width=8)
    images = torch.stack([ridge(row, seed=seed) for row in rows for seed in range(4)])
    users = torch.arange(len(rows)).repeat_interleave(4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(images), users).backward()
        optimizer.step()
    return model.eval()


def test_tells_walkers_by_their_velocity_alone():
    rows = [12, 28, 36, 52]
    model = trained_on_rows(rows)
    unseen = torch.stack([ridge(row, seed=seed) for row in rows for seed in range(50, 55)])
    assert torch.equal(model(unseen).argmax(dim=1), torch.arange(4).repeat_interleave(5))


def test_a_planted_label_swap_is_found():
    rows = [12, 28, 36, 52]
    model, labels = trained_on_rows(rows), torch.tensor([0, 2, 1, 3])
    unseen = torch.stack([ridge(row, seed=60) for row in rows])
    assert (model(unseen).argmax(dim=1) != labels).tolist() == [False, True, True, False]


@pytest.mark.parametrize("channels, height, width", [(1, 64, 64), (3, 64, 96), (1, 50, 33), (3, 256, 128)])
def test_any_size_gives_features_and_logits(channels, height, width):
    model = UserClassifier(channels, num_users=31, width=8).eval()
    images = torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert model(images).shape == (2, 31)
    assert torch.allclose(model(images), model.head(model.features(images)))
    assert model.features(images).shape == (2, 32)


def test_an_enlarged_image_is_judged_like_the_original():
    model = UserClassifier(1, 5, width=8).eval()
    image = ridge(20)[None]
    enlarged = image.repeat_interleave(4, dim=2).repeat_interleave(2, dim=3)
    assert torch.allclose(model(image), model(enlarged), atol=1e-5)


def test_a_prediction_does_not_depend_on_the_rest_of_the_batch():
    model = UserClassifier(1, 5, width=8).eval()
    images = torch.stack([ridge(row) for row in (5, 25, 45)])
    model.train()
    model.dropout.p = 0.0
    assert torch.allclose(model(images)[1:2], model(images[1:2]), atol=1e-5)


def test_forgets_when_a_burst_came_and_keeps_its_velocity():
    torch.manual_seed(0)
    encoder = DopplerEncoder(1, dim=16, width=8).eval()
    image = torch.full((1, 1, 64, 64), -1.0)
    image[..., 24:32, 24:32] = torch.randn(8, 8).tanh()
    here, later, faster = encoder(image), encoder(image.roll(16, dims=3)), encoder(image.roll(-8, dims=2))
    assert torch.allclose(later, here, atol=1e-5)
    assert (faster - here).abs().max() > 0.01


def test_rows_are_numbered_from_the_top_down():
    stacked = row_channel(torch.zeros(2, 1, 5, 3))
    assert stacked.shape == (2, 2, 5, 3)
    assert torch.equal(stacked[1, 1, :, 2], torch.tensor([1.0, 0.5, 0.0, -0.5, -1.0]))
