"""Do the parts of a run work together? Each check tries them out and says what it found, or raises."""

import contextlib
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import torch

from mdgen.data.splits import Split
from mdgen.diffusion.generate import generate
from mdgen.diffusion.objective import make_schedule
from mdgen.errors import RequestError, RunError
from mdgen.files import named_seed
from mdgen.runs.folder import Users, check_same_images
from mdgen.runs.pipeline import load_guides
from mdgen.schedulers import spaced_timesteps
from mdgen.schedulers.noise_schedule import PREDICTIONS
from mdgen.training.stages.run_stages import read_users

MOST_SIGNAL = 0.1         # sqrt(alpha-bar) where generation starts from noise alone
LATENTS = 64              # that are noised
MARGIN = 0.97             # another reading of the network must leave less than this share of the run's own error
GENERATION_STEPS, GENERATED_USERS = 5, 4
IMAGES = 16               # that are encoded
LEAST_GAIN_DB = 6.0       # of a reconstruction over an image that is its own mean everywhere


class NeedsAnother(Exception):
    """A check cannot be made without something that an earlier one found unusable."""


class Parts(SimpleNamespace):
    """What earlier checks have found sound: path, device, run, vae, vae_hash, latents, denoiser, split."""

    def __getattr__(self, name):
        raise NeedsAnother(name)


def schedule(parts) -> str:
    """Generation starts from pure noise: the first level that it visits must be pure noise in training too."""
    diffusion, sampling = parts.run.config.diffusion, parts.run.config.sampling
    levels = make_schedule(diffusion)
    first = int(spaced_timesteps(levels.num_timesteps, sampling.steps, sampling.spacing)[0])
    signal = float(levels.alphas_cumprod[first].sqrt())
    if signal > MOST_SIGNAL:
        raise RequestError(f"generation starts from pure noise at timestep {first}, where training mixes in "
                           f"{signal:.2f} of the image; expected at most {MOST_SIGNAL}. Run its train.py command again "
                           "with --set sampling.spacing=trailing, or train with diffusion.zero_terminal_snr=true")
    return f"{diffusion.schedule}, {levels.num_timesteps} timesteps; generation starts at {first}, signal {signal:.3f}"


def objective(parts) -> str:
    """The weights do not say what they were trained to predict, but only the right reading denoises best."""
    config, errors = parts.run.config.diffusion, {}
    for name in ("linear", "scaled_linear", "cosine"):
        with contextlib.suppress(RequestError):   # not every schedule can be made with every number of timesteps
            errors |= denoising_errors(parts, make_schedule(replace(config, schedule=name)), name)
    best, own = min(errors, key=errors.get), errors[config.schedule, config.prediction]
    if not own < 1 or errors[best] < MARGIN * own:
        raise RequestError(f"read as {config.prediction} on {config.schedule}, the UNet leaves {own:.2f} of the error "
                           f"of mere shrinking, as {best[1]} on {best[0]} {errors[best]:.2f}; expected less than 1 and "
                           "the least. Restore the config.json that it was trained with, or train for longer")
    return f"{config.prediction} on {config.schedule} leaves {own:.2f} of the error of mere shrinking"


@torch.inference_mode()
def denoising_errors(parts, levels, name: str) -> dict:
    """{(name, prediction): error of x0_hat over 1 / (1 + SNR), that of the best factor for unit variance}.

    Mean over SNRs from 0.1 to 10, which are the same for every schedule: only the reading differs.
    """
    rows = spread(len(parts.latents.users), LATENTS)
    x0, users = (x[rows].to(parts.device) for x in (parts.latents.means, parts.latents.users))
    generator = torch.Generator().manual_seed(0)
    wanted = torch.linspace(math.log(0.1), math.log(10), len(rows))[torch.randperm(len(rows), generator=generator)]
    known = levels.snr(torch.arange(levels.num_timesteps)).clamp_min(1e-12).log()       # [T]
    t = (known - wanted[:, None]).abs().argmin(dim=1).to(parts.device)                  # [B]
    x_t = levels.add_noise(x0, torch.randn(x0.shape, generator=generator).to(parts.device), t)
    output = parts.denoiser.network(x_t, t, users)
    error = {kind: (levels.to_x0(output, x_t, t, kind) - x0).square().flatten(1).mean(dim=1) for kind in PREDICTIONS}
    return {(name, kind): float((error[kind] * (1 + levels.snr(t))).mean()) for kind in PREDICTIONS}


def generation(parts) -> str:
    run, names = parts.run, parts.run.users.names[:GENERATED_USERS]
    config = replace(run.config.sampling, steps=min(run.config.sampling.steps, GENERATION_STEPS))
    generated = generate(parts.denoiser, parts.vae, parts.latents.statistics.to(parts.device), config,
                     torch.arange(len(names), device=parts.device),
                     [named_seed(run.config.seed, name, 0) for name in names], run.latent_shape,
                     load_guides(run, parts.device, parts.vae_hash))
    expected = len(names), *run.image_shape
    low, high, contrast = (float(x) for x in (generated.min(), generated.max(), generated.flatten(1).std(dim=1).min()))
    if tuple(generated.shape) != expected or not -1 <= low <= high <= 1 or not contrast > 0.01:
        raise RunError(f"{config.steps} steps of {config.sampler} generate {tuple(generated.shape)} from {low:.2f} to "
                       f"{high:.2f}, least deviation {contrast:.3f}; expected {expected} from -1 to 1, none of one "
                       "colour. Delete diffusion/ to train it again")
    return f"{config.steps} steps of {config.sampler}: {expected[0]} images of {expected[1:]}, {low:.2f} to {high:.2f}"


def images(parts) -> str:
    run, folder = parts.run, Path(parts.run.users.data_dir)
    if not folder.is_dir():
        return f"not checked: {folder} is not there any more"
    folders = read_users(run.config, folder, run.path)
    split = Split.of(folders, run.config.data)
    check_same_images(run.path, run.users, Users(folders.users, str(folder), folders.channels, folders.colormap,
                                                 split.training_digests()))
    parts.split = split
    return f"{len(split.train)} in {folder}, those that the run was trained on"


@torch.inference_mode()
def encoding(parts) -> str:
    """The stored latents are these images' latents, on the stored scale."""
    latents, split = parts.latents, parts.split
    if latents.vae_hash != parts.vae_hash or not torch.equal(latents.users, split.train_users):
        raise NeedsAnother("latents of this VAE and these images")
    rows = spread(len(split.train), IMAGES)
    mean, _ = parts.vae.encode(split.train_images(rows).to(parts.device))
    gap = float((latents.statistics.normalise(mean.cpu()) - latents.means[rows]).abs().max())
    if not gap < 0.05:
        raise RunError(f"training images encode up to {gap:.2f} deviations away from their latents in "
                       f"{parts.run.latents_file.path}; expected 0. Delete latents/ and diffusion/ to encode and "
                       "train again")
    return f"{len(rows)} training images give their stored latents, to {gap:.4f} deviations"


@torch.inference_mode()
def reconstruction(parts) -> str:
    real = parts.split.train_images(spread(len(parts.split.train), IMAGES)).to(parts.device)
    mean, _ = parts.vae.encode(real)
    error = float((parts.vae.decode(mean).clamp(-1, 1) - real).square().mean())
    flat = float(real.flatten(1).var(dim=1, unbiased=False).mean())
    psnr, floor = (10 * math.log10(4 / max(x, 1e-12)) for x in (error, flat))   # peak: the whole range of 2
    if not psnr > floor + LEAST_GAIN_DB:
        raise RunError(f"training images come back at {psnr:.1f} dB; expected {floor + LEAST_GAIN_DB:.1f} or more, "
                       f"{LEAST_GAIN_DB:.0f} above images of one colour. Train the vae for longer, in a new folder")
    return f"training images come back at {psnr:.1f} dB, images of one colour at {floor:.1f}"


def spread(count: int, most: int):
    """Up to `most` of the indices 0 … count - 1, evenly spaced, int64."""
    return torch.linspace(0, count - 1, min(count, most)).round().long()
