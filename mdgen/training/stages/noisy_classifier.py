"""The classifier stage: learn to tell users apart in noised latents, so that the gradient can guide sampling.

What guides is never a judge: the evaluation trains its own networks, on images, and shares nothing with this one.
"""

import torch
from torch.nn import functional as F

from mdgen.data.splits import Split
from mdgen.diffusion.guidance import NoisyClassifier
from mdgen.diffusion.objective import make_schedule
from mdgen.files import named_seed
from mdgen.runs.folder import RunFolder
from mdgen.training.loop import Task, train
from mdgen.training.stages.diffusion import cache_latents, held_out_latents


class NoisyClassifierTask(Task):
    """Recognise the user of a training latent at a random noise level; validate on held-out ones, at fixed noise."""

    name = "classifier"

    def __init__(self, run: RunFolder, split: Split, vae, cache, device):
        self.run, self.split, self.vae, self.cache, self.device = run, split, vae, cache, device
        self.schedule, self.num_samples = make_schedule(run.config.diffusion), len(cache.users)
        torch.manual_seed(run.config.seed)   # initial weights: the same in every process and after every resume
        self.network = run.new_classifier().to(device, memory_format=torch.channels_last)

    def loss(self, indices, generator):
        return self.recognise(self.network, *self.cache.batch(indices, generator, self.device), generator)

    def recognise(self, network, latents, users, generator):
        """Cross-entropy at one random noise level per latent, and the accuracy over all levels."""
        t = torch.randint(self.schedule.num_timesteps, users.shape, generator=generator, device=self.device)
        noise = torch.randn(latents.shape, generator=generator, device=self.device)
        logits = NoisyClassifier(network, self.schedule)(self.schedule.add_noise(latents, noise, t), t)   # [B, K]
        return F.cross_entropy(logits, users), {"accuracy": (logits.argmax(dim=1) == users).float().mean()}

    @torch.inference_mode()
    def validate(self, network) -> dict:
        latents, users = held_out_latents(self.vae, self.cache.statistics.to(self.device), self.split, self.device)
        generator = torch.Generator(self.device).manual_seed(named_seed(self.run.config.seed, -1))
        loss, metrics = self.recognise(network, latents.repeat(4, 1, 1, 1), users.repeat(4), generator)
        return {"loss": float(loss), "accuracy": float(metrics["accuracy"])}


def train_noisy_classifier(run: RunFolder, split: Split, device) -> None:
    """Train (or resume) the classifier of noised latents of a run whose VAE is trained."""
    vae, vae_hash = run.load_vae(device)
    task = NoisyClassifierTask(run, split, vae, cache_latents(run, split, vae, vae_hash), device)
    train(task, run.config.classifier_training, run.path, seed=run.config.seed, device=device, bound_to=vae_hash)
