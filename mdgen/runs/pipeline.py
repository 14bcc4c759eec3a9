"""All that draws images of a run, loaded and bound together."""

import hashlib
import json
from dataclasses import asdict, dataclass

import torch
from torch import nn

from mdgen.data.latents import LatentStatistics
from mdgen.diffusion.generate import generate
from mdgen.diffusion.guidance import NoisyClassifier
from mdgen.diffusion.objective import Denoiser, make_schedule
from mdgen.models import VAE
from mdgen.runs.folder import CHANGEABLE_WITH_JOINT, RunFolder
from mdgen.runs.checkpoint import fingerprint, weights_hash


@dataclass(frozen=True)
class Generator:
    """The networks of a run as one stage left them, with what guides them.

    guide: what the run's kind of guidance needs beside the denoiser (see `guided_by`), or None; the hashes name the
    weights of VAE and denoiser, and of the guide ("" without one).
    """

    run: RunFolder
    vae: VAE
    denoiser: Denoiser
    statistics: LatentStatistics
    guide: nn.Module | None
    weights_hash: str
    guide_hash: str

    def draw(self, users, seeds):
        """One image per (user, seed): users [B] int64, B integers -> [B, C, H, W] in [-1, 1]."""
        return generate(self.denoiser, self.vae, self.statistics, self.denoiser.schedule, self.run.config.sampling,
                        users, seeds, self.run.latent_shape, self.guide)


def load_generator(run: RunFolder, device="cpu", weights: str = "ema", stage: str | None = None,
                   guided: bool = True) -> Generator:
    """stage: "diffusion" or "joint", whose weights draw; by default joint where the run has it. guided: load the guide."""
    vae, vae_hash = run.load_vae(device)
    statistics = run.load_latents(vae_hash).statistics.to(device)
    guide, decoder_hash = load_guide(run, device, vae_hash) if guided else None, vae_hash
    if stage == "joint" or stage is None and (run.path / "joint" / "state.pt").exists():
        denoiser = load_joint(run, vae, vae_hash, device, weights)
        decoder_hash = fingerprint(vae.state_dict())
    else:
        denoiser = run.load_denoiser(device, weights, vae_hash)
    return Generator(run, vae, denoiser, statistics, guide, weights_hash(decoder_hash, denoiser.network),
                     fingerprint(guide.network.state_dict()) if guide else "")


def load_joint(run: RunFolder, vae: VAE, vae_hash: str, device, weights: str) -> Denoiser:
    """Fill the run's VAE, and the denoiser that is returned, with what the joint stage made of both.

    RequestError if it is not trained to its end, or started from other weights than the stages before now have.
    """
    denoiser = run.load_denoiser(device, vae_hash=vae_hash)
    run.require_finished("joint")
    network, _ = run.load_stage("joint", nn.ModuleDict({"vae": vae, "unet": denoiser.network}), weights,
                                bound_to=joint_hash(run, weights_hash(vae_hash, denoiser.network)))
    network.to(device, memory_format=torch.channels_last)
    return denoiser


def joint_hash(run: RunFolder, before: str) -> str:
    """16 hex digits of all that the joint stage's weights depend on: `before`, the hash of those it starts from, and its
    settings."""
    config = run.config
    training, settings = ({key: value for key, value in asdict(getattr(config, part)).items()
                           if f"{part}.{key}" not in CHANGEABLE_WITH_JOINT} for part in ("joint_training", "joint"))
    text = json.dumps([before, settings, training, config.vae.perceptual], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_guide(run: RunFolder, device, vae_hash: str):
    """What the run's kind of guidance needs beside the denoiser, see `guided_by`; RequestError if it is missing."""
    kind = run.config.sampling.guidance
    if run.config.sampling.by_early:
        return run.load_denoiser(device, "early", vae_hash)
    if kind in ("free", "free+auto"):
        return None
    run.require_finished("classifier")
    network, _ = run.load_stage("classifier", run.new_classifier(), bound_to=vae_hash)
    network.to(device, memory_format=torch.channels_last).requires_grad_(False)
    return NoisyClassifier(network, make_schedule(run.config.diffusion))
