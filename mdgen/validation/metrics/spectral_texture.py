"""How much fine texture images have: real spectrograms are speckled, blurred or averaged ones are smooth."""

import numpy as np

from mdgen.validation.metrics.per_user import user_means

FINE_CYCLES = 16.0   # per image side: beyond it lies speckle, below it limbs and torso


def fine_power(images, cycles: float = FINE_CYCLES):
    """Mean spectral power of the intensity (the mean of the channels) beyond `cycles` per image, float64 [N].

    images [N, C, H, W], any real type. 2-D FFT with the mean removed; the radius is in cycles per image side,
    so it does not change with the size in pixels. NaN where an image has no frequency that high.
    """
    height, width = images.shape[-2:]
    radius = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.fftfreq(width) * width)   # [H, W]
    fine = radius > cycles
    return np.array([_power(image, fine) for image in images])


def _power(image, fine) -> float:
    intensity = image.astype(np.float64).mean(axis=0)
    spectrum = np.fft.fft2(intensity - intensity.mean()) / intensity.size
    return float((np.abs(spectrum[fine]) ** 2).mean()) if fine.any() else float("nan")


def user_fine_power(images, users, num_users: int) -> list:
    """Mean `fine_power` of every user: list of num_users floats, None where there is nothing to measure."""
    return user_means(fine_power(images), users, num_users)
