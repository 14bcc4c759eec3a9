"""Which figure notices which fault: faults planted in real images that pose as generated ones, as a table.

    python benchmarks/planted_faults.py FOLDER

Eight simulated users. Of each, 60 recordings are the real images; 24 others, which no judge is shown, pose as
generated. So they stand for a perfect generator. Each fault changes these 24. FOLDER keeps the images and the judges.
The table is the one of docs/validation.md; a figure that its threshold refuses is bold, and a p of a pooled test
that rejects.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from mdgen import commandline

PERFECT = "real against real"


def parser():
    p = commandline.Parser(prog="planted_faults.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=Path, metavar="FOLDER", help="keeps the images, the judges and a report per fault")
    p.add_argument("--real", type=int, default=60, metavar="N", help="real images per user (default: 60)")
    p.add_argument("--generated", type=int, default=24, metavar="N",
                   help="images per user that pose as generated (default: 24)")
    p.add_argument("--preset", default="demo", help="of the judges (default: demo)")
    p.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="default: cpu")
    return p


def prepare(folder: Path, real: int, generated: int, name: str):
    """FOLDER/real, FOLDER/generated/real against real, and a run of the preset `name` without weights that knows the
    real users."""
    from mdgen.config.presets import preset
    from mdgen.data.demo import write_demo_users
    from mdgen.runs.folder import RunFolder, Users

    if not (folder / "run" / "config.json").exists():
        whole = write_demo_users(folder / "real", images_per_user=real + generated)
        for user in users(whole):
            target = folder / "generated" / PERFECT / user.name
            target.mkdir(parents=True)
            for path in sorted(user.iterdir())[real:]:
                path.rename(target / path.name)
    names = [user.name for user in users(folder / "real")]
    return RunFolder.create_or_resume(folder / "run", preset(name),
                                      Users(names, str(folder / "real"), "intensity", "jet"))


def users(folder: Path):
    return sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: int(path.name.split("_")[1]))


def plant(folder: Path, fault: str) -> Path:
    """FOLDER/generated/<fault>, made from the perfect images."""
    target = folder / "generated" / fault
    if fault != PERFECT:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder / "generated" / PERFECT, target)
        FAULTS[fault](target, folder / "real")
    return target


def change(target: Path, function):
    for path in sorted(target.glob("*/*.png")):
        function(Image.open(path)).save(path)


def collapse(target, real):
    """Every user has three pictures, again and again."""
    for user in users(target):
        files = sorted(user.iterdir())
        for index, path in enumerate(files[3:]):
            shutil.copy(files[index % 3], path)


def copy_training_images(target, real):
    """Three of the 24 images of every user are training images with a little noise."""
    for user in users(target):
        rng = np.random.default_rng(0)
        for path, source in zip(sorted(user.iterdir())[::8], sorted((real / user.name).iterdir())[::15]):
            pixels = np.asarray(Image.open(source)).astype(float)
            Image.fromarray((pixels + rng.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8)).save(path)


def swap_two(target, real):
    first, second = users(target)[:2]
    first.rename(target / "aside"), second.rename(first), (target / "aside").rename(second)


def shuffle_users(target, real):
    """Every image gets a random user."""
    files = [path for user in users(target) for path in sorted(user.iterdir())]
    images = [Image.open(path).copy() for path in files]
    for path, index in zip(files, np.random.default_rng(0).permutation(len(files))):
        images[index].save(path)


def make_noise(target, real):
    rng = np.random.default_rng(0)
    change(target, lambda image: Image.fromarray(rng.integers(0, 256, (*image.size[::-1], 3), dtype=np.uint8)))


def blur(target, real):
    change(target, lambda image: image.filter(ImageFilter.GaussianBlur(1.5)))


def on_levels(function):
    """A fault that changes intensities, int levels [H, W] of 255 -> [H, W], of images in jet colours."""
    def fault(target, real):
        from mdgen.data.colormap import to_color, to_levels

        rng = np.random.default_rng(0)
        change(target, lambda image: Image.fromarray(to_color(
            function(to_levels(np.asarray(image.convert("RGB")), "jet").astype(int), rng) / 255, "jet")))

    return fault


def haze(levels, rng):
    """A third of the floor is lifted by 6 to 12 levels, in clouds."""
    from scipy.ndimage import gaussian_filter

    clouds = gaussian_filter(rng.normal(size=levels.shape), 3)
    lifted = (clouds > np.quantile(clouds, 2 / 3)) & (levels < 5)
    return np.where(lifted, levels + rng.integers(6, 13, levels.shape), levels)


def patch_grid(levels, rng):
    """Every patch of 4 x 4 pixels that shows an echo has an error of its own, of 10 levels: differences across
    the grid are then 1.06 times those elsewhere."""
    height, width = levels.shape
    offsets = rng.normal(0, 10, (height // 4 + 1, width // 4 + 1)).repeat(4, axis=0).repeat(4, axis=1)
    return np.where(levels > 10, np.rint(levels + offsets[:height, :width]).astype(int).clip(1, None), levels)


FAULTS = {PERFECT: None, "collapsed modes": collapse, "planted copies": copy_training_images,
          "two users swapped": swap_two, "users shuffled": shuffle_users, "pure noise": make_noise, "blur": blur,
          "haze over the floor": on_levels(haze), "grid of the decoder's patches": on_levels(patch_grid)}


def row(fault: str, found: dict) -> str:
    """One line of the table: criteria of the verdict, bold where refused, then figures without a threshold."""
    from mdgen.validation.report.verdict import FAILED, NOT_MEASURED

    cells = [f"**{line['value']:.3g}**" if line["status"] == FAILED else f"{line['value']:.3g}"
             for line in found["verdict"]["criteria"] if line["status"] != NOT_MEASURED]
    part, features = found["distribution"]["user_classifier"], found["physics"]["features"]
    cells += [f"{part[name]['generated']:.2f}" for name in ("precision", "recall", "density", "coverage")]
    cells += [f"{features[name]['generated']['to_user']['overall']:.2f}" for name in ("torso_line", "spectrum")]
    for line in found["tests"]["pooled"]:
        rejected = line["p_holm"] <= found["tests"]["alpha"]
        cells.append(f"**{line['p_holm']:.2g}**" if rejected else f"{line['p_holm']:.2g}")
    cells += [f"{found['diversity']['pixels']['generated']['overall']:.2f}",
              f"{found['usefulness']['tstr']['mean']:.2f}"]
    return f"| {fault} | {' | '.join(cells)} |"


def main(argv) -> int:
    args = parser().parse_args(argv)
    from mdgen.validation.evaluate_samples import evaluate_samples
    from mdgen.validation.report.verdict import NOT_MEASURED

    folder, rows = args.folder, []
    run = prepare(folder, args.real, args.generated, args.preset)
    for fault in FAULTS:
        found = evaluate_samples(run, folder / "real", plant(folder, fault), folder / "reports" / fault,
                                 device=args.device)
        rows.append(row(fault, found))
        print(rows[-1], flush=True)
    names = [line["name"] for line in found["verdict"]["criteria"] if line["status"] != NOT_MEASURED]
    names += ["precision", "recall", "density", "coverage", "torso line to user", "spectrum to user",
              *(f"p of {test.replace('_', ' ')}" for test in found["tests"]["tests"]), "diversity, pixels", "TSTR"]
    print("\n".join(["", f"| fault | {' | '.join(names)} |", "| --- " * (len(names) + 1) + "|", *rows]))
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
