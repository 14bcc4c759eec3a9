"""Losses as functions of tensors."""

from mdgen.losses.autoencoder import kl_divergence

__all__ = ["kl_divergence"]
