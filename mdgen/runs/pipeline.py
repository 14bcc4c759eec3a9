"""All that generates images of a run, loaded and bound together."""

import json
from dataclasses import asdict, dataclass

from torch import nn

from mdgen.config.upgrade import settings_of_version_1
from mdgen.data.latents import LatentStatistics
from mdgen.diffusion.generate import generate
from mdgen.diffusion.guidance import Guides, NoisyClassifier
from mdgen.diffusion.objective import NetworkDenoiser, make_schedule
from mdgen.files import digest
from mdgen.models import VAE
from mdgen.runs.checkpoint import fingerprint, weights_hash
from mdgen.runs.folder import CHANGEABLE_WITH_JOINT, RunFolder
from mdgen.runs.levels import LevelMap, read_levels


@dataclass(frozen=True)
class GenerationPipeline:
    """The networks of a run as one stage left them, with what guides them.

    weights_hash names the weights of VAE and denoiser, guide_hashes those of each guide ("" without one). levels: what
    the generated images' levels become, where that was fitted to these weights.
    """

    run: RunFolder
    vae: VAE
    denoiser: NetworkDenoiser
    statistics: LatentStatistics
    guides: Guides
    weights_hash: str
    guide_hashes: tuple
    levels: LevelMap | None = None

    def generate(self, users, seeds):
        """One image per (user, seed): users [B] int64, B integers -> [B, C, H, W] in [-1, 1]."""
        images = generate(self.denoiser, self.vae, self.statistics, self.run.config.sampling, users, seeds,
                          self.run.latent_shape, self.guides)
        return images if self.levels is None else self.levels(images)


def load_pipeline(run: RunFolder, device="cpu", weights: str = "ema", stage: str | None = None,
                  guided: bool = True, levels: bool = True) -> GenerationPipeline:
    """stage: "diffusion" or "joint", whose weights generate; by default joint where the run has it.

    weights: see `Checkpoint.weights`. guided: load the guides that the run's sampling asks for. levels: and the map of
    levels, where it was fitted to these weights.
    """
    vae, vae_hash = run.load_vae(device)
    statistics = run.load_latents(vae_hash).statistics.to(device)
    guides, decoder_hash = load_guides(run, device, vae_hash) if guided else Guides(), vae_hash
    if stage == "joint" or stage is None and run.has("joint"):
        denoiser = load_joint(run, vae, vae_hash, device, weights)
        decoder_hash = fingerprint(vae.state_dict())
    else:
        denoiser = run.load_denoiser(device, weights, vae_hash)
    hashes = tuple(fingerprint(guide.network.state_dict()) if guide else "" for guide in guides)
    found = weights_hash(decoder_hash, denoiser.network)
    return GenerationPipeline(run, vae, denoiser, statistics, guides, found, hashes,
                              read_levels(run.path, found) if levels else None)


def load_joint(run: RunFolder, vae: VAE, vae_hash: str, device, weights: str) -> NetworkDenoiser:
    """Fill the run's VAE, and the denoiser that is returned, with what the joint stage made of both.

    RequestError if it is not trained to its end, or started from other weights than the stages before now have.
    """
    denoiser = run.load_denoiser(device, vae_hash=vae_hash)
    run.require_finished("joint")
    found = run.checkpoint("joint", joint_hash(run, weights_hash(vae_hash, denoiser.network)))
    found.fill(nn.ModuleDict({"vae": vae, "unet": denoiser.network}), weights, device)
    return denoiser


def joint_hash(run: RunFolder, before: str) -> str:
    """16 hex digits of all that the joint stage's weights depend on: `before`, the hash of those it starts from, and
    its settings."""
    joint, training = ({key: value for key, value in asdict(getattr(run.config, part)).items()
                        if f"{part}.{key}" not in CHANGEABLE_WITH_JOINT} for part in ("joint", "joint_training"))
    return digest(json.dumps([before, *settings_of_version_1(run.config, training, joint)], sort_keys=True))


def load_guides(run: RunFolder, device, vae_hash: str) -> Guides:
    """The networks that the run's guidance needs beside the denoiser; RequestError if one is missing."""
    sampling, weak, classifier = run.config.sampling, None, None
    if sampling.autoguidance_scale != 1.0:
        weak = run.load_denoiser(device, vae_hash=vae_hash, early=True)
    if sampling.classifier_scale:
        run.require_finished("classifier")
        network = run.checkpoint("classifier", vae_hash).fill(run.new_classifier(), device=device)
        classifier = NoisyClassifier(network.requires_grad_(False), make_schedule(run.config.diffusion))
    return Guides(weak, classifier)
