"""The KL-regularised autoencoder (Kingma & Welling 2014; Rombach et al. 2022) between images and latents.

Its skeleton is a linear transform of patches, which `fit_patch_basis` sets to the closed-form optimum (principal
components), of an image whose Doppler rows have been given room by need (`DopplerWarp`). Residual networks at latent
resolution learn what a linear map cannot do; their patches see their neighbours, which takes the grid away. No
convolution ever runs at full image resolution, which is where a small autoencoder would otherwise spend its time.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from mdgen.models.doppler_warp import DopplerWarp
from mdgen.models.layers import ResidualBlock, conv1x1, conv3x3, group_norm, run_plainly, zero_init


def refiner(channels_in: int, channels_out: int, width: int, blocks: int) -> nn.Sequential:
    """Residual network at latent resolution, [B, Cin, h, w] -> [B, Cout, h, w], whose output starts at zero."""
    return nn.Sequential(conv3x3(channels_in, width), *(ResidualBlock(width, width) for _ in range(blocks)),
                         group_norm(width), nn.SiLU(), zero_init(conv3x3(width, channels_out)))


class VAE(nn.Module):
    """Images [B, C, H, W] in [-1, 1] <-> latents [B, latent_channels, H/f, W/f], f = down_factor.

    H and W must be divisible by f and may differ.  width, blocks: of the encoder's and the decoder's refiners.
    min_deviation: floor of the posterior's standard deviation (latents have 1). Too low: haze in generated images,
    whose latents are never quite clean. Too high: speckle is lost, which no decoder brings back.
    row_zoom, height: how much the rows that hold most may be magnified, of images of this height alone; 1 is off.
    """

    def __init__(self, in_channels: int = 1, latent_channels: int = 8, down_factor: int = 4, width: int = 96,
                 blocks: int = 3, min_deviation: float = 0.1, row_zoom: float = 1.0, height: int = 0):
        super().__init__()
        self.min_log_variance = 2.0 * math.log(min_deviation)
        self.in_channels, self.latent_channels, self.down_factor = in_channels, latent_channels, down_factor
        self.run_block = run_plainly   # training may put gradient checkpointing here
        self.row_zoom, self.warp = row_zoom, DopplerWarp(height) if row_zoom > 1 else None
        patch = in_channels * down_factor**2
        self.analysis, self.synthesis = conv1x1(patch, latent_channels), conv1x1(latent_channels, patch)
        self.encoder = refiner(patch, 2 * latent_channels, width, blocks)
        self.decoder = refiner(latent_channels, patch, width, blocks)

    @property
    def outer_convolutions(self) -> list:
        """Those that do not go from features to features; training/optimizer.py sets them apart."""
        return [self.analysis, self.synthesis]

    def encode(self, x):
        """x: [B, C, H, W] in [-1, 1] -> posterior mean and log variance, each [B, c, H/f, W/f]."""
        patches = self._patches(x)                                      # [B, C f², H/f, W/f]
        shift, log_variance = self._refine(self.encoder, patches).chunk(2, dim=1)
        least = self.min_log_variance
        return self.analysis(patches) + shift, (log_variance + least).clamp(least, 4.0)

    def decode(self, z):
        """z: [B, c, h, w] -> images [B, C, f h, f w], about [-1, 1] (not clamped, so that gradients survive)."""
        images = F.pixel_shuffle(self.synthesis(z) + self._refine(self.decoder, z), self.down_factor)
        return images if self.warp is None else self.warp.inverse(images)

    def forward(self, x, generator=None):
        """Reconstruction [B, C, H, W] from one posterior draw, with the posterior's mean and log variance."""
        mean, log_variance = self.encode(x)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        return self.decode(mean + (0.5 * log_variance).exp() * noise), mean, log_variance

    def _patches(self, x):
        return F.pixel_unshuffle(x if self.warp is None else self.warp(x), self.down_factor)

    def _refine(self, layers, h):
        for layer in layers:
            h = self.run_block(layer, h) if isinstance(layer, ResidualBlock) else layer(h)
        return h

    @torch.no_grad()
    def fit_patch_basis(self, images) -> None:
        """Set the linear skeleton to the patches' first principal components, scaled to unit variance.

        images: [N, C, H, W] in [-1, 1], or a list of such batches, or a function that gives one. Minimises the mean
        squared error among linear maps (Eckart & Young 1936), so training starts from that floor. The refiners still
        start at zero. Where rows get room by need, what equal cells miss is measured first.
        """
        batches = images if callable(images) else lambda: [images] if torch.is_tensor(images) else images
        self._set_components(*self._patch_moments(batches()))
        if self.warp is not None:
            self.warp.fit(*self._row_moments(batches()), self.row_zoom, 2 * self.down_factor + 1)
            self._set_components(*self._patch_moments(batches()))

    def _set_components(self, mean, covariance) -> None:
        variance, basis = torch.linalg.eigh(covariance)
        kept = slice(-self.latent_channels, None)
        basis, deviation = basis[:, kept].flip(1), variance[kept].flip(0).clamp_min(1e-8).sqrt()
        missing = self.latent_channels - basis.shape[1]                 # more latents than patch entries: unused
        analysis, synthesis = (basis / deviation).T, basis * deviation  # [c, P], [P, c]
        self.analysis.weight.copy_(F.pad(analysis, (0, 0, 0, missing))[:, :, None, None])
        self.analysis.bias.copy_(F.pad(-analysis @ mean, (0, missing)))
        self.synthesis.weight.copy_(F.pad(synthesis, (0, missing))[:, :, None, None])
        self.synthesis.bias.copy_(mean)

    def _patch_moments(self, batches):
        """Mean [P] and covariance [P, P] of all patches, float64, a batch at a time."""
        count = total = products = 0
        for images in batches:
            patches = self._patches(images).double()                         # [B, P, h, w]
            rows = patches.movedim(1, -1).flatten(0, -2)                     # [B h w, P]
            count, total, products = count + len(rows), total + rows.sum(dim=0), products + rows.T @ rows
        mean = total / count
        return mean, products / count - torch.outer(mean, mean)

    def _row_moments(self, batches):
        """What `DopplerWarp.fit` needs, of an autoencoder without refiners: squared errors [H], products [H, H]."""
        error = products = count = 0
        for images in batches:
            patches = F.pixel_unshuffle(images, self.down_factor)
            missed = F.pixel_shuffle(self.synthesis(self.analysis(patches)), self.down_factor) - images   # [B, C, H, W]
            error = error + missed.double().square().sum(dim=(0, 1, 3))
            columns = (images.double() + 1).movedim(2, -1).flatten(0, -2)                                 # [B C W, H]
            products, count = products + columns.T @ columns, count + len(columns)
        return error / count, products / count
