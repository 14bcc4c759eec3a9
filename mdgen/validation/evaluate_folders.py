"""Judge generated images of any origin: two folders, or a folder and a reference, and no run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mdgen import __version__
from mdgen.config.presets import preset
from mdgen.data.colormap import is_grey
from mdgen.data.user_folders import UserFolders, list_users
from mdgen.data.windows import WINDOWS_FILE, separate
from mdgen.errors import RequestError
from mdgen.runs.folder import RunFolder, Users
from mdgen.validation.evaluate_samples import (
    SCHEMA_VERSION,
    add_inception,
    all_figures,
    concluded,
    described,
    gathered,
    judge_sets,
    judged_by,
)
from mdgen.validation.image_facts import ImageFacts
from mdgen.validation.image_sets import ImageSet, check_generated, drawing_settings, read_tree
from mdgen.validation.reference_set import read_reference, write_reference

LARGEST = 128            # pixels of a side, unless another size is asked for
STEP = 8                 # pixels: sides are multiples of it
PATCHES = 4, 8, 16       # of decoders that are not known here


def evaluate_folders(real_dir: Path, generated_dir: Path, report_dir: Path, *, device, held_out_dir: Path | None = None,
                     size=None, gap: int | None = None, save_reference: Path | None = None, inception=None,
                     resize: str = "pytorch-fid", thresholds=None, required=(), progress=None,
                     command: str = "") -> dict:
    """`evaluate_samples` without a run: real and generated user folders of the same users.

    real_dir: what the generator was trained on; its last images of every user are the held-out ones unless held_out_dir
    has others: then all of real_dir are training images. size: (height, width) in pixels at which all are compared; by
    default the smaller of the two folders' first images, at most LARGEST. gap: see `DataConfig`. save_reference: a file
    for `evaluate_against_reference`.
    Judges, decoded images and what is slow to compute are kept in report_dir/work.
    """
    progress = progress or (lambda *label: None)
    run = stand_in(Path(real_dir), Path(generated_dir), Path(report_dir) / "work", size, gap, progress)
    evidence = gathered(run, real_dir, generated_dir, held_out_dir, PATCHES, device, progress, whole=True)
    if save_reference is not None:
        write_reference(Path(save_reference), evidence)
    results = {**header(run, generated_dir, command), "real": str(real_dir), "held_out": str(held_out_dir or real_dir),
               "notes": notes(run, real_dir, generated_dir, gap), **all_figures(evidence, device, progress)}
    if inception is not None:
        add_inception(results, inception, resize, evidence, device, progress)
    return concluded(results, evidence, Path(report_dir), thresholds, required)


def evaluate_against_reference(reference: Path, generated_dir: Path, report_dir: Path, *, device, thresholds=None,
                               required=(), progress=None, command: str = "") -> dict:
    """The same against a file of `save_reference`: all that needs no real image any more.

    Copies, the two-sample test, diversity in pixels, what identity rests on and usefulness are not measured.
    """
    progress = progress or (lambda *label: None)
    evidence, hashes = read_reference(Path(reference), Path(report_dir) / "work", device)
    run = evidence.run
    check_generated(Path(generated_dir), run.users.names)
    tree = read_tree(run, Path(generated_dir), "--generated", progress("read generated images"))
    generated = judged_by(evidence.judges, ImageSet(tree, torch.arange(len(tree)), separate(len(tree))), device)
    facts = [*evidence.facts, ImageFacts.of(generated.images, evidence.axes, evidence.patches)]
    evidence = evidence._replace(judged=[*evidence.judged, generated], facts=facts)
    about = described(evidence.judges, run, evidence.judged)
    results = {**header(run, generated_dir, command), "real": str(reference), "held_out": str(reference), **about,
               "notes": notes(run, None, generated_dir, None),
               "hashes": hashes | about["hashes"],
               **judge_sets(*evidence.judged, len(run.users.names), evidence.axes, facts)}
    results["verification"]["loss"] = run.config.evaluation.siamese_loss
    return concluded(results, evidence, Path(report_dir), thresholds, required)


def header(run: RunFolder, generated_dir, command: str) -> dict:
    data = run.config.data
    return {"schema_version": SCHEMA_VERSION, "mdgen": __version__, "command": command, "preset": run.config.preset,
            "seed": run.config.seed, "run": None, "size": [data.height, data.width], "generated": str(generated_dir),
            "drawn_with": drawing_settings(Path(generated_dir))}


def stand_in(real_dir: Path, generated_dir: Path, work: Path, size, gap, progress) -> RunFolder:
    """A run in memory that knows the users of real_dir and how their images are read."""
    try:
        names = list(list_users(real_dir))
    except RequestError as problem:
        raise RequestError(str(problem).replace("--data-dir", "--real")) from None
    if gap is not None and gap < 0:
        raise RequestError(f"--gap is {gap}; expected 0 or more")
    check_generated(generated_dir, names)
    height, width = checked_size(size) if size else smaller(first_size(real_dir), first_size(generated_dir))
    config = preset("small")
    data = replace(config.data, height=height, width=width, gap=config.data.gap if gap is None else gap)
    config = replace(config, preset="folders", data=data)
    tree = UserFolders(real_dir, height=height, width=width, channels="auto", cache_dir=work / "cache",
                       progress=progress("read real images"))
    return RunFolder(work, config, Users(tree.users, str(real_dir), tree.channels, tree.colormap))


def first_image(folder: Path) -> Image.Image:
    """The first image of a folder of users."""
    path = next(iter(list_users(folder, min_images=1, min_users=1).values()))[0]
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except OSError:
        raise RequestError(f"{path} cannot be read as an image; remove or replace it") from None


def first_size(folder: Path) -> tuple[int, int]:
    """(height, width) of the first image of a folder of users."""
    return first_image(folder).size[::-1]


def smaller(first, second) -> tuple[int, int]:
    """The smaller of two sizes on either side, at most LARGEST and in the same proportion, in multiples of 8 pixels."""
    sides = [min(pair) for pair in zip(first, second)]
    shrink = min(1, LARGEST / max(sides))
    return tuple(max(STEP, int(side * shrink) // STEP * STEP) for side in sides)


def checked_size(size) -> tuple[int, int]:
    """The size asked for; RequestError where the judges cannot see it."""
    if min(size) < 2 * STEP or any(side % STEP for side in size):
        raise RequestError(f"--size is {size[0]} {size[1]}; expected multiples of {STEP} from {2 * STEP} up, such as "
                           f"{' '.join(str(max(2 * STEP, side // STEP * STEP)) for side in size)}")
    return tuple(size)


def notes(run: RunFolder, real_dir, generated_dir, gap: int | None) -> list[str]:
    """What the user did not say and should know: at which size, in which colours and with which overlap is compared."""
    data, pictures = run.config.data, {"generated": generated_dir} | ({"real": real_dir} if real_dir else {})
    first = {name: first_image(Path(folder)) for name, folder in pictures.items()}
    looks = {name: "gray" if is_grey(np.asarray(image.convert("RGB"))) else "colour" for name, image in first.items()}
    looks.setdefault("real", "gray" if run.users.colormap == "gray" else "colour")
    sizes = "; ".join(f"{name} {image.height} x {image.width}" for name, image in sorted(first.items()))
    said = [f"compared at {data.height} x {data.width} pixels, as {run.users.channels}"
            f"{f' by the colour map {run.users.colormap}' if run.users.colormap else ''}; first images: {sizes}"]
    if looks["real"] != looks["generated"]:
        said.append(f"real images are in {looks['real']}, generated ones in {looks['generated']}: gray levels are "
                    "taken as intensities, which they are not if they were made from colours")
    if real_dir and gap is None and not (Path(real_dir) / WINDOWS_FILE).is_file():
        said.append(f"images up to {data.gap} places apart are taken to share samples, since no windows.csv says more; "
                    "if every file is a recording of its own, give --gap 0")
    return said
