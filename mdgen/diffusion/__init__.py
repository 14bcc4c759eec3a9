"""Latent diffusion: the training objective, guidance as wrappers of a denoiser, and drawing images."""

from mdgen.diffusion.generate import generate, image_seed
from mdgen.diffusion.guidance import classifier_free
from mdgen.diffusion.objective import Denoiser, diffusion_loss, make_schedule

__all__ = ["Denoiser", "classifier_free", "diffusion_loss", "generate", "image_seed", "make_schedule"]
