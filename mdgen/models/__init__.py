"""The networks: autoencoder, denoiser, discriminator, and the judges. All take [B, C, H, W] in [-1, 1]."""

from mdgen.models.classifier import UserClassifier
from mdgen.models.discriminator import PatchDiscriminator
from mdgen.models.inception import InceptionV3
from mdgen.models.latent_classifier import LatentClassifier
from mdgen.models.siamese import SiameseNetwork
from mdgen.models.unet import UNet, UNetWithExtraUsers
from mdgen.models.vae import VAE

__all__ = ["InceptionV3", "LatentClassifier", "PatchDiscriminator", "SiameseNetwork", "UNet",
           "UNetWithExtraUsers", "UserClassifier", "VAE"]
