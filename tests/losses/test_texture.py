import pytest
import torch
from torch.nn import functional as F

from mdgen.losses.texture import detail_amplitude, level_distance, texture_distance
from mdgen.validation.metrics.spectral_texture import fine_power


def speckle(count=4, seed=0):
    return torch.randn(count, 1, 32, 32, generator=torch.Generator().manual_seed(seed))


def test_white_noise_has_its_deviation_in_every_band_and_an_even_image_has_none():
    assert detail_amplitude(speckle(64)).square().mean().item() == pytest.approx(1, rel=0.02)
    assert detail_amplitude(torch.full((1, 1, 32, 32), 0.7), eps=0.0).max() == 0


def test_grains_may_lie_elsewhere_but_must_be_there():
    """Another draw of the same speckle is nearer than the mean of all draws, which a squared error prefers."""
    x, other, mean = speckle(seed=0), speckle(seed=1), torch.zeros(4, 1, 32, 32)
    assert texture_distance(other, x) < 0.4 * texture_distance(mean, x)
    assert F.mse_loss(other, x) > F.mse_loss(mean, x)
    assert texture_distance(x, x) == 0


def test_descending_it_brings_lost_speckle_back():
    x = speckle()
    smooth = F.avg_pool2d(x, 3, stride=1, padding=1).requires_grad_()
    before = fine_power(smooth.detach().numpy()).mean() / fine_power(x.numpy()).mean()
    optimizer = torch.optim.Adam([smooth], 0.05)
    for _ in range(100):
        optimizer.zero_grad()
        texture_distance(smooth, x).backward()
        optimizer.step()
    after = fine_power(smooth.detach().numpy()).mean() / fine_power(x.numpy()).mean()
    assert before < 0.1 and 0.5 < after < 1.2


def test_it_is_local():
    x = speckle()
    moved = x.roll(16, dims=3) * torch.linspace(0, 1, 32)
    x = x * torch.linspace(0, 1, 32)
    flipped = x.flip(3)   # the same total power on the other side
    assert texture_distance(flipped, x) > 3 * texture_distance(moved, x)


def test_further_octaves_see_coarser_grain():
    """Grain of 4 pixels is nothing to the first octave of a smooth image, and all to the third."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(2, 1, 16, 16, generator=generator).repeat_interleave(4, 2).repeat_interleave(4, 3)
    coarse = F.avg_pool2d(coarse, 5, stride=1, padding=2)
    flat = torch.zeros_like(coarse)
    first, all_three = texture_distance(coarse, flat), texture_distance(coarse, flat, octaves=3)
    assert all_three > 1.5 * first


def test_levels_compare_histograms_wherever_the_levels_lie():
    x = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    shuffled = x.flatten(2)[..., torch.randperm(256, generator=torch.Generator().manual_seed(1))].view_as(x)
    assert level_distance(shuffled, x) == 0
    assert level_distance(x, x.flip(0)) > 0                                  # each image for itself
    assert level_distance(x * 0.5 + 0.25, x * 0.5) == pytest.approx(0.25)    # as far as levels are moved
    assert level_distance(torch.full_like(x, -3.0), torch.full_like(x, -1.0)) == 0   # beyond the floor is the floor


def test_the_gradient_of_levels_takes_a_haze_to_the_floor():
    real = torch.full((1, 1, 8, 8), -1.0)
    real[..., :2] = 0.5
    hazy = torch.full((1, 1, 8, 8), -0.9)
    hazy[..., :2] = 0.5
    hazy.requires_grad_()
    level_distance(hazy, real).backward()
    assert (hazy.grad[..., 2:] > 0).all() and (hazy.grad[..., :2] == 0).all()
