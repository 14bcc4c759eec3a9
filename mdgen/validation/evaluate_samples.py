"""Judge generated images: every number is taken twice, for them and for held-out real images.

References are the real training images: a perfect generator scores as the held-out images do.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mdgen import __version__, distributed
from mdgen.data.image_axes import find_axes
from mdgen.data.image_io import paint
from mdgen.data.windows import independent
from mdgen.files import digest
from mdgen.models.inception import is_fid_weights
from mdgen.runs.checkpoint import fingerprint
from mdgen.runs.folder import RunFolder
from mdgen.validation.cache import Cache
from mdgen.validation.comparisons.distribution import NAMES, distribution
from mdgen.validation.comparisons.intervals import METHODS, distance_intervals, with_intervals
from mdgen.validation.comparisons.memorization import originality
from mdgen.validation.comparisons.own_files import in_own_files
from mdgen.validation.comparisons.physics import physics
from mdgen.validation.comparisons.recordings import split_figures
from mdgen.validation.comparisons.statistical_tests import SIMPLE, user_tests
from mdgen.validation.comparisons.two_sample import two_sample
from mdgen.validation.honest_usefulness import read_honest
from mdgen.validation.image_facts import ImageFacts
from mdgen.validation.image_sets import drawing_settings, read_sets
from mdgen.validation.judges.features import EXTRACTOR, JudgedSet, judge_images
from mdgen.validation.judges.identity_basis import VERSION as BASIS_VERSION
from mdgen.validation.judges.identity_basis import identity_basis
from mdgen.validation.judges.inception_features import inception_features
from mdgen.validation.judges.siamese import embed, train_siamese
from mdgen.validation.judges.trust import trust_in_classifier, trust_in_files, trust_in_verification
from mdgen.validation.judges.usefulness import VERSION as STUDY_VERSION
from mdgen.validation.judges.usefulness import usefulness
from mdgen.validation.judges.user_classifier import recognition, train_judge
from mdgen.validation.metrics.diversity import user_diversity
from mdgen.validation.metrics.level_histogram import level_figures
from mdgen.validation.metrics.per_user import listed, ratios, user_means
from mdgen.validation.metrics.spectral_texture import FINE_CYCLES
from mdgen.validation.metrics.verification import verification
from mdgen.validation.report.output import plain
from mdgen.validation.report.summary import summary
from mdgen.validation.report.verdict import verdict
from mdgen.validation.report.write import write_report

__all__ = ["evaluate_samples", "judge_sets", "summary"]
SCHEMA_VERSION = 3
SETS = "training", "held_out", "generated"
INCEPTION_TRAINING = 400   # of the training images at most, evenly spaced: 11.4 GFLOP each


class Judges(NamedTuple):
    """The two networks that judge, and the keys under which they are kept."""

    classifier: object
    siamese: object
    keys: dict


class Evidence(NamedTuple):
    """What a report is made from: run, judges, the JudgedSets and ImageFacts of SETS, axes (ImageAxes or None), the
    sizes of a decoder's patches in pixels, and the ImageSets, which know the files."""

    run: RunFolder
    judges: Judges
    judged: list
    facts: list
    axes: object
    patches: tuple
    parts: tuple = ()


def evaluate_samples(run: RunFolder, real_dir: Path, fake_dir: Path, report_dir: Path, *, device,
                     held_out_dir: Path | None = None, inception=None, resize: str = "pytorch-fid",
                     thresholds: dict | None = None, required=(), progress=None, command: str = "") -> dict:
    """Write the report into report_dir (`write_report`); returns what report.json holds.

    real_dir, fake_dir, held_out_dir: see `read_sets`. inception: an InceptionV3 with its weights, or None for a report
    without FID; resize: see `inception_features`. thresholds, required: see `verdict`.
    progress: called as progress(label, unit) -> callable(done, total). Judges are kept in RUN/report/judges, and what
    is slow to compute in RUN/report/cache, under a hash of all that it depends on.
    Raises RequestError where the folders do not fit the run or each other.
    """
    progress, config = progress or (lambda *label: None), run.config
    evidence = gathered(run, real_dir, fake_dir, held_out_dir, (config.vae.down_factor,), device, progress)
    results = {
        "schema_version": SCHEMA_VERSION, "mdgen": __version__, "command": command,
        "preset": config.preset, "seed": config.seed, "run": str(run.path),
        "real": str(real_dir), "held_out": str(held_out_dir or real_dir), "generated": str(fake_dir),
        "drawn_with": drawing_settings(Path(fake_dir)), **all_figures(evidence, device, progress)}
    results["honest"] = read_honest(run, results["hashes"])
    if inception is not None:
        add_inception(results, inception, resize, evidence, device, progress)
    return concluded(results, evidence, Path(report_dir), thresholds, required)


def gathered(run: RunFolder, real_dir, fake_dir, held_out_dir, patches, device, progress, whole=False) -> Evidence:
    """Read the three sets (`read_sets`), train the judges or take those that are kept, and measure every image."""
    split, parts = read_sets(run, Path(real_dir), Path(fake_dir), held_out_dir, progress, whole)
    judges = trained_judges(run, split, device)
    judged, axes = [judged_by(judges, part, device) for part in parts], find_axes(real_dir)
    facts = [ImageFacts.of(s.images, axes, patches, cache_of(run)) for s in judged]
    return Evidence(run, judges, judged, facts, axes, patches, parts)


def cache_of(run: RunFolder) -> Cache:
    return Cache(run.path / "report" / "cache")


def all_figures(evidence: Evidence, device, progress) -> dict:
    """Users, hashes and judges, `judge_sets`, and what networks find out by looking at images."""
    run, judges, judged, facts, axes, patches, parts = evidence
    training, held_out, generated = judged
    cache, num_users, evaluation = cache_of(run), len(run.users.names), run.config.evaluation
    found = {**described(judges, run, judged), **judge_sets(*judged, num_users, axes, facts)}
    found["verification"]["loss"] = evaluation.siamese_loss
    hashes = found["hashes"]

    def keep(name, settings, make):
        images = hashes["training"] if name == "two_sample_control" else hashes
        return cache.values(name, digest(images, training.windows, settings), lambda: plain(make()))

    found["two_sample"] = two_sample(
        training, generated, num_users, patches, seed=run.config.seed, steps=evaluation.two_sample_steps,
        device=device, keep=keep, progress=progress("tell generated from real", "fold"))
    key = digest(hashes, judges.keys, axes and asdict(axes), BASIS_VERSION)
    found["identity_basis"] = cache.values("identity_basis", key, lambda: plain(identity_basis(
        judges.classifier, *judged, axes=axes, device=device, measures=dict(zip(SETS, (f.measures for f in facts))))))
    found["own_files"] = in_own_files(run, parts, cache, device, progress("judge the files", "model"))
    found["judges"]["files"] = trust_in_files(found["own_files"], num_users)
    found["split"] = split_figures(run, parts, held_out, cache, device, progress("judge recordings", "model"))
    found["usefulness"] = study(judged, run.config, hashes, cache, device, progress)
    return found


def concluded(results: dict, evidence: Evidence, report_dir: Path, thresholds, required) -> dict:
    """The results with their verdict, written to report_dir by the main process."""
    run = evidence.run
    results = plain(results)
    results["verdict"] = verdict(results, thresholds, required)
    if distributed.is_main():
        write_report(results, *evidence.judged, run.users.colormap, report_dir, axes=evidence.axes,
                     log=run.path / "log.jsonl")
    return results


def trained_judges(run: RunFolder, split, device) -> Judges:
    """Both judges of a run's real images, trained on the training part or kept from before."""
    folder, evaluation, seed = run.path / "report" / "judges", run.config.evaluation, run.config.seed
    classifier, key = train_judge(split, evaluation, folder, seed=seed, device=device)
    siamese, siamese_key = train_siamese(split, evaluation, folder, seed=seed, device=device)
    return Judges(classifier, siamese, {EXTRACTOR: key, "siamese": siamese_key})


def judged_by(judges: Judges, part, device) -> JudgedSet:
    """What both judges say of an ImageSet."""
    return replace(judge_images(judges.classifier, part.folders, part.rows, device, part.windows),
                   embeddings=embed(judges.siamese, part.folders, part.rows, device)[0])


def described(judges: Judges, run: RunFolder, judged) -> dict:
    """Users, hashes of the images, and the networks whose features are used."""
    evaluation = run.config.evaluation
    return {"users": run.users.names,
            "hashes": {name: digest(s.images, s.users) for name, s in zip(SETS, judged) if s.images is not None},
            "extractors": {EXTRACTOR: {"key": judges.keys[EXTRACTOR], "steps": evaluation.classifier_steps,
                                       "features": judged[0].features.shape[1]},
                           "siamese": {"key": judges.keys["siamese"], "loss": evaluation.siamese_loss}}}


def judge_sets(training: JudgedSet, held_out: JudgedSet, generated: JudgedSet, num_users: int, axes=None,
               facts=None) -> dict:
    """All figures that need no network any more, from the judges' view of the three sets and the ImageFacts of each
    (measured here where they are not given): plain values, None where nothing can be said.

    Sets without images leave out what compares pixels.
    """
    sets = training, held_out, generated
    facts = facts or [ImageFacts.of(s.images, axes, ()) for s in sets]
    fine, pixels = [f.fine_power for f in facts], all(s.images is not None for s in sets)
    found = {
        "images": {name: len(s) for name, s in zip(SETS, sets)},
        "independent": {name: len(independent(s.windows)) for name, s in zip(SETS, sets)}, "methods": METHODS,
        "recognition": {name: recognition(s.probabilities, s.users) for name, s in zip(SETS[1:], sets[1:])},
        "verification": {name: verification(training.embeddings, training.users, s.embeddings, s.users)
                         for name, s in zip(SETS[1:], sets[1:]) if s.embeddings is not None},
        "distribution": {EXTRACTOR: distribution(*sets, num_users, NAMES[EXTRACTOR])},
        "diversity": {"features": diversity(*sets, num_users, "features"),
                      **({"pixels": diversity(*sets, num_users, "images")} if pixels else {})},
        "texture": texture(*(user_means(f, s.users, num_users) for f, s in zip(fine, sets))),
        "physics": physics(*sets, num_users, axes=axes, measures={n: f.measures for n, f in zip(SETS, facts)}),
        "originality": originality(*sets) if pixels else None,
        "levels": level_figures(*(s.images for s in sets)) if pixels else None,
        "tests": user_tests(*sets, num_users, {"torso": [f.measures["torso_mean"] for f in facts],
                                               SIMPLE: [f.table() for f in facts]})}
    with_intervals(found, *sets, num_users, fine[1:])
    distance_intervals(found["distribution"][EXTRACTOR], NAMES[EXTRACTOR]["fd"], *sets)
    trusted = {EXTRACTOR: trust_in_classifier(found["recognition"]["held_out"], num_users)}
    if found["verification"]:
        trusted["siamese"] = trust_in_verification(found["verification"]["held_out"])
    return {**found, "judges": trusted}


def study(judged, config, hashes: dict, cache: Cache, device, progress) -> dict | None:
    """`usefulness`, once for these images and settings; None where no seeds are asked for. In the line of all images
    "of_users" has how many the users have, the fewest and the most."""
    settings = {"steps": config.evaluation.usefulness_steps, "seeds": config.evaluation.usefulness_seeds}
    if not settings["seeds"]:
        return None
    found = cache.values("usefulness", digest(hashes, settings, STUDY_VERSION), lambda: usefulness(
        *judged, int(judged[0].users.max()) + 1, **settings, device=device,
        progress=progress("train identification models", "model")))
    counts = np.unique(judged[0].users, return_counts=True)[1]
    return found | {"curve": [line | ({"of_users": [int(counts.min()), int(counts.max())]} if line["all"] else {})
                              for line in found["curve"]]}


def add_inception(results: dict, model, resize: str, evidence: Evidence, device, progress) -> None:
    """The distribution in Inception's features, under names of their own where its weights are not the FID's."""
    name, run = "inception" if is_fid_weights(model) else "inception_other", evidence.run
    extractor = {"weights": fingerprint(model.state_dict()), "resize": resize}
    results["extractors"][name] = extractor
    seen = inception_sets(model, extractor, evidence.judged, run.users.colormap, cache_of(run), device, progress)
    found = distribution(*seen, len(results["users"]), NAMES[name])
    distance_intervals(found, NAMES[name]["fd"], *seen)
    results["distribution"][name] = found


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
    """Mean distance within a user over that of real training images; real pairs share no samples."""
    of_training, of_held_out, of_generated = (
        listed(user_diversity(getattr(s, what), s.users, num_users, s.windows))
        for s in (training, held_out, generated))
    return {"generated": ratios(of_generated, of_training), "held_out": ratios(of_held_out, of_training),
            "training_distance": of_training}


def texture(training, held_out, generated) -> dict:
    """Mean spectral power beyond 16 cycles per image, of every user, over that of real training images."""
    return {"cycles": FINE_CYCLES, "generated": ratios(generated, training), "held_out": ratios(held_out, training),
            "training_power": training}
