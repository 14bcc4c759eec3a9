"""What the autoencoder minimises beside the squared error: the pull of the posterior towards a unit Gaussian."""


def kl_divergence(mean, log_variance):
    """KL(N(mean, variance) || N(0, 1)) in nats per latent entry (Kingma & Welling 2014, appendix B); a scalar."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean()
