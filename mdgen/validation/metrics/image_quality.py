"""How close an image is to the one that it should be: PSNR, SSIM, and where the echo's outline runs."""

import numpy as np
from scipy.ndimage import correlate1d

from mdgen.radar.measures import envelope, noise_threshold

WINDOW, SIGMA = 11, 1.5   # of SSIM's Gaussian, pixels


def psnr(x, y, data_range: float = 255.0):
    """Peak signal-to-noise ratio of every pair of images in dB, float64 [N]; infinite where two are equal.

    x, y: [N, C, H, W], any real type; data_range: the largest possible difference.
    """
    with np.errstate(divide="ignore"):
        return 10 * np.log10(data_range**2 / squared_error(x, y))


def squared_error(x, y):
    """Mean squared error of every pair of images [N, C, H, W], float64 [N]."""
    return np.array([np.square(np.subtract(a, b, dtype=np.float64)).mean() for a, b in zip(x, y, strict=True)])


def ssim(x, y, data_range: float = 255.0):
    """Mean structural similarity of every pair of images, float64 [N] in [-1, 1] (Wang et al. 2004, eq. 13-14).

    x, y: [N, C, H, W], any real type, from 11 pixels up; data_range: the largest possible difference. Gaussian window
    of 11 pixels and deviation 1.5, weights that sum to 1, only where it lies inside; K1 = 0.01, K2 = 0.03. Channels
    are measured one by one and averaged.
    """
    x, y = np.asarray(x), np.asarray(y)
    if min(x.shape[2:]) < WINDOW:
        raise ValueError(f"images of {x.shape[2]}x{x.shape[3]} pixels; the window of SSIM needs {WINDOW}x{WINDOW}")
    return np.array([_similarity(a.astype(np.float64), b.astype(np.float64), data_range)
                     for a, b in zip(x, y, strict=True)])


def _similarity(x, y, data_range: float) -> float:
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mean_x, mean_y = local_mean(x), local_mean(y)
    variances = local_mean(x * x) - mean_x**2 + local_mean(y * y) - mean_y**2
    covariance = local_mean(x * y) - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)
                  / ((mean_x**2 + mean_y**2 + c1) * (variances + c2)))
    return float(similarity.mean())


def local_mean(image):
    """Gaussian-weighted means [C, H - 10, W - 10] of the windows that lie inside image [C, H, W]."""
    margin = WINDOW // 2
    weights = np.exp(-0.5 * ((np.arange(WINDOW) - margin) / SIGMA) ** 2)
    for axis in (-2, -1):
        image = correlate1d(image, weights / weights.sum(), axis=axis)
    return image[:, margin:-margin, margin:-margin]


def envelope_error(x, y):
    """How far the upper and lower envelope of y lie from those of x: (rows [N], missed [N]), float64.

    x, y: uint8 [N, C, H, W]; intensity is the mean of the channels. The envelope is the outermost row with an echo
    (`radar.envelope`), for both above x's own noise. rows: mean absolute error of the two outlines in image rows,
    which are Doppler bins of the image, over the columns where both have an echo; NaN without one. missed: share of
    columns where only one of the two has an echo.
    """
    return np.array([_outline_error(*(image.mean(axis=0) / 255.0 for image in pair))
                     for pair in zip(x, y, strict=True)]).reshape(-1, 2).T


def _outline_error(x, y):
    rows = -np.arange(len(x), dtype=np.float64)            # falls, as a velocity axis does
    threshold = noise_threshold(x, rows)
    outlines = [np.stack(envelope(image, rows, threshold=threshold)) for image in (x, y)]   # [2, W] each
    seen = [np.isfinite(outline[0]) for outline in outlines]
    both = seen[0] & seen[1]
    error = np.abs(outlines[0] - outlines[1])[:, both].mean() if both.any() else np.nan
    return error, (seen[0] != seen[1]).mean()
