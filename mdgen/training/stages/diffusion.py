"""The diffusion stage: encode once, then train the class-conditional UNet on cached latents."""

from dataclasses import replace
from pathlib import Path

import torch

from mdgen import distributed
from mdgen.config import DiffusionConfig
from mdgen.data.copies import CopyRate
from mdgen.data.image_io import save_rows
from mdgen.data.latents import LatentCache, encode_latents
from mdgen.data.splits import Split
from mdgen.diffusion.generate import generate
from mdgen.diffusion.objective import NetworkDenoiser, diffusion_loss, make_schedule
from mdgen.errors import RequestError
from mdgen.files import named_seed
from mdgen.runs.folder import RunFolder
from mdgen.training.loop import Task, train
from mdgen.training.stages.warm_start import warm_start_unet

PREVIEW_USERS = 10
PREVIEW_IMAGES = 3


def cache_latents(run: RunFolder, split: Split, vae, vae_hash: str) -> LatentCache:
    """The run's latents: loaded if they were made by this VAE, else encoded once and written."""
    if distributed.is_main() and not run.latents_file.exists():
        cache = encode_latents(vae, split.train_images, split.train_users, run.users.names, vae_hash)
        run.latents_file.save(cache.to_state())
    distributed.barrier()
    cache = run.load_latents(vae_hash)
    if not torch.equal(cache.users, split.train_users):
        raise RequestError(f"the latents belong to {len(cache.users)} images, but {run.users.data_dir} gives "
                           f"{len(split.train)} or other users; give another --output-dir, or restore the images")
    return cache


def held_out_latents(vae, statistics, split: Split, device):
    """Normalised latents of the held-out images, [N, c, h, w], and their users [N], on the device."""
    mean = torch.cat([vae.encode(images.to(device))[0] for images in split.validation_images().split(64)])
    return statistics.normalise(mean), split.validation_users.to(device)


def fixed_error(network, schedule, config: DiffusionConfig, latents, users, seed: int, device) -> float:
    """The unweighted error of latents [N, c, h, w] of users [N], uniform in time; every call has the same noise."""
    generator = torch.Generator(device).manual_seed(named_seed(seed, -1))
    config = replace(config, label_dropout=0.0)
    errors = [diffusion_loss(network, schedule, config, z.to(device), u.to(device), generator)[1]
              for _ in range(4) for z, u in zip(latents.split(64), users.split(64))]
    return float(torch.cat(errors).mean())


class DiffusionTask(Task):
    """Denoise latents of training images; validate by the unweighted error on held-out ones, at fixed noise."""

    name = "diffusion"

    def __init__(self, run: RunFolder, split: Split, vae, cache: LatentCache, device, network=None):
        """network: None makes a fresh UNet, the same in every process and after every resume."""
        self.run, self.split, self.vae, self.device = run, split, vae, device
        self.config, self.schedule = run.config.diffusion, make_schedule(run.config.diffusion)
        self.cache, self.statistics = cache, cache.statistics.to(device)
        if network is None:
            torch.manual_seed(run.config.seed)
            network = run.new_unet().to(device, memory_format=torch.channels_last)
        self.network = network
        self.num_samples, self.copies = len(cache.users), CopyRate(split)

    def loss(self, indices, generator):
        latents, users = self.cache.batch(indices, generator, self.device)                  # [B, c, h, w], [B]
        loss, error = diffusion_loss(self.network, self.schedule, self.config, latents, users, generator)
        return loss, {"error": error.mean()}

    @torch.inference_mode()
    def validate(self, network) -> dict:
        """Errors on held-out latents and on as many training ones, and how many generated images are copies."""
        rows = self.matched_training_rows()
        found = {"error": self.error(network, *held_out_latents(self.vae, self.statistics, self.split, self.device)),
                 "error_on_training": self.error(network, self.cache.means[rows], self.cache.users[rows])}
        self.generated = self.generate(network)
        users = torch.arange(self.generated.shape[1]).repeat(len(self.generated))
        rate = self.copies.rate(self.generated.flatten(0, 1).cpu().numpy(), users.numpy())
        return found if rate is None else {**found, "copy_rate": rate}

    def error(self, network, latents, users) -> float:
        return fixed_error(network, self.schedule, self.config, latents, users, self.run.config.seed, self.device)

    def matched_training_rows(self):
        """Training rows, evenly spaced, as many of every user as are held out: the user of each row is the same."""
        rows = []
        for user, count in enumerate(torch.bincount(self.split.validation_users).tolist()):
            own = (self.cache.users == user).nonzero()[:, 0]
            rows.append(own[torch.linspace(0, len(own) - 1, count).round().long()])
        return torch.cat(rows)

    def generate(self, network):
        """PREVIEW_IMAGES of each of the first users, at the run's sampling settings: [rows, users, C, H, W].

        Guidance other than classifier-free is left out: what it needs may not be there before the training's end.
        """
        sampling = self.run.config.sampling.without_guides
        names = self.run.users.names[:PREVIEW_USERS]
        users = torch.arange(len(names), device=self.device)
        denoiser = NetworkDenoiser(network, self.schedule, self.config.prediction)
        seeds = [[named_seed(self.run.config.seed, name, index) for name in names] for index in range(PREVIEW_IMAGES)]
        return torch.stack([generate(denoiser, self.vae, self.statistics, sampling, users, row, self.run.latent_shape)
                            for row in seeds])

    def preview(self, network, path: Path) -> None:
        """Per user one real held-out image, and below it the images that `validate` has generated."""
        real = self.split.one_per_user()[:PREVIEW_USERS]
        save_rows([real, *self.generated], path, self.run.users.colormap)


def train_diffusion(run: RunFolder, split: Split, device) -> None:
    """Train (or resume) the UNet of a run whose VAE is trained."""
    vae, vae_hash = run.load_vae(device)
    cache = cache_latents(run, split, vae, vae_hash)
    task = DiffusionTask(run, split, vae, cache, device)
    warm_start_unet(run, task.network)
    train(task, run.config.diffusion_training, run.path, seed=run.config.seed, device=device, bound_to=vae_hash)
