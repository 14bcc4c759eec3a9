"""Single figures of an image that show by what a network tells generated from real ones."""

import numpy as np
from scipy.stats import rankdata

BANDS = ((0, 0), (1, 4), (5, 20), (21, 60), (61, 120), (121, 200), (201, 255))   # levels of 255, ends included


def simple_features(images, patches=(4,)) -> dict:
    """Name -> float64 [N] over images [N, C, H, W] uint8 (intensity: the mean of the channels, rounded to levels).

    Shares of the pixels in every band of BANDS, the first of which is the floor; maximum; mean. Of the differences
    between neighbours, in time and in Doppler: skewness, excess kurtosis, and correlation with the next difference. Of
    every size of `patches`, the pixels of a decoder's patch: mean absolute difference across the borders of its grid
    over that elsewhere; 1 where there is no grid to be seen. Power in dB in octaves of cycles per image side.
    """
    levels = images.astype(np.float32).mean(axis=1).round()
    found = {band_name(low, high): ((levels >= low) & (levels <= high)).mean(axis=(1, 2)) for low, high in BANDS}
    found |= {"maximum": levels.max(axis=(1, 2)), "mean": levels.mean(axis=(1, 2))}
    across = {"time": np.diff(levels, axis=2), "Doppler": np.diff(levels, axis=1).swapaxes(1, 2)}   # [N, lines, steps]
    for name, steps in across.items():
        found[f"differences in {name}, skewness"] = standard_moment(steps, 3)
        found[f"differences in {name}, kurtosis"] = standard_moment(steps, 4) - 3
        found[f"differences in {name}, correlation"] = correlation(steps[..., 1:], steps[..., :-1])
    for patch in patches:
        if min(levels.shape[1:]) > patch:
            found[f"grid of {patch} pixels"] = np.mean([grid(steps, patch) for steps in across.values()], axis=0)
    return {name: np.asarray(values, dtype=np.float64) for name, values in (found | octaves(levels)).items()}


def band_name(low: int, high: int) -> str:
    return f"share of level {low}" if low == high else f"share of levels {low} to {high}"


def standard_moment(values, order: int):
    """Mean of ((values - mean) / deviation)^order of every image, values [N, ...] -> [N]; 0 for a constant image."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    deviation = flat.std(axis=1)
    return np.divide((flat**order).mean(axis=1), deviation**order, out=np.zeros(len(flat)), where=deviation > 0)


def correlation(x, y):
    """Correlation of x and y [N, ...] within every image, [N]; 0 where one is constant."""
    x, y = (part.reshape(len(part), -1).astype(np.float64) for part in (x, y))
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.divide((x * y).sum(axis=1), scale, out=np.zeros(len(x)), where=scale > 0)


def grid(steps, patch: int):
    """Mean absolute difference across patch borders over that elsewhere: steps [N, lines, W - 1] -> [N]."""
    size, border = np.abs(steps), (np.arange(steps.shape[2]) + 1) % patch == 0
    return (size[..., border].mean(axis=(1, 2)) + 1e-6) / (size[..., ~border].mean(axis=(1, 2)) + 1e-6)


def octaves(levels) -> dict:
    """Power in dB within 1-2, 2-4, 4-8 ... cycles per image side: levels [N, H, W] -> name -> [N]."""
    height, width = levels.shape[1:]
    radius = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.fftfreq(width) * width)
    power = np.abs(np.fft.fft2(levels) / levels[0].size) ** 2
    rounding = 1 / 12 / levels[0].size    # power of rounding to levels: less says nothing
    edges = [2**k for k in range(int(np.log2(min(height, width) / 2)) + 1)]
    return {f"power at {low} to {2 * low} cycles": 10 * np.log10(
        power[:, (radius >= low) & (radius < 2 * low)].mean(axis=1) + rounding) for low in edges[:-1]}


def area_under_curve(first, second) -> float:
    """Chance that a value of second [M] is above one of first [N], ties half (Mann & Whitney 1947)."""
    ranks = rankdata(np.concatenate([first, second]))[len(first):]
    return float((ranks.sum() - len(second) * (len(second) + 1) / 2) / (len(first) * len(second)))
