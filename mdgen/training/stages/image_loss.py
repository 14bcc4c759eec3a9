"""How far decoded images are from the real ones that they stand for: in pixels, to a network, to an adversary."""

from pathlib import Path

import torch

from mdgen.config import VAEConfig
from mdgen.errors import RequestError
from mdgen.losses.autoencoder import censored_error
from mdgen.losses.perceptual import LPIPS, MIN_SIZE, find_lpips_weights, load_lpips
from mdgen.runs.folder import RunFolder
from mdgen.training.stages.adversary import Adversary


class ImageLoss:
    """The losses of a decoder's images, weighed and summed: squared error and, where given, two more.

    lpips: (x, y) -> [B], a perceptual distance, or None; adversary: an Adversary, or None.
    """

    def __init__(self, lpips=None, lpips_weight: float = 0.0, adversary: Adversary | None = None):
        self.lpips, self.lpips_weight, self.adversary = lpips, lpips_weight, adversary

    @property
    def opponents(self) -> list:
        return [self.adversary] if self.adversary else []

    def __call__(self, decoded, images, last_weight, step: int):
        """decoded, images: [B, C, H, W] in about [-1, 1] -> a scalar loss and its metrics.

        last_weight: the weight tensor of the decoder's last layer, where the adversary's pull is measured.
        """
        loss = censored_error(decoded, images)
        metrics = {"reconstruction": loss.detach()}
        if self.lpips:
            distance = self.lpips(decoded.float(), images).mean()
            loss, metrics = loss + self.lpips_weight * distance, metrics | {"perceptual": distance.detach()}
        if self.adversary:
            pull, found = self.adversary.pull(images, decoded, loss, last_weight, step)
            loss, metrics = loss + pull, metrics | found
        return loss, metrics


def vae_image_loss(run: RunFolder, device, *, trained: bool = True) -> ImageLoss:
    """The image losses that the run's configuration asks its autoencoder to meet; trained: else with random LPIPS.

    Raises RequestError where the weights are missing or the images too small for LPIPS.
    """
    vae, size = run.config.vae, min(run.image_shape[1:])
    if not vae.perceptual_weight:
        return ImageLoss()
    if size < MIN_SIZE:
        raise RequestError(f"vae.perceptual_weight is {vae.perceptual_weight}, but images of {size} pixels are too "
                           f"small for LPIPS; expected {MIN_SIZE} or more; leave it out")
    net = resolve_perceptual(vae, run.lpips_weights).removeprefix("lpips_")
    lpips = load_lpips(run.lpips_weights, (net,)) if trained else LPIPS(net)
    return ImageLoss(lpips.to(device), vae.perceptual_weight)


def joint_image_loss(run: RunFolder, device) -> ImageLoss:
    """The image losses of the joint stage."""
    weight, steps = run.config.joint.adversary_weight, run.config.joint_training.steps
    cell = max(run.config.vae.down_factor // 4, 1)
    return ImageLoss(adversary=Adversary(weight, run.image_channels, steps, device, cell) if weight else None)


def lpips_nets() -> tuple[str, str]:
    """VGG16 is the authors' choice for training, but costs 20 times the small autoencoder: first only on a GPU."""
    return ("vgg16", "alexnet") if torch.cuda.is_available() else ("alexnet", "vgg16")


def resolve_perceptual(config: VAEConfig, weights: Path | None = None) -> str:
    """The name of the perceptual loss that a run is made with: what "auto" finds on this machine, else as asked."""
    if config.perceptual != "auto":
        return config.perceptual
    found = find_lpips_weights(weights, lpips_nets())
    return f"lpips_{found[1] if found else lpips_nets()[0]}"
