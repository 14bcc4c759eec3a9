"""Joint fine-tuning: the decoder learns on what the UNet makes of a latent, and the UNet what that looks like.

A decoder trained on encoded images has never seen what sampling gives it: latents that are off by a little everywhere.
Here it decodes, for half of every batch, latents that the UNet has cleaned of moderate noise, and must still meet the
image: pixels, texture, shares of levels, adversary. The gradient goes through both networks, beside the UNet's usual
loss on all noise levels. The encoder and the latents stay as they are. The results are new weights in RUN/joint/; those
of the stages before are never touched, so that deleting the folder undoes all of it.
"""

import math

import torch
from torch import nn

from mdgen.data.latents import LatentCache
from mdgen.data.splits import Split
from mdgen.diffusion.objective import NetworkDenoiser, diffusion_loss
from mdgen.losses.autoencoder import censored_error
from mdgen.losses.texture import level_distance, texture_distance
from mdgen.runs.checkpoint import weights_hash
from mdgen.runs.folder import RunFolder
from mdgen.runs.pipeline import joint_hash
from mdgen.training.loop import train
from mdgen.training.stages.diffusion import DiffusionTask, cache_latents
from mdgen.training.stages.image_loss import ImageLoss, joint_image_loss


class JointTask(DiffusionTask):
    """Decode cleaned and clean latents of training images; validate as the diffusion stage does."""

    name = "joint"

    def __init__(self, run: RunFolder, split: Split, vae, cache: LatentCache, device, unet, image_loss: ImageLoss):
        super().__init__(run, split, vae, cache, device, unet)
        self.network = nn.ModuleDict({"vae": vae, "unet": unet}).requires_grad_(True)
        for part in (vae.analysis, vae.encoder):
            part.requires_grad_(False)
        self.image_loss, self.opponents = image_loss, image_loss.opponents
        self.octaves = max(int(math.log2(run.config.vae.down_factor)) - 1, 1)   # of detail within a latent cell

    def loss(self, indices, generator):
        """The UNet's own loss on the batch, the image losses of the half that is decoded from cleaned latents, and the
        reconstruction error of the other half, whose decoding is to stay as good as it was."""
        vae, unet = self.network["vae"], self.network["unet"]
        latents, users = self.cache.batch(indices, generator, self.device)                # [B, c, h, w], [B]
        denoising, error = diffusion_loss(unet, self.schedule, self.config, latents, users, generator)
        half = (len(latents) + 1) // 2
        cleaned = self.clean(latents[:half], users[:half], generator)
        decoded = vae.decode(self.statistics.restore(torch.cat([cleaned, latents[half:]])))
        images = self.split.train_images(indices).to(self.device)                         # [B, C, H, W]
        look, metrics = self.image_loss(decoded[:half], images[:half], vae.decoder[-1].weight, self.step)
        kept = decoded.new_zeros(())
        if half < len(images):   # a micro-batch of one has no other half
            kept = censored_error(decoded[half:], images[half:])
        joint = self.run.config.joint
        texture = texture_distance(decoded[:half], images[:half], self.octaves)
        loss = denoising + look + kept + joint.texture_weight * texture
        if joint.level_weight:
            levels = level_distance(decoded[:half], images[:half])
            loss, metrics = loss + joint.level_weight * levels, metrics | {"levels": levels.detach()}
        return loss, {"error": error.mean(), "kept": kept.detach(), "texture": texture.detach(), **metrics}

    def clean(self, latents, users, generator):
        """Noise latents [B, c, h, w] up to joint.noise_limit and let the UNet say what they were."""
        highest = max(int(self.run.config.joint.noise_limit * self.schedule.num_timesteps), 1)
        t = torch.randint(highest, users.shape, generator=generator, device=self.device)
        noise = torch.randn(latents.shape, generator=generator, device=self.device)
        denoiser = NetworkDenoiser(self.network["unet"], self.schedule, self.config.prediction)
        return denoiser(self.schedule.add_noise(latents, noise, t), t, users)

    def validate(self, network) -> dict:
        self.vae = network["vae"]
        return super().validate(network["unet"])


def train_joint(run: RunFolder, split: Split, device) -> None:
    """Train (or resume) the joint stage of a run whose VAE and UNet are trained, from their averaged weights."""
    vae, vae_hash = run.load_vae(device)
    run.require_finished("diffusion")
    denoiser = run.load_denoiser(device, vae_hash=vae_hash)
    bound_to = joint_hash(run, weights_hash(vae_hash, denoiser.network))
    cache = cache_latents(run, split, vae, vae_hash)
    torch.manual_seed(run.config.seed)   # of the adversary's first weights
    task = JointTask(run, split, vae, cache, device, denoiser.network, joint_image_loss(run, device))
    train(task, run.config.joint_training, run.path, seed=run.config.seed, device=device, bound_to=bound_to)
