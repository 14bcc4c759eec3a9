import pytest
import torch
from torch.distributions import Normal, kl_divergence as exact_kl

from mdgen.losses.autoencoder import kl_divergence, reconstruction_error


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


@pytest.mark.parametrize("kind, expected",
                         [("l1", (0.5 + 0 + 1 + 0.1) / 4), ("mse", (0.25 + 0 + 1 + 0.01) / 4)])
def test_reconstruction_error_by_hand(kind, expected):
    images = torch.tensor([0.0, 0.5, -1.0, 0.2]).view(1, 1, 2, 2)
    found = torch.tensor([0.5, 0.5, 0.0, 0.1]).view(1, 1, 2, 2)
    assert float(reconstruction_error(found, images, kind)) == pytest.approx(expected, rel=1e-6)
