import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as exact_kl
from torch.nn import functional as F

from mdgen.losses.autoencoder import censored_error, kl_divergence


def test_kl_against_torchs_own_gaussians():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = (torch.randn(3, 4, 2, 5, generator=generator) for _ in range(2))
    expected = exact_kl(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).mean()
    assert kl_divergence(mean, log_variance) == pytest.approx(float(expected), rel=1e-5)


def test_kl_is_zero_only_for_the_unit_gaussian():
    zero = torch.zeros(2, 3)
    assert kl_divergence(zero, zero) == 0
    assert min(kl_divergence(zero + 0.1, zero), kl_divergence(zero, zero - 0.1),
               kl_divergence(zero, zero + 0.1)) > 0


def test_within_the_range_it_is_the_mean_squared_error():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 1, 8, 8, generator=generator) * 1.8 - 0.9
    decoded = torch.randn(2, 1, 8, 8, generator=generator)
    assert torch.equal(censored_error(decoded, images), F.mse_loss(decoded, images))


def test_beyond_an_end_of_the_range_nothing_is_wrong():
    images = torch.tensor([[[[-1.0, 1.0, -1.0, 1.0]]]])
    decoded = torch.tensor([[[[-1.7, 1.2, -0.8, 0.5]]]], requires_grad=True)
    loss = censored_error(decoded, images)
    assert torch.allclose(loss, torch.tensor((0.2**2 + 0.5**2) / 4))
    loss.backward()
    assert torch.equal(decoded.grad[0, 0, 0, :2], torch.zeros(2))
    assert decoded.grad[0, 0, 0, 2] > 0 and decoded.grad[0, 0, 0, 3] < 0


def test_an_echo_decoded_below_the_floor_is_pulled_back():
    decoded = torch.full((1, 1, 2, 2), -1.5, requires_grad=True)
    censored_error(decoded, torch.full((1, 1, 2, 2), -0.9)).backward()
    assert (decoded.grad < 0).all()
