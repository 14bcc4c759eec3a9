"""Encode every training image once; keep the latents, their statistics and the hash of the VAE that made them."""

from dataclasses import dataclass

import torch

from mdgen.errors import RequestError


@dataclass(frozen=True)
class LatentStatistics:
    """Per-channel mean and deviation of the whole training set's latents, [c, 1, 1] each."""

    mean: torch.Tensor
    deviation: torch.Tensor

    @staticmethod
    def of(means, deviations) -> "LatentStatistics":
        """From posteriors [N, c, h, w]: the law of total variance, so that drawn latents have deviation 1."""
        mean = means.mean(dim=(0, 2, 3), keepdim=True)
        variance = (means - mean).square().mean(dim=(0, 2, 3)) + deviations.square().mean(dim=(0, 2, 3))
        return LatentStatistics(mean[0], variance.clamp_min(1e-12).sqrt()[:, None, None])

    def normalise(self, latents):
        return (latents - self.mean) / self.deviation

    def restore(self, latents):
        return latents * self.deviation + self.mean

    def to(self, device) -> "LatentStatistics":
        return LatentStatistics(self.mean.to(device), self.deviation.to(device))


@dataclass(frozen=True)
class LatentCache:
    """Normalised posteriors of the training images, bound to one VAE and one user list.

    means, deviations: [N, c, h, w]; users: [N] int64; vae_hash: `fingerprint` of the VAE's weights.
    """

    means: torch.Tensor
    deviations: torch.Tensor
    users: torch.Tensor
    statistics: LatentStatistics
    vae_hash: str
    user_names: list

    def draw(self, indices, generator):
        """Posterior samples [B, c, h, w] of the given images: the noise is part of the data."""
        mean = self.means[indices]
        return mean + self.deviations[indices] * torch.randn(mean.shape, generator=generator, device=mean.device)

    def batch(self, indices, generator, device):
        """`draw` and the users [B] of the given images, on a device; generator's seed decides the posterior noise."""
        latents = self.draw(indices, torch.Generator().manual_seed(generator.initial_seed()))
        return latents.to(device, memory_format=torch.channels_last), self.users[indices].to(device)

    def to_state(self) -> dict:
        return {"means": self.means, "deviations": self.deviations, "users": self.users,
                "mean": self.statistics.mean, "deviation": self.statistics.deviation,
                "vae_hash": self.vae_hash, "user_names": list(self.user_names)}

    @staticmethod
    def from_state(state: dict, vae_hash: str, user_names: list) -> "LatentCache":
        """Raises RequestError if the latents were made by another VAE or for other users."""
        if state["vae_hash"] != vae_hash:
            raise RequestError(f"the latents were made by VAE {state['vae_hash']}, but this run's VAE is {vae_hash}; "
                               "delete the run's latents/ and diffusion/ folders to encode and train again")
        if list(state["user_names"]) != list(user_names):
            raise RequestError(f"the latents belong to users {', '.join(state['user_names'])}, but this run has "
                               f"{', '.join(user_names)}; delete the run's latents/ folder to encode again")
        return LatentCache(state["means"], state["deviations"], state["users"],
                           LatentStatistics(state["mean"], state["deviation"]), vae_hash, list(user_names))


@torch.inference_mode()
def encode_latents(vae, images, users, user_names, vae_hash: str, batch_size: int = 64,
                   statistics: LatentStatistics | None = None) -> LatentCache:
    """images(indices) -> [B, C, H, W] in [-1, 1]; users: [N] int64 in the order of the indices.

    statistics: to normalise by, where a network has learnt others' latents on their scale; None: these images' own.
    """
    device = next(vae.parameters()).device
    posteriors = [vae.encode(images(batch).to(device)) for batch in torch.arange(len(users)).split(batch_size)]
    means = torch.cat([mean for mean, _ in posteriors]).cpu().clone()
    deviations = torch.cat([(0.5 * log_variance).exp() for _, log_variance in posteriors]).cpu().clone()
    statistics = statistics.to("cpu") if statistics else LatentStatistics.of(means, deviations)
    return LatentCache(statistics.normalise(means), deviations / statistics.deviation, users.clone(), statistics,
                       vae_hash, list(user_names))
