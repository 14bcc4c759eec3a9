"""What the autoencoder minimises: the error of what is within range, and the pull of the posterior to a Gaussian."""

import torch


def censored_error(decoded, images):
    """Mean squared error of decoded against images, both [B, C, H, W], whose range [-1, 1] is an observation's limit.

    A pixel at the floor says only that the echo was no stronger, one at the top that it was no weaker (Tobin 1958):
    whatever is decoded beyond is right, and free to be far from the edge, so that clamping leaves the floor exactly
    the floor. A squared error would pull it back to the edge, and half of it above.
    """
    error = decoded - images
    beyond = ((images <= -1.0) & (error < 0)) | ((images >= 1.0) & (error > 0))
    return torch.where(beyond, 0.0, error).square().mean()


def kl_divergence(mean, log_variance):
    """KL(N(mean, variance) || N(0, 1)) in nats per latent entry (Kingma & Welling 2014, appendix B); a scalar."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean()
