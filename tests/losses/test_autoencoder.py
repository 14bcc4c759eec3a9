import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as exact_kl

from mdgen.losses.autoencoder import kl_divergence


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
