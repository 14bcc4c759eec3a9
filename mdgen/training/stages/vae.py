"""The VAE stage: fit the patch basis in closed form, then train what a linear map cannot do."""

from pathlib import Path

import torch

from mdgen.data.image_io import save_rows
from mdgen.data.splits import Split
from mdgen.data.transforms import augment, for_size
from mdgen.losses.autoencoder import kl_divergence
from mdgen.runs.folder import RunFolder
from mdgen.training.loop import Task, train
from mdgen.training.stages.image_loss import ImageLoss, vae_image_loss
from mdgen.training.stages.warm_start import warm_start_vae

AUGMENTATION = {"gain": 0.1, "max_shift": 3}   # of the range [0, 1], and columns of 64


class VAETask(Task):
    """Reconstruct augmented training images; validate by PSNR on held-out ones."""

    name = "vae"

    def __init__(self, run: RunFolder, split: Split, network, image_loss: ImageLoss, device):
        self.run, self.split, self.network, self.device = run, split, network, device
        self.num_samples, self.image_loss, self.opponents = len(split.train), image_loss, image_loss.opponents

    def loss(self, indices, generator):
        images = self.split.train_images(indices).to(self.device)                 # [B, C, H, W]
        images = augment(images, generator, **for_size(AUGMENTATION, images.shape))
        images = images.contiguous(memory_format=torch.channels_last)
        reconstruction, mean, log_variance = self.network(images, generator)
        loss, metrics = self.image_loss(reconstruction, images, self.network.decoder[-1].weight, self.step)
        kl = kl_divergence(mean.float(), log_variance.float())
        return loss + self.run.config.vae.kl_weight * kl, metrics | {"kl": kl.detach()}

    @torch.inference_mode()
    def reconstruct(self, network, images):
        mean, _ = network.encode(images.to(self.device))
        return network.decode(mean).clamp(-1.0, 1.0).cpu()

    def validate(self, network) -> dict:
        """PSNR in dB of held-out images, peak = the whole range of 2."""
        images = self.split.validation_images()
        error = torch.cat([(self.reconstruct(network, batch) - batch).square().flatten(1).mean(dim=1)
                           for batch in images.split(64)])
        return {"psnr_db": float(10.0 * torch.log10(4.0 / error.mean()))}

    def preview(self, network, path: Path) -> None:
        """Real images above their reconstructions, one held-out image per user."""
        images = self.split.one_per_user()
        save_rows([images, self.reconstruct(network, images)], path, self.run.users.colormap)


def train_vae(run: RunFolder, split: Split, device) -> None:
    """Train (or resume) the VAE of a run; its state and previews land in the run folder."""
    torch.manual_seed(run.config.seed)   # initial weights: the same in every process and after every resume
    network = run.new_vae()
    if run.config.init_from.weights == "none":
        network.fit_patch_basis(split.training_batches)
    warm_start_vae(run, network)
    network.to(device, memory_format=torch.channels_last)
    task = VAETask(run, split, network, vae_image_loss(run, device), device)
    train(task, run.config.vae_training, run.path, seed=run.config.seed, device=device)
