"""Judge the generated images of a run: every number is taken twice, for them and for held-out real images.

References are the real training images: a perfect generator scores as the held-out images do.
"""

from pathlib import Path

import numpy as np
import torch

from mdgen import __version__
from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders, list_users
from mdgen.errors import RequestError
from mdgen.run_folder import RunFolder, listing
from mdgen.sampling import MANIFEST, read_manifest
from mdgen.training import distributed
from mdgen.validation.diversity import INDEPENDENT_GAP, ratios, user_diversity
from mdgen.validation.features import EXTRACTOR, JudgedSet, judge_images, per_user_subsets
from mdgen.validation.fid import frechet_between
from mdgen.validation.report import summary, write_report
from mdgen.validation.texture import FINE_CYCLES, user_fine_power
from mdgen.validation.user_classifier import recognition, train_judge

__all__ = ["evaluate_samples", "judge_sets", "summary"]
SCHEMA_VERSION = 1


def evaluate_samples(run: RunFolder, real_dir: Path, fake_dir: Path, report_dir: Path, *, device,
                     progress=None, command: str = "") -> dict:
    """Write report_dir/report.json, index.html and contact_sheet.png; returns what report.json holds.

    real_dir: user folders, split as training split them; fake_dir: user folders of generated images.
    progress: called as progress(label) -> callable(done, total). The judge is kept in RUN/report/judges.
    Raises RequestError where the folders do not fit the run or each other.
    """
    progress = progress or (lambda label: None)
    names, data = run.users.names, run.config.data
    real_dir, fake_dir = Path(real_dir), Path(fake_dir)
    check_generated(fake_dir, names)                      # before minutes are spent on the real ones
    drawn_with = drawing_settings(fake_dir)
    real = read_tree(run, real_dir, "--real", progress("read real images"))
    if real.users != names:
        raise RequestError(f"{real_dir} has {listing(real.users)}, but {run.path} was trained for "
                           f"{listing(names)}; give --real the data folder of that run")
    fake = read_tree(run, fake_dir, "--fake", progress("read generated images"))
    split = Split.of(real, data)
    if seen := split.seen_in(run.users.training_images):
        raise RequestError(f"{seen} of the {len(split.validation)} held-out images of {real_dir} are images that "
                           f"{run.path} was trained on, so they are no ceiling; restore the folder as it was, or give "
                           "--real a folder of other recordings")
    judge, key = train_judge(split, run.config.evaluation, run.path / "report" / "judges",
                             seed=run.config.seed, device=device)
    everything = torch.arange(len(fake))
    training, held_out, generated = (judge_images(judge, folders, indices, device) for folders, indices in
                                     ((real, split.train), (real, split.validation), (fake, everything)))
    results = {
        "schema_version": SCHEMA_VERSION, "mdgen": __version__, "command": command,
        "preset": run.config.preset, "seed": run.config.seed, "run": str(run.path),
        "real": str(real_dir), "generated": str(fake_dir),
        "drawn_with": drawn_with, "users": names,
        "extractor": {"name": EXTRACTOR, "key": key, "steps": run.config.evaluation.classifier_steps,
                      "features": training.features.shape[1], "trained_on": "the real training images"},
        **judge_sets(training, held_out, generated, len(names))}
    if distributed.is_main():
        write_report(results, held_out, generated, run.users.colormap, Path(report_dir))
    return results


def judge_sets(training: JudgedSet, held_out: JudgedSet, generated: JudgedSet, num_users: int) -> dict:
    """All figures, from the judge's view of the three sets: plain values, None where nothing can be said."""
    return {"images": {"training": len(training), "held_out": len(held_out), "generated": len(generated)},
            "recognition": {"held_out": recognition(held_out.probabilities, held_out.users),
                            "generated": recognition(generated.probabilities, generated.users)},
            f"fd_{EXTRACTOR}": distances(training, held_out, generated, num_users),
            "diversity": {"features": diversity(training, held_out, generated, num_users, "features"),
                          "pixels": diversity(training, held_out, generated, num_users, "images")},
            "texture": texture(training, held_out, generated, num_users)}


def distances(training, held_out, generated, num_users: int) -> dict:
    """Fréchet distances with their real-versus-real floors, all at N images of either side that is compared.

    Sets are cut to the same number per user, since the distance falls with N; means over five random cuts.
    against_training: generated and held-out cuts, each to all training images. against_held_out: generated
    and training cuts, each to held-out ones. all_images: without cuts, at unequal N.
    """
    counts = [min(len(s.of_user(user)) for s in (training, held_out, generated)) for user in range(num_users)]
    cuts = [[s.features[rows] for rows in per_user_subsets(s.users, counts, seed=i)]
            for i, s in enumerate((training, held_out, generated))]

    def mean(first, second):
        return float(np.mean([frechet_between(x, y) for x, y in zip(first, second)]))

    train_cuts, held_cuts, fake_cuts = cuts
    full = [training.features] * len(train_cuts)
    size, dim = sum(counts), training.features.shape[1]
    return {"n": size, "n_training": len(training), "features": dim,
            "small_n": size < 10 * dim,
            "against_training": {"generated": mean(fake_cuts, full), "floor": mean(held_cuts, full)},
            "against_held_out": {"generated": mean(fake_cuts, held_cuts),
                                 "floor": mean(train_cuts, held_cuts)},
            "all_images": {"n": len(generated), "n_training": len(training), "n_held_out": len(held_out),
                           "generated_to_training": frechet_between(generated.features, training.features),
                           "generated_to_held_out": frechet_between(generated.features, held_out.features),
                           "held_out_to_training": frechet_between(held_out.features, training.features)}}


def diversity(training, held_out, generated, num_users: int, what: str) -> dict:
    """Mean distance within a user over that of real training images; real pairs do not overlap in time."""
    def spread(s, gap):
        return user_diversity(getattr(s, what), s.users, num_users, s.positions, gap)

    reference = spread(training, INDEPENDENT_GAP)
    return {"generated": ratios(spread(generated, 1), reference),
            "held_out": ratios(spread(held_out, INDEPENDENT_GAP), reference), "training_distance": reference}


def texture(training, held_out, generated, num_users: int) -> dict:
    """Mean spectral power beyond 16 cycles per image over that of real training images."""
    fine = [user_fine_power(s.images, s.users, num_users) for s in (training, held_out, generated)]
    return {"cycles": FINE_CYCLES, "generated": ratios(fine[2], fine[0]),
            "held_out": ratios(fine[1], fine[0]), "training_power": fine[0]}


def read_tree(run: RunFolder, folder: Path, flag: str, progress) -> UserFolders:
    """Decode a tree with the run's size, channels and colour map; errors name the flag that chose it."""
    data = run.config.data
    try:
        return UserFolders(folder, height=data.height, width=data.width, channels=run.users.channels,
                           colormap=run.users.colormap or "auto", min_images=2 if flag == "--real" else 1,
                           cache_dir=run.path / "cache", progress=progress)
    except RequestError as problem:
        raise RequestError(str(problem).replace("--data-dir", flag)) from None


def check_generated(folder: Path, names) -> None:
    """RequestError unless the tree holds images of exactly these users."""
    remedy = "run sample.py for this run, or give --fake a folder with generated images of every user"
    if not folder.is_dir() or not any(path.is_dir() for path in folder.iterdir()):
        raise RequestError(f"there are no generated images in {folder}; {remedy}")
    try:
        found = list(list_users(folder, min_images=1, min_users=1))
    except RequestError as problem:
        raise RequestError(str(problem).replace("--data-dir", "--fake")) from None
    unknown, missing = [n for n in found if n not in names], [n for n in names if n not in found]
    if unknown:
        raise RequestError(f"{folder} has images of {listing(unknown)}, whom this run does not know; "
                           f"it knows {listing(names)}. Remove the folder, or give the right --fake")
    if missing:
        raise RequestError(f"{folder} has no images of {listing(missing)}; expected all users of the run: "
                           f"{remedy}")


def drawing_settings(folder: Path) -> list:
    """How the images were drawn, from their manifest: one entry per setting, [] without a manifest."""
    try:
        found = {(row.run, row.sampler, row.steps, row.guidance) for row in read_manifest(folder)}
    except RequestError:
        raise RequestError(f"{folder / MANIFEST} is no manifest of sample.py; restore it, or remove it to judge the "
                           "images without it") from None
    return [dict(zip(("run_hash", "sampler", "steps", "guidance"), setting)) for setting in sorted(found)]
