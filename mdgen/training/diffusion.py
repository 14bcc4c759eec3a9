"""The diffusion stage: encode once, then train the class-conditional UNet on cached latents."""

from dataclasses import replace
from pathlib import Path

import torch

from mdgen.data.latents import LatentCache, encode_latents
from mdgen.data.pictures import save_rows
from mdgen.data.splits import Split
from mdgen.diffusion.generate import generate, image_seed
from mdgen.diffusion.objective import Denoiser, diffusion_loss, make_schedule
from mdgen.errors import RequestError
from mdgen.run_folder import RunFolder
from mdgen.training import distributed
from mdgen.training.gradient_checkpointing import checkpointed
from mdgen.training.initialise import take_unet
from mdgen.training.loop import step_seed, train

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
        raise RequestError(f"the latents belong to {len(cache.users)} training images, but {run.users.data_dir} now "
                           f"gives {len(split.train)}, or other counts per user; give another --output-dir, or "
                           "restore the images")
    return cache


class DiffusionTask:
    """Denoise latents of training images; validate by the same loss on held-out images, at fixed noise."""

    name = "diffusion"

    def __init__(self, run: RunFolder, split: Split, vae, cache: LatentCache, device):
        self.run, self.split, self.vae, self.device = run, split, vae, device
        self.config, self.schedule = run.config.diffusion, make_schedule(run.config.diffusion)
        self.cache, self.statistics = cache, cache.statistics.to(device)
        torch.manual_seed(run.config.seed)   # initial weights: the same in every process and after every resume
        self.network = run.new_unet().to(device, memory_format=torch.channels_last)
        self.num_samples = len(cache.users)
        if run.config.diffusion_training.gradient_checkpointing:
            self.network.run_block = checkpointed

    def loss(self, indices, generator):
        latents = self.cache.draw(indices, torch.Generator().manual_seed(generator.initial_seed()))
        users = self.cache.users[indices].to(self.device)
        latents = latents.to(self.device, memory_format=torch.channels_last)
        loss, error = diffusion_loss(self.network, self.schedule, self.config, latents, users, generator)
        return loss, {"error": error.mean()}

    @torch.inference_mode()
    def validate(self, network) -> dict:
        """The unweighted error on held-out latents; the same times and noise at every call."""
        mean, _ = self.vae.encode(self.split.validation_images().to(self.device))
        latents, users = self.statistics.normalise(mean), self.split.validation_users.to(self.device)
        generator = torch.Generator(self.device).manual_seed(step_seed(self.run.config.seed, -1))
        plain = replace(self.config, label_dropout=0.0)
        errors = [diffusion_loss(network, self.schedule, plain, z, u, generator)[1]
                  for _ in range(4) for z, u in zip(latents.split(64), users.split(64))]
        return {"error": float(torch.cat(errors).mean())}

    def preview(self, network, path: Path) -> None:
        """Per user one real held-out image, then drawn ones below it, at the run's sampling settings."""
        names = self.run.users.names[:PREVIEW_USERS]
        users = torch.arange(len(names), device=self.device)
        denoiser = Denoiser(network, self.schedule, self.config.prediction)
        rows = [self.split.one_per_user()[:len(names)]]
        for index in range(PREVIEW_IMAGES):
            seeds = [image_seed(self.run.config.seed, name, index) for name in names]
            rows.append(generate(denoiser, self.vae, self.statistics, self.schedule, self.run.config.sampling, users,
                                 seeds, self.run.latent_shape))
        save_rows(rows, path, self.run.users.colormap)


def train_diffusion(run: RunFolder, split: Split, device) -> None:
    """Train (or resume) the UNet of a run whose VAE is trained."""
    vae, vae_hash = run.load_vae(device)
    cache = cache_latents(run, split, vae, vae_hash)
    task = DiffusionTask(run, split, vae, cache, device)
    take_unet(run, task.network)
    train(task, run.config.diffusion_training, run.path, seed=run.config.seed, device=device,
          bound_to=vae_hash)
