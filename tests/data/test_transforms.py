import pytest
import torch

from mdgen.data.transforms import add_noise, augment, change_gain, mask, shift_time


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(batch, channels=1, height=12, width=20, seed=0):
    return torch.rand(batch, channels, height, width, generator=generator(seed)) * 1.2 - 0.6


def test_same_generator_state_same_images_and_the_input_stays():
    images = random_images(4)
    before = images.clone()
    settings = dict(gain=0.1, max_shift=3, noise=0.05, time_mask=4, doppler_mask=3)
    first, second = (augment(images, generator(5), **settings) for _ in range(2))
    assert torch.equal(first, second) and torch.equal(images, before)
    assert not torch.equal(first, augment(images, generator(6), **settings))


def test_nothing_asked_for_is_a_copy():
    images = random_images(2)
    same = augment(images, generator(), gain=0, max_shift=0)
    assert torch.equal(same, images) and same.data_ptr() != images.data_ptr()


def test_a_lone_echo_never_leaves_its_row_and_moves_at_most_the_shift():
    """A flip of either axis, or any Doppler shift or stretch, would move it elsewhere."""
    images = torch.full((600, 1, 16, 24), -1.0)
    images[:, :, 3, 7] = 0.5
    drawn = augment(images, generator(), gain=0.05, max_shift=2)
    place = drawn.flatten(1).argmax(dim=1)
    assert (place // 24).unique().tolist() == [3]
    assert (place % 24).unique().tolist() == [5, 6, 7, 8, 9]


def test_order_in_time_is_kept_along_the_whole_axis():
    ramp = torch.linspace(-0.9, 0.9, 24).expand(300, 1, 16, 24)
    steps = augment(ramp, generator(), gain=0.2, max_shift=5).diff(dim=3)
    assert steps.min() > -1e-6                    # never backwards
    assert (steps.sum(dim=3) > 0.5).all()         # and it does rise


def test_shift_copies_columns_and_repeats_the_edge():
    images = random_images(3)
    shifted = shift_time(images, torch.tensor([0, 2, -3]))
    assert torch.equal(shifted[0], images[0])
    assert torch.equal(shifted[1, :, :, 2:], images[1, :, :, :-2])
    assert torch.equal(shifted[1, :, :, :2], images[1, :, :, :1].expand(-1, -1, 2))
    assert torch.equal(shifted[2, :, :, :-3], images[2, :, :, 3:])
    assert torch.equal(shifted[2, :, :, -3:], images[2, :, :, -1:].expand(-1, -1, 3))


def test_gain_is_one_offset_per_image_spread_over_the_asked_range():
    images = random_images(2000, height=2, width=3)
    offset = (augment(images, generator(), gain=0.1, max_shift=0) - images).flatten(1)
    assert (offset - offset[:, :1]).abs().max() < 1e-6
    assert offset.abs().max() <= 0.2 + 1e-6 and offset.min() < -0.19 and offset.max() > 0.19
    assert offset[:, 0].std() == pytest.approx(0.4 / 12**0.5, rel=0.05)  # uniform of width 0.4
    assert change_gain(torch.full((1, 1, 1, 1), -0.9), torch.tensor([-0.2])).item() == -1


def test_noise_shakes_weak_cells_and_leaves_the_strongest():
    images = torch.cat([torch.zeros(1, 1, 64, 64), torch.ones(1, 1, 64, 64)])
    shaken = augment(images, generator(), gain=0, max_shift=0, noise=0.1)
    assert torch.equal(shaken[1], images[1])
    assert shaken[0].std().item() == pytest.approx(0.1, rel=0.05)  # half way up: half of 2 * noise
    assert add_noise(images, torch.full_like(images, -5.0)).min() == -1


@pytest.mark.parametrize("axis, other", [(3, 2), (2, 3)])
def test_mask_blanks_one_band_of_at_most_the_asked_width(axis, other):
    images = random_images(400)
    width, start = torch.rand(2, 400, generator=generator(1))
    drawn = mask(images, axis, 5, width, start)
    blank = (drawn == -1).all(dim=other)[:, 0]                     # [B, lines]
    widths = blank.sum(dim=1)
    assert sorted(widths.unique().tolist()) == [0, 1, 2, 3, 4, 5]
    edges = torch.nn.functional.pad(blank.long(), (1, 1)).diff(dim=1).abs().sum(dim=1)
    assert torch.equal(edges, 2 * (widths > 0))                    # one band only
    assert blank.any(dim=0).all()                                  # every line has its turn
    kept = ~blank.unsqueeze(1).unsqueeze(other).expand_as(images)
    assert torch.equal(drawn[kept], images[kept])


def test_colour_images_are_only_shifted():
    images = random_images(5, channels=3)
    drawn = augment(images, generator(3), gain=0.3, max_shift=2, noise=0.3, time_mask=5, doppler_mask=5)
    assert torch.equal(drawn, augment(images, generator(3), gain=0, max_shift=2))
    columns = {tuple(image[:, :, 10].flatten().tolist()) for image in drawn}
    assert columns <= {tuple(image[:, :, c].flatten().tolist()) for image in images for c in range(8, 13)}


def test_range_is_kept_and_wrong_input_is_refused():
    drawn = augment(random_images(50) * 1.6, generator(), gain=0.5, noise=0.5)
    assert drawn.min() >= -1 and drawn.max() <= 1
    with pytest.raises(ValueError, match=r"\[2, 2, 12, 20\]"):
        augment(random_images(2, channels=2), generator())
    with pytest.raises(ValueError, match="0 or more"):
        augment(random_images(2), generator(), gain=-0.1)
