"""Latent diffusion: the training objective, guidance as wrappers of a denoiser, and generating images."""

from mdgen.diffusion.generate import generate
from mdgen.diffusion.guidance import Guides, autoguidance, classifier_free, classifier_guidance, guided_by
from mdgen.diffusion.objective import Denoiser, NetworkDenoiser, diffusion_loss, make_schedule

__all__ = ["Denoiser", "Guides", "NetworkDenoiser", "autoguidance", "classifier_free", "classifier_guidance",
           "diffusion_loss", "generate", "guided_by", "make_schedule"]
