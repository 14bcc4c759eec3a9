"""How strong should guidance be: a small set generated at every scale and interval, each judged as a report would."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from mdgen import distributed
from mdgen.config import SamplingConfig
from mdgen.errors import RequestError
from mdgen.files import digest, write_text
from mdgen.runs.draw import read_manifest, sample_users
from mdgen.runs.folder import RunFolder
from mdgen.runs.pipeline import load_guides
from mdgen.validation.comparisons.distribution import compare
from mdgen.validation.comparisons.memorization import originality
from mdgen.validation.evaluate_samples import diversity, texture
from mdgen.validation.image_sets import first_rows, read_split, read_tree
from mdgen.validation.judges.features import judge_images
from mdgen.validation.judges.user_classifier import recognition, train_judge
from mdgen.validation.metrics.spectral_texture import user_fine_power
from mdgen.validation.report.output import plain, report_folder, to_json
from mdgen.validation.report.sweep_page import DISTANCE, FIGURES, render

SCALES = {"cfg": (1.0, 1.5, 2.0, 3.0), "autoguidance": (1.0, 1.5, 2.0, 3.0), "classifier": (0.0, 0.5, 1.0, 2.0)}
INTERVALS = ((0.0, 1.0), (0.0, 0.8))
LEAST_DIVERSITY = 0.9   # of the training images'
RULE = (f"the lowest distance among settings recognised at least as well as held-out images, with diversity of "
        f"{LEAST_DIVERSITY:g} of the training images' or more; where there is none, the lowest distance of all")


def sweep(run: RunFolder, real_dir: Path, report_dir: Path, *, device, vary: str = "cfg", scales=None, intervals=None,
          per_user: int = 10, progress=None, command: str = "") -> dict:
    """Write report_dir/sweep.json and sweep.html; returns what sweep.json holds.

    vary: which scale, a key of SCALES; scales, intervals: default SCALES of it and, of cfg, INTERVALS. real_dir: see
    `read_sets`. progress: called as progress(label, unit) -> callable(done, total). Images stay in
    report_dir/sweep/<settings>/, so that a later sweep generates only what it lacks. All settings start from the same
    noise, by the run's seed; all else but scale and interval is the run's sampling.
    Raises RequestError for settings out of range, and where guidance lacks what it needs.
    """
    progress = progress or (lambda *label: None)
    asked = settings(run.config.sampling, vary, scales, intervals)
    if per_user < 2:
        raise RequestError(f"--samples-per-user is {per_user}; expected 2 or more, since diversity is between images")
    runs = {sampling.canonical: replace(run, config=replace(run.config, sampling=sampling))   # checks every value
            for sampling in asked}
    _, vae_hash = run.load_vae(device)
    for at in runs.values():
        load_guides(at, device, vae_hash)   # refuses what is missing before anything is generated
    split = read_split(run, Path(real_dir), progress("read real images", "image"))
    folders = {config: generated(at, Path(report_dir), per_user, device, progress) for config, at in runs.items()}
    judge, key = train_judge(split, run.config.evaluation, run.path / "report" / "judges", seed=run.config.seed,
                             device=device)
    real = [judge_images(judge, split.folders, rows, device, split.windows) for rows in (split.train, split.validation)]
    found = {config: judged(run, folder, judge, real, per_user, device) for config, folder in folders.items()}
    results = plain({"command": command, "run": str(run.path), "per_user": per_user, "judge": key,
                     "vary": vary, **summed(vary, asked, found)})
    if distributed.is_main():
        with report_folder(Path(report_dir)):
            write_text(Path(report_dir) / "sweep.json", to_json(results))
            write_text(Path(report_dir) / "sweep.html", render(results))
    return results


def summed(vary: str, asked: list, found: dict) -> dict:
    """A row per setting asked for, the real figures, which are the same for all, and the best row."""
    seen = [found[config.canonical] for config in asked]
    rows = [{"scale": getattr(config, f"{vary}_scale"), "interval": list(config.cfg_interval), **one["generated"],
             "sampler": one["sampler"], "folder": one["folder"]} for config, one in zip(asked, seen)]
    real = {key: seen[0][key] for key in ("held_out", "n", "small_n")}
    return {"rows": rows, **real, "rule": RULE, "best": best(rows, real["held_out"])}


def settings(sampling: SamplingConfig, vary: str, scales, intervals) -> list:
    """One SamplingConfig for every scale and interval, interval by interval."""
    if intervals and vary != "cfg":
        raise RequestError(f"--intervals is for classifier-free guidance, but {vary} acts at all noise levels; leave "
                           "it out, or give --vary cfg")
    intervals = intervals or (INTERVALS if vary == "cfg" else [sampling.cfg_interval])
    return [replace(sampling, cfg_interval=interval, **{f"{vary}_scale": float(scale)})
            for interval in dict.fromkeys(intervals) for scale in sorted(set(scales or SCALES[vary]))]


def parse_interval(text: str) -> tuple[float, float]:
    """"0.1-0.7" as (0.1, 0.7); RequestError for anything else."""
    number = r"\d*\.?\d+"
    if not (found := re.fullmatch(rf"({number})-({number})", text)):
        raise RequestError(f"--intervals has {text}; expected LOW-HIGH, shares of the noise levels such as 0.1-0.7")
    return float(found[1]), float(found[2])


def generated(run: RunFolder, report_dir: Path, per_user: int, device, progress) -> Path:
    """The folder with a run's images at its sampling settings: those that are there are kept.

    Images of other weights, or of an older guide, are replaced.
    """
    sampling = run.config.sampling
    folder, (low, high) = report_dir / "sweep" / digest(asdict(sampling.canonical)), sampling.cfg_interval
    label = (f"generate cfg {sampling.cfg_scale:g}, {low:g}-{high:g}; autoguidance {sampling.autoguidance_scale:g}; "
             f"classifier {sampling.classifier_scale:g}")
    sample_users(run, folder, per_user=per_user, seed=run.config.seed, overwrite=True, device=device,
                 progress=progress(label, "image"))
    return folder


def judged(run: RunFolder, folder: Path, judge, real: list, per_user: int, device) -> dict:
    """FIGURES of the first `per_user` images of every user in a folder, "generated", and of real ones, "held_out".

    real: the JudgedSets of training and held-out images.
    """
    tree, users = read_tree(run, folder, "--generated"), range(len(run.users.names))
    fake = judge_images(judge, tree, first_rows(tree, per_user), device)
    sets = *real, fake
    distance = compare(*sets, [min(len(s.of_user(user)) for s in sets) for user in users])["fd"]
    fine = texture(*(user_fine_power(s.images, s.users, len(users)) for s in sets))
    spread, copies = diversity(*sets, len(users), "features"), originality(*sets)

    def figures(judged_set, side, floor, rate):
        return dict(zip(FIGURES, (recognition(judged_set.probabilities, judged_set.users)["accuracy"],
                                  spread[side]["overall"], distance["against_training"][floor],
                                  fine[side]["overall"], copies[rate]), strict=True))

    return {"generated": figures(fake, "generated", "generated", "copy_rate"),
            "held_out": figures(real[1], "held_out", "floor", "held_out_rate"),
            "n": distance["n"], "small_n": distance["small_n"], "folder": str(folder),
            "sampler": read_manifest(folder)[0].sampler}


def best(rows: list, held_out: dict) -> dict:
    """The setting that RULE names: {"row": its place, "meets_rule": whether it meets both limits}."""
    meeting = [k for k, row in enumerate(rows) if row["accuracy"] >= held_out["accuracy"]
               and (row["diversity"] or 0) >= LEAST_DIVERSITY]
    place = min(meeting or range(len(rows)), key=lambda k: np.inf if rows[k][DISTANCE] is None else rows[k][DISTANCE])
    return {"row": place, "meets_rule": bool(meeting)}
