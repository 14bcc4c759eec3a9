"""Pixels that are the same in all images: a white frame, the ticks and labels of an exported figure, a colour bar.

The floor of a spectrogram is the same in many images, too, and so is a line of no Doppler. Neither is cut away: the
floor is told by its colour, which is the most frequent one in the middle of the images, and a line by its place or by
being alone.
"""

from dataclasses import dataclass

import numpy as np

LEAST = 6           # images; of fewer the walk itself may look like what stays the same
STILL = 16.0        # standard deviation over the images, of 255, of what JPEG does to a pixel that stays
FLOOR = 60.0        # RGB distance from the floor's colour, within which a pixel is floor
ALIVE = 0.7         # of the most that a row or column has of pixels that change or are floor
THIN = 0.04         # of the height: a strip along the top or bottom alone that is a line of no Doppler, not a frame
LIKE = 25.0         # mean difference, of 255, of an image's frame from the others'
LEAST_LEFT = 0.2    # of the pixels, which a crop has to leave


@dataclass(frozen=True)
class Frame:
    """crop: pixels (left, top, right, bottom) to cut. usual: uint8 [H, W, 3], the images' mean."""

    crop: tuple
    usual: np.ndarray

    def surrounds(self, pixels) -> bool:
        """Whether an image uint8 [H, W, 3] of the same size has this frame, too."""
        if pixels.shape != self.usual.shape:
            return False
        different = np.abs(pixels[::2, ::2].astype(np.int16) - self.usual[::2, ::2]).mean(axis=-1)
        inside = np.zeros(self.usual.shape[:2], dtype=bool)
        cropped(inside, self.crop)[...] = True
        return bool(different[~inside[::2, ::2]].mean() <= LIKE)


def cropped(pixels, crop):
    """A view of pixels [H, W, ...] without (left, top, right, bottom) of them; crop () is none."""
    left, top, right, bottom = crop or (0, 0, 0, 0)
    return pixels[top:pixels.shape[0] - bottom, left:pixels.shape[1] - right]


def find_frame(pictures) -> Frame | None:
    """What uint8 [n, H, W, 3] have around the spectrogram; None of fewer than LEAST, or where there is nothing."""
    if len(pictures) < LEAST:
        return None
    usual = pictures.mean(axis=0, dtype=np.float32)
    spread = np.sqrt(np.square(pictures - usual).mean(axis=(0, 3)))                   # [H, W]
    alive = (spread > STILL) | (np.linalg.norm(usual - floor_colour(pictures), axis=-1) < FLOOR)
    rows = columns = slice(None)
    for _ in range(2):   # the second time without what the other axis has lost
        rows, columns = lively(alive[:, columns].mean(axis=1)), lively(alive[rows].mean(axis=0))
    height, width = alive.shape
    crop = columns.start, rows.start, width - columns.stop, height - rows.stop
    left = (rows.stop - rows.start) * (columns.stop - columns.start) / alive.size
    if not any(crop) or left < LEAST_LEFT or is_line(crop, height):
        return None
    return Frame(crop, np.rint(usual).astype(np.uint8))


def lively(shares) -> slice:
    """From the first to the last of shares [n] that is near the greatest."""
    places = np.flatnonzero(shares >= ALIVE * shares.max())
    return slice(int(places[0]), int(places[-1]) + 1)


def is_line(crop, height: int) -> bool:
    """Whether what would be cut is a line of no Doppler at one edge, as an unshifted transform leaves it."""
    left, top, right, bottom = crop
    return not (left or right or (top and bottom)) and max(top, bottom) <= max(1, THIN * height)


def floor_colour(pictures):
    """The most frequent colour [3] in the middle of uint8 [n, H, W, 3], in steps of 16."""
    height, width = pictures.shape[1:3]
    middle = pictures[:, height // 4:height - height // 4, width // 4:width - width // 4] >> 4
    packed = (middle[..., 0].astype(np.int32) << 8 | middle[..., 1].astype(np.int32) << 4 | middle[..., 2]).ravel()
    most = int(np.bincount(packed, minlength=4096).argmax())
    return np.array([most >> 8, most >> 4 & 15, most & 15]) * 16.0 + 8
