"""Do the parts of a run fit together? One finding per question; a failed one does not stop the others."""

from dataclasses import dataclass
from pathlib import Path

import torch

from mdgen.data.latents import LatentCache, LatentStatistics
from mdgen.errors import RequestError, RunError
from mdgen.runs.checkpoint import first_line
from mdgen.runs.draw import MANIFEST, read_manifest
from mdgen.runs.folder import RunFolder, listing
from mdgen.runs.pipeline import load_pipeline
from mdgen.validation.checks import functional
from mdgen.validation.checks.functional import NeedsAnother, Parts

ENCODE_AGAIN = "Delete latents/ and diffusion/ to encode and train again"


@dataclass(frozen=True)
class Finding:
    name: str      # what was asked
    ok: bool
    detail: str    # what was found; of a failure also what to do


def check_run(run_path: Path, device="cpu") -> list[Finding]:
    """All findings about a run folder. A check that needs what an earlier one found unusable is left out.

    Nothing is written but the run's cache of decoded images. Raises RequestError if there is no such folder.
    """
    if not Path(run_path).is_dir():
        raise RequestError(f"{run_path} is not a folder; expected the output folder of train.py")
    parts, findings = Parts(path=Path(run_path), device=torch.device(device)), []
    for name, check in CHECKS.items():
        try:
            findings.append(Finding(name, True, check(parts)))
        except NeedsAnother:
            continue
        except (RequestError, RunError) as problem:
            findings.append(Finding(name, False, str(problem)))
        except Exception as error:   # contents that nothing foresaw are a finding too
            findings.append(Finding(name, False, f"{type(error).__name__}: {first_line(error)}. Restore a copy of the "
                                                 "run, or train into a new folder"))
    return findings


def check_summary(findings: list[Finding]) -> str:
    """A line per finding, and one that names the checks that could not be made."""
    lines = [f"{'ok' if f.ok else 'FAIL':<6}{f.name:<20}{f.detail}" for f in findings]
    left_out = [name for name in CHECKS if name not in {f.name for f in findings}]
    return "\n".join(lines + [f"not checked, for want of what failed: {', '.join(left_out)}"] * bool(left_out))


def folder(parts) -> str:
    run = RunFolder.open(parts.path)
    data, users = run.config.data, run.users
    for key, asked, found in (("channels", data.channels, users.channels), ("colormap", data.colormap, users.colormap)):
        if asked not in ("auto", found):
            raise RequestError(f"config.json has data.{key} = {asked}, but users.json says {found}; restore both files "
                               "as they were when the run was trained")
    parts.run = run
    return f"{listing(users.names)}; {data.height} x {data.width} {users.channels}, preset {run.config.preset}"


def vae(parts) -> str:
    network, parts_hash = parts.run.load_vae(parts.device)
    refuse_broken(network.state_dict(), parts.path / "vae" / "state.pt")
    parts.vae, parts.vae_hash = network, parts_hash
    return f"hash {parts_hash}, {count_weights(network)}"


def latents(parts) -> str:
    file = parts.run.latents_file
    state = file.load()
    with file.must_fit():   # by its own hash and names; whether they are the run's is asked below
        cache = LatentCache.from_state(state, state["vae_hash"], state["user_names"])
    parts.latent_state = state
    count, one = len(cache.users), parts.run.latent_shape
    if not tuple(cache.means.shape) == tuple(cache.deviations.shape) == (count, *one):
        raise RequestError(f"{file.path} holds latents of shape {tuple(cache.means.shape)}; the run's VAE makes "
                           f"{(count, *one)} of its images. {ENCODE_AGAIN}")
    refuse_broken({key: value for key, value in state.items() if torch.is_tensor(value)}, file.path)
    scaled = LatentStatistics.of(cache.means, cache.deviations)
    mean, low, high = (float(x) for x in (scaled.mean.abs().max(), scaled.deviation.min(), scaled.deviation.max()))
    if not (mean < 0.05 and 0.95 < low <= high < 1.05):
        raise RequestError(f"the latents in {file.path} have deviations from {low:.2f} to {high:.2f} and means up to "
                           f"{mean:.2f} per channel; expected 1 and 0. {ENCODE_AGAIN}")
    parts.latents = cache
    return f"{count} of shape {one}, deviations from {low:.3f} to {high:.3f} per channel"


def latents_made_by(parts) -> str:
    LatentCache.from_state(parts.latent_state, parts.vae_hash, parts.latent_state["user_names"])
    return f"this run's VAE, {parts.vae_hash}"


def latents_users(parts) -> str:
    names, state, images = parts.run.users.names, parts.latent_state, len(parts.run.users.training_images)
    LatentCache.from_state(state, state["vae_hash"], names)
    count, known = len(state["users"]), state["users"].unique().tolist()
    if known != list(range(len(names))) or count != images:
        raise RequestError(f"{parts.run.latents_file.path} holds {count} latents, of the users numbered {known}; "
                           f"users.json lists {images} training images of {len(names)} users. {ENCODE_AGAIN}")
    return f"{count}, as many as training images, some of every user"


def unet(parts) -> str:
    run = parts.run
    if run.has("diffusion"):
        parts.unet_checkpoint = checked_users(run)
    denoiser = run.load_denoiser(parts.device)
    refuse_broken(denoiser.network.state_dict(), parts.unet_checkpoint.file.path)
    parts.denoiser = denoiser
    return (f"step {parts.unet_checkpoint.step} of {run.config.diffusion_training.steps}, "
            f"{count_weights(denoiser.network)}; {len(run.users.names)} users and the null user")


def checked_users(run: RunFolder):
    """The UNet's checkpoint; RequestError if it knows another number of users."""
    found, users = run.checkpoint("diffusion"), len(run.users.names)
    with found.file.must_fit():
        classes = len(found.weights()["user_embedding.weight"])
    if classes != users + 1:
        raise RequestError(f"the UNet in {found.file.path} has {classes} classes; expected {users + 1}, for the "
                           f"{users} users of users.json and the null user. Restore the users.json that it was "
                           "trained with, or delete diffusion/ to train again")
    return found


def unet_trained_on(parts) -> str:
    parts.unet_checkpoint.check_bound(parts.vae_hash)
    return f"latents of this run's VAE, {parts.vae_hash}"


def samples(parts) -> str:
    """Any of the run's weights may have made them: averaged or raw, of the diffusion or the joint stage."""
    rows, listed = read_manifest(parts.run.samples), parts.run.samples / MANIFEST
    if not rows:
        return "none generated yet"
    known = [load_pipeline(parts.run, parts.device, weights, stage, guided=False).weights_hash
             for stage in ("joint", "diffusion") if parts.run.has(stage) for weights in ("ema", "raw")]
    if strange := sorted({row.run for row in rows} - set(known)):
        raise RequestError(f"{listed} lists images of run {strange[0]}; this run is {known[0]}. Generate them again: "
                           "sample.py with --overwrite")
    if missing := [row.file for row in rows if not (parts.run.samples / row.file).is_file()]:
        raise RequestError(f"{listed} lists {len(rows)} images, of which {len(missing)} are missing, such as "
                           f"{missing[0]}; run the same sample.py command again")
    return f"{len(rows)}, generated by this run, {rows[0].run}"


def refuse_broken(tensors: dict, path: Path) -> None:
    """RunError naming the first tensor that is not finite."""
    for name, value in tensors.items():
        if not bool(value.isfinite().all()):
            raise RunError(f"{name} in {path} is not finite; restore a copy, or delete the file and run train.py again")


def count_weights(network) -> str:
    return f"{sum(p.numel() for p in network.parameters()):,} finite weights"


CHECKS = {"run folder": folder, "vae": vae, "latents": latents, "latents made by": latents_made_by,
          "latents of users": latents_users, "unet": unet, "unet trained on": unet_trained_on,
          "noise schedule": functional.schedule, "objective": functional.objective,
          "generation": functional.generation, "training images": functional.images,
          "encoding": functional.encoding, "reconstruction": functional.reconstruction, "samples": samples}
