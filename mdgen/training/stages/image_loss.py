"""How far decoded images are from the real ones that they stand for: in pixels, to a network, to an adversary."""

from functools import partial
from pathlib import Path

import torch

from mdgen.config import AdversaryConfig, VAEConfig
from mdgen.data.splits import Split
from mdgen.errors import RequestError
from mdgen.losses.autoencoder import reconstruction_error
from mdgen.losses.perceptual import MIN_SIZE, classifier_distance, find_lpips_weights, load_lpips
from mdgen.runs.folder import RunFolder
from mdgen.training.stages.adversary import Adversary
from mdgen.training.user_classifier import new_classifier_task, train_kept

DOMAIN_STEPS, DOMAIN_SEED = 300, 7301   # of the domain network; its seed keeps it apart from every judge


class ImageLoss:
    """The losses of a decoder's images, weighed and summed.

    kind: "l1" or "mse"; distance: (x, y) -> [B], a perceptual distance, or None; adversary: an Adversary, or None.
    """

    def __init__(self, kind: str, distance, distance_weight: float, adversary: Adversary | None):
        self.kind, self.distance, self.distance_weight, self.adversary = kind, distance, distance_weight, adversary

    @property
    def opponents(self) -> list:
        return [self.adversary] if self.adversary else []

    def __call__(self, decoded, images, last_weight, step: int):
        """decoded, images: [B, C, H, W] in about [-1, 1] -> a scalar loss and its metrics.

        last_weight: the weight tensor of the decoder's last layer, where the adversary's pull is measured.
        """
        error = reconstruction_error(decoded, images, self.kind)
        loss, metrics = error, {"reconstruction": error.detach()}
        if self.distance:
            distance = self.distance(decoded.float(), images).mean()
            loss, metrics = loss + self.distance_weight * distance, metrics | {"perceptual": distance.detach()}
        if self.adversary:
            pull, found = self.adversary.pull(images, decoded, loss, last_weight, step)
            loss, metrics = loss + pull, metrics | found
        return loss, metrics


def new_image_loss(run: RunFolder, split: Split, perceptual_weight: float, adversary: AdversaryConfig, steps: int,
                   device) -> ImageLoss:
    """The losses that a stage of so many steps has for its images; see `perceptual_distance`."""
    distance = perceptual_distance(run, split, device) if perceptual_weight else None
    return ImageLoss(run.config.vae.reconstruction, distance, perceptual_weight,
                     new_adversary(adversary, run.image_channels, steps, device))


def new_adversary(config: AdversaryConfig, channels: int, steps: int, device) -> Adversary | None:
    return Adversary(config, channels, steps, device) if config.weight else None


def lpips_nets() -> tuple[str, str]:
    """VGG16 is the authors' choice for training, but costs 20 times the small autoencoder: first only on a GPU."""
    return ("vgg16", "alexnet") if torch.cuda.is_available() else ("alexnet", "vgg16")


def resolve_perceptual(config: VAEConfig, weights: Path | None = None) -> str:
    """The name of the perceptual loss that a run is made with: what "auto" finds on this machine, else as asked."""
    if config.perceptual != "auto":
        return config.perceptual
    found = find_lpips_weights(weights, lpips_nets())
    return f"lpips_{found[1]}" if found else "classifier"


def perceptual_distance(run: RunFolder, split: Split, device):
    """(x, y) -> [B] for images [B, C, H, W] in [-1, 1], by LPIPS or a classifier, as vae.perceptual says.

    The latter is trained on the training images and kept in the run folder; it never judges. Raises RequestError where
    the weights are missing or the images too small for LPIPS.
    """
    name = resolve_perceptual(run.config.vae, run.lpips_weights)
    if name == "classifier":
        folder = run.path / "vae" / "domain_network"
        network = train_kept(lambda: new_classifier_task(split, device), folder, steps=DOMAIN_STEPS, batch_size=32,
                             learning_rate=2e-3, seed=DOMAIN_SEED, device=device)
        return partial(classifier_distance, network.requires_grad_(False))
    size = min(split.folders.images.shape[2:])
    if size < MIN_SIZE:
        raise RequestError(f"vae.perceptual is {name}, but images of {size} pixels are too small for it; expected "
                           f"{MIN_SIZE} or more; take vae.perceptual=classifier")
    return load_lpips(run.lpips_weights, (name.removeprefix("lpips_"),)).to(device)
