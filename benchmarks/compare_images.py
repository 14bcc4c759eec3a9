"""Statistics of two folders of users side by side: how far simulated or generated images are from measured ones.

    python benchmarks/compare_images.py REAL OTHER 20

Every figure is the mean over users of the mean over their images; in brackets the deviation between users. Heights
are shares of the image (0 bottom, 1 top), intensities shares of the dynamic range. Lag correlations tell the speckle's
size.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from mdgen import commandline

SIDE = 256
FLOOR = 0.02  # intensities up to this are the floor colour


def parser():
    p = commandline.Parser(prog="compare_images.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("real", type=Path, metavar="REAL", help="measured images, one folder per user")
    p.add_argument("other", type=Path, metavar="OTHER", help="the images to compare with them, one folder per user")
    p.add_argument("images", type=int, nargs="?", default=20, metavar="N", help="images per user (default: 20)")
    return p


def images_of(folder: Path, count: int):
    """[n, SIDE, SIDE] intensities of evenly chosen images of a user."""
    from PIL import Image

    from mdgen.data.colormap import detect_colormap, to_intensity

    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    files = [files[i] for i in np.linspace(0, len(files) - 1, min(count, len(files))).astype(int)]
    pixels = [np.asarray(Image.open(f).convert("RGB").resize((SIDE, SIDE), Image.Resampling.NEAREST)) for f in files]
    return np.stack([to_intensity(p, detect_colormap(pixels[:3]) or "jet") for p in pixels])


def lag(image, axis, distance):
    """Correlation of the residue from a smooth image at a distance in pixels."""
    from scipy.ndimage import uniform_filter1d

    smooth = uniform_filter1d(uniform_filter1d(image, 15, axis=0), 21, axis=1)
    rest = (image - smooth) * (smooth > 0.15)
    near, far = (np.take(rest, range(*part), axis=axis) for part in ((0, SIDE - distance), (distance, SIDE)))
    return (near * far).mean() / (rest**2).mean()


def fine_share(image):
    """Share of spectral power beyond 16 cycles per image, at 64 x 64."""
    small = image.reshape(64, SIDE // 64, 64, SIDE // 64).mean(axis=(1, 3))
    power = np.abs(np.fft.fft2(small - small.mean())) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(64, 1 / 64), np.fft.fftfreq(64, 1 / 64)))
    return power[radius > 16].sum() / power.sum()


def figures(image):
    """Name -> number for one image [SIDE, SIDE]."""
    from scipy.ndimage import uniform_filter1d

    from mdgen.radar import bandwidth, envelope, torso_line

    height = 1 - (np.arange(SIDE) + 0.5) / SIDE
    line = torso_line(image, height * 7.4) / 7.4  # torso_line reckons in m/s
    upper, lower = envelope(uniform_filter1d(image, 3, axis=1), height, threshold=0.12)
    lit, column = image[image > FLOOR], image.mean(axis=0)
    swing = uniform_filter1d(column, 5)
    near = image[np.clip(((1 - line) * SIDE).astype(int), 0, SIDE - 1), np.arange(SIDE)]
    rows = image.mean(axis=1)
    return {
        "floor share": (image <= FLOOR).mean(), "mean where lit": lit.mean(), "deviation where lit": lit.std(),
        "90 % quantile where lit": np.quantile(lit, 0.9),
        "column mean": column.mean(), "column mean, deviation over time": swing.std(),
        "column mean, least / most": np.quantile(swing, 0.05) / np.quantile(swing, 0.95),
        "row mean, most": rows.max(), "row mean, half-height width": (rows > rows.max() / 2).mean(),
        "row mean 0.12 above torso": rows[np.abs(height - line.mean() - 0.12).argmin()],
        "row mean 0.30 above torso": rows[np.abs(height - line.mean() - 0.30).argmin()],
        "row mean 0.12 below torso": rows[np.abs(height - line.mean() + 0.12).argmin()],
        "row mean 0.22 below torso": rows[np.abs(height - line.mean() + 0.22).argmin()],
        "torso line, height": line.mean(), "torso line, deviation": line.std(), "torso line, intensity": near.mean(),
        "upper envelope, mean": np.nanmean(upper), "upper envelope, 90 %": np.nanquantile(upper, 0.9),
        "upper envelope, 10 %": np.nanquantile(upper, 0.1),
        "lower envelope, mean": np.nanmean(lower), "lower envelope, 10 %": np.nanquantile(lower, 0.1),
        "lower envelope, 90 %": np.nanquantile(lower, 0.9), "bandwidth": bandwidth(image, height, threshold=0.12),
        "vertical lag 2": lag(image, 0, 2), "vertical lag 4": lag(image, 0, 4), "vertical lag 8": lag(image, 0, 8),
        "horizontal lag 2": lag(image, 1, 2), "horizontal lag 5": lag(image, 1, 5), "fine power": fine_share(image)}


def table(folder: Path, count: int):
    """Name -> (mean, deviation between users)."""
    users = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    per_user = []
    for user in users:
        rows = [figures(image) for image in images_of(user, count)]
        per_user.append({name: np.mean([row[name] for row in rows]) for name in rows[0]})
    return {name: (np.mean([u[name] for u in per_user]), np.std([u[name] for u in per_user])) for name in per_user[0]}


def main(argv) -> int:
    args = parser().parse_args(argv)
    first, second = (table(folder, args.images) for folder in (args.real, args.other))
    print(f"| | {args.real.name} | {args.other.name} | gap in deviations between users |\n| --- | --- | --- | --- |")
    for name, (mean, spread) in first.items():
        gap = (second[name][0] - mean) / max(spread, 1e-9)
        print(f"| {name} | {mean:.3f} ({spread:.3f}) | {second[name][0]:.3f} ({second[name][1]:.3f}) | {gap:+.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
