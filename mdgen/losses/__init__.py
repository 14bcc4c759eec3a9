"""Losses as functions of tensors."""

from mdgen.losses.autoencoder import kl_divergence, reconstruction_error

__all__ = ["kl_divergence", "reconstruction_error"]
