"""Check the autoencoder of a run on its own: no generated image is better than its decoder.

Every number stands beside that of principal components of patches with the same number of latents, which is what
an autoencoder without training would give.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mdgen import __version__, distributed
from mdgen.data.image_io import grid, to_pixels, write_png
from mdgen.data.latents import LatentStatistics
from mdgen.data.splits import Split
from mdgen.data.windows import resampling_units
from mdgen.files import write_text
from mdgen.losses.autoencoder import kl_divergence
from mdgen.losses.perceptual import MIN_SIZE, classifier_distance, find_lpips_weights, load_lpips
from mdgen.models import VAE
from mdgen.runs.checkpoint import fingerprint
from mdgen.runs.folder import RunFolder
from mdgen.runs.pictures import as_learnt
from mdgen.training.user_classifier import outputs
from mdgen.validation.image_sets import read_split
from mdgen.validation.judges.features import EXTRACTOR, judge_images
from mdgen.validation.judges.trust import trust_in_classifier
from mdgen.validation.judges.user_classifier import recognition, train_judge
from mdgen.validation.metrics.bootstrap import resampled, share_interval
from mdgen.validation.metrics.latent_statistics import latent_statistics
from mdgen.validation.reconstruction import distances, per_user, reconstructed, reconstruction_quality
from mdgen.validation.report.html import number
from mdgen.validation.report.output import plain, report_folder, to_json

SCHEMA_VERSION = 1
SMALL_N = 100                 # held-out images: below it one image moves the accuracy by over 0.01
MOST_ACCURACY_DROP = 0.02     # or one image, where that is more
LEAST_FINE_POWER = 0.85       # of the originals'
DIFFERENCE_GAIN = 4           # of the differences in vae.png
WORDS = {True: "passed", False: "FAILED", None: "not measured"}


def evaluate_vae(run: RunFolder, real_dir: Path, report_dir: Path, *, device, progress=None, command: str = "",
                 lpips_weights=None) -> dict:
    """Write report_dir/vae.json and vae.png; returns what vae.json holds.

    real_dir: user folders, split as training split them; the held-out part is reconstructed from posterior means.
    progress: called as progress(label) -> callable(done, total). lpips_weights: a folder (see find_lpips_weights);
    without any, the perceptual distance is that of the judge's features and named so. The judge is kept in
    RUN/report/judges. Raises RequestError where the run has no trained VAE or the images do not fit it.
    """
    progress, names = progress or (lambda label: None), run.users.names
    vae, vae_hash = run.load_vae(device)
    lpips = load_lpips(lpips_weights).to(device) if find_lpips_weights(lpips_weights) else None
    split = read_split(run, Path(real_dir), progress("read real images"))
    split = replace(split, folders=as_learnt(run, split.folders))
    judge, key = train_judge(split, run.config.evaluation, run.path / "report" / "judges",
                             seed=run.config.seed, device=device)
    name, distance, weights = perceptual_distance(lpips, judge, split.folders.images.shape, key)
    original = judge_images(judge, split.folders, split.validation, device, split.windows)
    trees = {"vae": reconstructed(vae, split.folders, split.validation, device),
             "pca": reconstructed(patch_components(run, split).to(device), split.folders, split.validation, device)}
    quality = {}
    for kind, tree in trees.items():
        other = judge_images(judge, tree, split.validation, device)
        looks = per_user(distances(distance, original.images, other.images, device), original.users, len(names))
        quality[kind] = reconstruction_quality(original, other, len(names)) | {name: looks}
    results = {
        "schema_version": SCHEMA_VERSION, "mdgen": __version__, "command": command, "preset": run.config.preset,
        "seed": run.config.seed, "run": str(run.path), "real": str(real_dir), "users": names,
        "images": {"training": len(split.train), "held_out": len(original), "small_n": len(original) < SMALL_N},
        "hashes": {"vae": vae_hash, "judge": key, "perceptual": weights,
                   "held_out": fingerprint({"images": split.folders.images[split.validation]})},
        "perceptual": name, "latents": describe_latents(run, vae, vae_hash, split, device), **quality,
        "originals": {"recognition": recognised(original)}}
    results["judges"] = {EXTRACTOR: trust_in_classifier(results["originals"]["recognition"], len(names))}
    results = plain(results | {"verdict": verdict(results)})
    if distributed.is_main():
        with report_folder(Path(report_dir)):
            write_text(Path(report_dir) / "vae.json", to_json(results))
            write_png(Path(report_dir) / "vae.png", picture(split, trees["vae"], run.users.colormap))
    return results


def recognised(original) -> dict:
    """`recognition` of the held-out originals, with the interval of the accuracy."""
    units = resampling_units(original.windows, original.users)
    hits = original.probabilities.argmax(axis=1) == original.users
    return {**recognition(original.probabilities, original.users),
            "interval": share_interval(hits, units, resampled(units))}


def perceptual_distance(lpips, judge, shape, key: str):
    """(name of the metric, distance(x, y) -> [B], hash of its weights): LPIPS where there is one that fits."""
    if lpips is not None and min(shape[2:]) >= MIN_SIZE:
        return f"lpips_{lpips.net}", lpips, fingerprint(lpips.state_dict())
    return "perceptual_user_classifier", partial(classifier_distance, judge), key


def patch_components(run: RunFolder, split: Split):
    """An autoencoder of the run's latent size that is its patches' principal components and nothing else."""
    vae = run.config.vae
    with torch.random.fork_rng():   # refiners give 0 until they are trained: the smallest will do
        network = VAE(run.image_channels, vae.latent_channels, vae.down_factor, width=1, blocks=1)
    network.fit_patch_basis(split.training_batches)
    return network.eval()


def describe_latents(run: RunFolder, vae, vae_hash: str, split: Split, device) -> dict:
    """Statistics of held-out posteriors in the units of the run's latents, their size, and their KL in nats."""
    mean, log_variance = posteriors(vae, split.folders, split.validation, device)
    if run.latents_file.exists():
        scale = run.load_latents(vae_hash).statistics
    else:
        means, logs = posteriors(vae, split.folders, split.train, device)
        scale = LatentStatistics.of(means, (0.5 * logs).exp())
    deviations = (0.5 * log_variance).exp() / scale.deviation
    return {"shape": list(run.latent_shape), "numbers": mean[0].numel(),
            "image_numbers": split.folders.images[0].numel(),
            "kl_nats_per_entry": float(kl_divergence(mean, log_variance)),
            **latent_statistics(scale.normalise(mean).double().numpy(), deviations.double().numpy())}


def posteriors(vae, folders, indices, device):
    """Posterior means and log variances of the images at indices [M], on the CPU: [M, c, h, w] each."""
    both = outputs(lambda x: torch.cat(vae.encode(x), dim=1), folders, indices, device)
    return [part.contiguous() for part in both.chunk(2, dim=1)]


def verdict(results: dict) -> list:
    """What a usable autoencoder must meet: [{"name", "value", "threshold", "passed", "reason"}].

    passed is None, and reason says why, where images are too small for fine power, and where the judge does not
    clearly beat chance on the originals: it could not lose what it does not have. Principal components that lose
    nothing cannot be beaten, only equalled.
    """
    distrust = results["judges"][EXTRACTOR]["reason"]
    vae, pca = (results[kind]["psnr_db"]["overall"] for kind in ("vae", "pca"))
    drop = results["originals"]["recognition"]["accuracy"] - results["vae"]["recognition"]["accuracy"]
    most = max(MOST_ACCURACY_DROP, 1 / results["images"]["held_out"])
    fine, dead = results["vae"]["fine_power"]["overall"], len(results["latents"]["dead"])
    checks = [("psnr_over_pca_db", vae - pca, 0.0, vae > pca or vae == float("inf"), None),
              ("judge_accuracy_drop", drop, most, None if distrust else drop < most + 1e-9, distrust),
              ("fine_power", fine, LEAST_FINE_POWER, None if fine is None else fine >= LEAST_FINE_POWER,
               "the images have no frequency that high" if fine is None else None),
              ("dead_channels", dead, 0, dead == 0, None)]
    return [dict(zip(("name", "value", "threshold", "passed", "reason"), check)) for check in checks]


def picture(split: Split, tree, colormap: str | None):
    """Originals above reconstructions above differences, one held-out image per user: uint8 [H', W', 3].

    Differences are grey where there is none, brighter where the reconstruction is, and magnified four times.
    """
    originals, shown = split.one_per_user(), replace(split, folders=tree).one_per_user()
    rows = [to_pixels(originals, colormap), to_pixels(shown, colormap),
            to_pixels(DIFFERENCE_GAIN * (shown - originals), None)]
    return grid(np.concatenate(rows), len(originals), max(1, 128 // originals.shape[-1]))


def vae_summary(results: dict) -> str:
    """The headline numbers as plain text, the autoencoder beside principal components, and the verdict."""
    def line(title, key, digits=2):
        return [title, *(number(results[kind][key]["overall"], digits) for kind in ("vae", "pca")), ""]

    accuracy = [number(results[kind]["recognition"]["accuracy"], percent=True) for kind in ("vae", "pca", "originals")]
    rows = [["", "vae", "pca", "originals"], line("PSNR, dB", "psnr_db", 1), line("SSIM", "ssim", 3),
            line(results["perceptual"], results["perceptual"], 4), line("envelope error, rows", "envelope_rows"),
            line("fine power over the originals'", "fine_power"), ["user accuracy", *accuracy]]
    latents, count = results["latents"], results["images"]
    lines = [f"{title:<34}{vae:>10}{pca:>10}{real:>12}".rstrip() for title, vae, pca, real in rows]
    lines.append(f"latents: {' x '.join(map(str, latents['shape']))} for {latents['image_numbers']} numbers per image, "
                 f"KL {number(latents['kl_nats_per_entry'])} nats per entry, {len(latents['dead'])} dead channels")
    lines.append(f"images: {count['held_out']} held-out, {count['training']} training"
                 + (" (small: one image moves the accuracy much)" if count["small_n"] else ""))
    lines += [f"{WORDS[check['passed']]}: {check['name']} {number(check['value'])}, threshold {check['threshold']:g}"
              + (f" ({check['reason']})" if check["reason"] else "") for check in results["verdict"]]
    return "\n".join(lines)
