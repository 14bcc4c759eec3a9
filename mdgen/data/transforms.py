"""Augmentation that leaves the label true.

What may vary between two recordings of one walker: the echo's strength, the noise, the moment at which the
window was cut. What may not vary: the direction of time, because a flip reverses the walk, and the Doppler axis,
because a flip, shift or stretch changes the speeds that tell people apart. So nothing here moves a pixel to another
row.
"""

import torch

UNIT = 64   # pixels of the side at which settings of `for_size` are given


def for_size(settings: dict, shape) -> dict:
    """Settings of `augment` for images [..., H, W], from those for 64 x 64: lengths grow with the picture."""
    height, width = shape[-2:]
    sides = {"max_shift": width, "time_mask": width, "doppler_mask": height}
    return {key: round(value * sides[key] / UNIT) if key in sides else value for key, value in settings.items()}


def augment(images, generator, *, gain: float = 0.05, max_shift: int = 2, noise: float = 0.0,
            time_mask: int = 0, doppler_mask: int = 0):
    """Independent random changes of each image: [B, C, H, W] in [-1, 1] -> same shape and range, a copy.

    gain: largest change of level, as a share of the dynamic range (dB images: 0.05 of 60 dB is 3 dB).
    max_shift: largest shift along time, columns. noise: deviation of jitter on an empty cell, as a share.
    time_mask, doppler_mask: most columns or rows that are blanked; 0 is off.
    All randomness comes from generator, whose device need not be the images'. C = 1 is intensity. Images with C = 3
    are only shifted: in a colour map's colours, a gain, noise or an empty cell is no arithmetic on channels. Raises
    ValueError for other C or negative settings.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images are {list(images.shape)}, expected [B, 1 or 3, H, W]")
    if min(gain, max_shift, noise, time_mask, doppler_mask) < 0:
        raise ValueError("gain, max_shift, noise and the masks must be 0 or more")
    images = shift_time(images, _integers(images, max_shift, generator)) if max_shift else images.clone()
    if images.shape[1] == 3:
        return images
    if gain:
        images = change_gain(images, (2 * _uniform(images, generator) - 1) * gain)
    if noise:
        jitter = torch.randn(images.shape, generator=generator, device=generator.device).to(images)
        images = add_noise(images, noise * jitter)
    for axis, widest in ((3, time_mask), (2, doppler_mask)):
        if widest:
            images = mask(images, axis, widest, _uniform(images, generator), _uniform(images, generator))
    return images


def shift_time(images, columns):
    """Move image b later by columns[b] (int64 [B], negative: earlier); the edge column fills the gap."""
    width = images.shape[3]
    source = (torch.arange(width, device=images.device) - columns[:, None]).clamp(0, width - 1)  # [B, W]
    return images.gather(3, source[:, None, None, :].expand_as(images))


def change_gain(images, share):
    """Raise image b by share[b] of the dynamic range ([B]); what falls below the floor is lost."""
    return (images + 2 * share[:, None, None, None]).clamp(-1, 1)


def add_noise(images, jitter):
    """Add jitter (share of the range, [B, 1, H, W]), less on strong cells, as noise power on a dB scale."""
    weakness = (1 - images) / 2
    return (images + 2 * jitter * weakness).clamp(-1, 1)


def mask(images, axis: int, widest: int, width, start):
    """Set one band of 0 to `widest` lines along `axis` (2: Doppler, 3: time) to the floor.

    width, start: [B] in [0, 1), where 1 is the widest band and the last place that holds it.
    """
    lines = images.shape[axis]
    width = (width * (min(widest, lines) + 1)).long()  # [B]
    first = (start * (lines - width + 1)).long()
    place = torch.arange(lines, device=images.device)
    inside = (place >= first[:, None]) & (place < (first + width)[:, None])  # [B, lines]
    shape = (len(images), 1, lines, 1) if axis == 2 else (len(images), 1, 1, lines)
    return images.masked_fill(inside.view(shape), -1.0)


def _uniform(images, generator):
    return torch.rand(len(images), generator=generator, device=generator.device).to(images.device)


def _integers(images, limit, generator):
    drawn = torch.randint(-limit, limit + 1, (len(images),), generator=generator, device=generator.device)
    return drawn.to(images.device)
