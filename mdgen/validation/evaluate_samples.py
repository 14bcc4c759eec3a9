"""Judge the generated images of a run: every number is taken twice, for them and for held-out real images.

References are the real training images: a perfect generator scores as the held-out images do.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mdgen import __version__, distributed
from mdgen.data.copies import INDEPENDENT_GAP
from mdgen.data.image_axes import find_axes
from mdgen.data.image_io import paint
from mdgen.files import digest
from mdgen.runs.checkpoint import fingerprint
from mdgen.runs.folder import RunFolder
from mdgen.validation.cache import Cache
from mdgen.validation.distribution import NAMES, distribution
from mdgen.validation.image_measures import image_measures
from mdgen.validation.image_sets import drawing_settings, read_sets
from mdgen.validation.judges.features import EXTRACTOR, JudgedSet, judge_images
from mdgen.validation.judges.inception_features import inception_features
from mdgen.validation.judges.siamese import train_siamese, user_signature
from mdgen.validation.judges.usefulness import usefulness
from mdgen.validation.judges.user_classifier import recognition, train_judge
from mdgen.validation.memorization import originality
from mdgen.validation.metrics.diversity import user_diversity
from mdgen.validation.metrics.per_user import ratios
from mdgen.validation.metrics.spectral_texture import FINE_CYCLES, user_fine_power
from mdgen.validation.physics import physics
from mdgen.validation.report.summary import summary
from mdgen.validation.report.verdict import verdict
from mdgen.validation.report.write import plain, write_report
from mdgen.validation.statistical_tests import user_tests

__all__ = ["evaluate_samples", "judge_sets", "summary"]
SCHEMA_VERSION = 2
SETS = "training", "held_out", "generated"
INCEPTION_TRAINING = 400   # of the training images at most, evenly spaced: 11.4 GFLOP each


def evaluate_samples(run: RunFolder, real_dir: Path, fake_dir: Path, report_dir: Path, *, device,
                     held_out_dir: Path | None = None, inception=None, resize: str = "pytorch-fid",
                     thresholds: dict | None = None, progress=None, command: str = "") -> dict:
    """Write report_dir/report.json, index.html and contact_sheet.png; returns what report.json holds.

    real_dir, fake_dir, held_out_dir: see `read_sets`. inception: an InceptionV3 with the FID weights, or None for a
    report without FID; resize: see `inception_features`. thresholds: see `verdict`.
    progress: called as progress(label, unit) -> callable(done, total). Judges are kept in RUN/report/judges, and what
    is slow to compute in RUN/report/cache, under a hash of all that it depends on.
    Raises RequestError where the folders do not fit the run or each other.
    """
    progress = progress or (lambda *label: None)
    names, seed = run.users.names, run.config.seed
    real_dir, fake_dir = Path(real_dir), Path(fake_dir)
    split, parts = read_sets(run, real_dir, fake_dir, held_out_dir, progress)
    cache, judges = Cache(run.path / "report" / "cache"), run.path / "report" / "judges"
    classifier, key = train_judge(split, run.config.evaluation, judges, seed=seed, device=device)
    siamese, siamese_key = train_siamese(split, run.config.evaluation, judges, seed=seed, device=device)
    judged = [judge_images(classifier, *part, device) for part in parts]
    results = {
        "schema_version": SCHEMA_VERSION, "mdgen": __version__, "command": command,
        "preset": run.config.preset, "seed": seed, "run": str(run.path),
        "real": str(real_dir), "held_out": str(held_out_dir or real_dir), "generated": str(fake_dir),
        "drawn_with": drawing_settings(fake_dir), "users": names,
        "hashes": {name: digest(s.images, s.users) for name, s in zip(SETS, judged)},
        "extractors": {EXTRACTOR: {"key": key, "steps": run.config.evaluation.classifier_steps,
                                   "features": judged[0].features.shape[1]},
                       "siamese": {"key": siamese_key, "loss": run.config.evaluation.siamese_loss}},
        **judge_sets(*judged, len(names), find_axes(real_dir)),
        "verification": {"loss": run.config.evaluation.siamese_loss, **user_signature(siamese, *parts, device)}}
    if inception is not None:
        extractor = {"weights": fingerprint(inception.state_dict()), "resize": resize}
        results["extractors"]["inception"] = extractor
        seen = inception_sets(inception, extractor, judged, run.users.colormap, cache, device, progress)
        results["distribution"]["inception"] = distribution(*seen, len(names), NAMES["inception"])
    results["usefulness"] = study(judged, run.config, results["hashes"], cache, device, progress)
    results = plain(results)
    results["verdict"] = verdict(results, thresholds)
    if distributed.is_main():
        write_report(results, *judged, run.users.colormap, Path(report_dir))
    return results


def judge_sets(training: JudgedSet, held_out: JudgedSet, generated: JudgedSet, num_users: int, axes=None) -> dict:
    """All figures, from the judge's view of the three sets: plain values, None where nothing can be said."""
    sets = training, held_out, generated
    measures = {name: image_measures(s.images, axes) for name, s in zip(SETS, sets)}
    return {"images": {name: len(s) for name, s in zip(SETS, sets)},
            "recognition": {"held_out": recognition(held_out.probabilities, held_out.users),
                            "generated": recognition(generated.probabilities, generated.users)},
            "distribution": {EXTRACTOR: distribution(*sets, num_users, NAMES[EXTRACTOR])},
            "diversity": {"features": diversity(*sets, num_users, "features"),
                          "pixels": diversity(*sets, num_users, "images")},
            "texture": texture(*sets, num_users),
            "physics": physics(*sets, num_users, axes=axes, measures=measures),
            "originality": originality(*sets),
            "tests": user_tests(*sets, num_users, {
                "torso": [found["torso_mean"] for found in measures.values()]})}


def study(judged, config, hashes: dict, cache: Cache, device, progress) -> dict | None:
    """`usefulness`, once for these images and settings; None where no seeds are asked for."""
    settings = {"steps": config.evaluation.usefulness_steps, "seeds": config.evaluation.usefulness_seeds}
    if not settings["seeds"]:
        return None
    return cache.values("usefulness", digest(hashes, settings), lambda: usefulness(
        *judged, int(judged[0].users.max()) + 1, **settings, device=device,
        progress=progress("train identification models", "model")))


def inception_sets(model, extractor: dict, judged, colormap: str | None, cache: Cache, device, progress) -> list:
    """The sets with Inception's features and probabilities of the images in the colours of their files.

    At most INCEPTION_TRAINING training images are among them, evenly spaced.
    """
    training, *others = judged
    rows = np.unique(np.linspace(0, len(training) - 1, min(len(training), INCEPTION_TRAINING)).round().astype(int))
    seen = []
    for name, s in zip(SETS, (training.rows(rows), *others)):
        pictures = np.moveaxis(paint(s.images, colormap), -1, 1)                       # [N, 3, H, W]
        found = cache.arrays("inception", digest(extractor, pictures), lambda: dict(zip(
            ("features", "probabilities"), inception_features(
                model, pictures, resize=extractor["resize"], device=device, progress=progress(f"Inception, {name}")))))
        seen.append(replace(s, **found))
    return seen


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
