"""What the autoencoder minimises: reconstruction error and the pull of the posterior towards a unit Gaussian."""

from torch.nn import functional as F


def reconstruction_error(reconstruction, images, kind: str):
    """Mean absolute ("l1") or squared ("mse") error of images [B, C, H, W] in [-1, 1]; a scalar."""
    return F.l1_loss(reconstruction, images) if kind == "l1" else F.mse_loss(reconstruction, images)


def kl_divergence(mean, log_variance):
    """KL(N(mean, variance) || N(0, 1)) in nats per latent entry (Kingma & Welling 2014, appendix B); a scalar."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean()
