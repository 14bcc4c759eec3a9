"""Latent diffusion: the training objective, guidance as wrappers of a denoiser, and drawing images."""

from mdgen.diffusion.generate import generate, image_seed
from mdgen.diffusion.guidance import autoguidance, classifier_free, classifier_guidance, within
from mdgen.diffusion.objective import Denoiser, diffusion_loss, make_schedule

__all__ = ["Denoiser", "autoguidance", "classifier_free", "classifier_guidance", "diffusion_loss", "generate",
           "image_seed", "make_schedule", "within"]
