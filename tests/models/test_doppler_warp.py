import pytest
import torch

from mdgen.models import VAE
from mdgen.models.doppler_warp import LEAST, DopplerWarp, room, stretches

H = 48


def walks(count=24, seed=0):
    """Floor everywhere but for a band of fine noise in the middle third of the rows."""
    noise = torch.rand(count, 1, H, 32, generator=torch.Generator().manual_seed(seed))
    images = torch.full((count, 1, H, 32), -1.0)
    images[:, :, 16:32] = noise[:, :, 16:32] * 1.8 - 0.9
    return images


def errors(inside, outside):
    """Squared errors [H]: `inside` in the middle third, `outside` elsewhere."""
    found = torch.full((H,), outside, dtype=torch.float64)
    found[16:32] = inside
    return found


def moments(images):
    columns = (images.double() + 1).movedim(2, -1).flatten(0, -2)
    return columns.T @ columns / len(columns)


def test_equal_errors_give_equal_room_and_change_nothing():
    assert torch.allclose(room(errors(1.0, 1.0), 2.0, 5), torch.ones(H, dtype=torch.float64))
    warp, images = DopplerWarp(H), walks()
    warp.fit(errors(1.0, 1.0), moments(images), 2.0, 5)
    assert torch.allclose(warp(images), images, atol=1e-6)
    assert torch.allclose(warp.inverse(warp(images)), images, atol=1e-2)


def test_room_is_the_optimum_of_the_sum_of_errors():
    """No other room of the same mean gives a smaller sum of e / d^1.2."""
    error = errors(4.0, 1.0)
    found = room(error, 4.0, 1)
    assert found.mean() == pytest.approx(1.0)
    assert found[20] / found[2] == pytest.approx(4.0 ** (1 / 2.2))
    least = (error / found**1.2).sum()
    for seed in range(20):
        other = found * (1 + 0.1 * torch.randn(H, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
        other = other / other.mean()
        assert (error / other**1.2).sum() > least


def test_no_row_is_magnified_beyond_the_zoom_nor_left_without_room():
    found = room(errors(1.0, 0.0), 1.5, 1)
    assert found.max() <= 1.5 * 1.01 and found.min() >= LEAST * 0.99 and found.mean() == pytest.approx(1.0)
    assert torch.isfinite(room(torch.zeros(H, dtype=torch.float64), 2.0, 5)).all()   # nothing missed anywhere


def test_stretches_hold_as_much_room_as_one_another():
    rooms = room(errors(9.0, 1.0), 3.0, 7)
    edges = stretches(rooms, H)
    assert edges[0] == 0 and edges[-1] == H and (edges.diff() > 0).all()
    above = torch.cat([torch.zeros(1, dtype=torch.float64), rooms.cumsum(0)])
    place = torch.stack([above[int(e)] + (e - int(e)) * (above[min(int(e) + 1, H)] - above[int(e)]) for e in edges])
    assert torch.allclose(place.diff(), torch.ones(H, dtype=torch.float64), atol=1e-9)


def test_the_floor_stays_the_floor_and_a_constant_row_its_level():
    warp, images = DopplerWarp(H), walks()
    warp.fit(errors(9.0, 0.5), moments(images), 2.0, 5)
    empty = torch.full((1, 1, H, 8), -1.0)
    assert torch.allclose(warp(empty), empty, atol=1e-6) and torch.allclose(warp.inverse(empty), empty, atol=1e-6)
    assert torch.allclose(warp(torch.full((1, 1, H, 8), 0.3)), torch.tensor(0.3), atol=1e-6)


def test_the_way_back_is_the_best_linear_guess():
    """The normal equations: what is still missed is uncorrelated with what was seen."""
    images, warp = walks(200), DopplerWarp(H)
    warp.fit(errors(9.0, 0.5), moments(images), 2.0, 5)
    seen = warp(images) + 1
    missed = images - warp.inverse(warp(images))
    columns = [part.double().movedim(2, -1).flatten(0, -2) for part in (missed, seen)]
    assert (columns[0].T @ columns[1] / len(columns[0])).abs().max() < 1e-4


def test_an_autoencoder_with_room_by_need_loses_less_than_one_of_equal_cells():
    images = walks()
    losses = {}
    for zoom in (1.0, 2.0):
        torch.manual_seed(0)
        vae = VAE(1, 16, 8, width=8, blocks=1, row_zoom=zoom, height=H)
        vae.fit_patch_basis(images)
        losses[zoom] = (vae.decode(vae.encode(images)[0]) - images).square().mean().item()
    assert losses[2.0] < 0.9 * losses[1.0]


def test_batches_give_the_fit_of_all_images_at_once():
    images = walks()
    whole, batched = (VAE(1, 16, 8, width=8, blocks=1, row_zoom=2.0, height=H) for _ in range(2))
    whole.fit_patch_basis(images)
    batched.fit_patch_basis(lambda: iter(images.split(7)))
    assert torch.allclose(whole.warp.analysis, batched.warp.analysis, atol=1e-5)
    assert torch.allclose(whole.warp.synthesis, batched.warp.synthesis, atol=1e-4)
