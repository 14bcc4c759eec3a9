"""Hinge losses of a decoder and a patch discriminator, with the adaptive weight of the decoder's part."""

import torch
from torch.func import functional_call
from torch.nn import functional as F


def hinge_loss(real_logits, decoded_logits):
    """What the discriminator minimises (Lim & Ye 2017, eq. 13): logits of any shape -> scalar.

    Real patches are pushed above 1 and decoded ones below -1; beyond that they cost nothing.
    """
    return 0.5 * (F.relu(1.0 - real_logits).mean() + F.relu(1.0 + decoded_logits).mean())


def ramp(step: int, start: int, length: int) -> float:
    """0 up to `start`, then linearly to 1 at start + length."""
    return min(max((step - start) / max(length, 1), 0.0), 1.0)


def adversarial_pull(discriminator, decoded, reconstruction_loss, last_weight, share: float):
    """A loss whose gradient moves `decoded` towards what the discriminator takes for real, and its weight.

    decoded: [B, C, H, W], made by a network whose last layer has the weight tensor `last_weight`.
    The adaptive weight makes the gradient at that layer `share` times as long as that of `reconstruction_loss`
    (Esser et al. 2021, eq. 7). The discriminator is evaluated once, in float32, and its gradient at the images is
    reused. It receives no gradient itself. Returns two scalars: the loss, with the value of the weighted mean of
    -logits, and the weight.
    """
    with torch.autocast(decoded.device.type, enabled=False):
        shown = decoded.detach().float().requires_grad_()
        frozen = {name: value.detach() for name, value in discriminator.named_parameters()}
        fooled = -functional_call(discriminator, frozen, (shown,)).mean()
        (towards_real,) = torch.autograd.grad(fooled, shown)
        (faithful,) = torch.autograd.grad(reconstruction_loss, last_weight, retain_graph=True)
        (sharp,) = torch.autograd.grad(decoded, last_weight, towards_real.to(decoded.dtype), retain_graph=True)
        weight = share * (faithful.float().norm() / (sharp.float().norm() + 1e-6)).clamp(max=1e4)
        along = (towards_real * decoded.float()).sum()
        return weight * (along - along.detach() + fooled.detach()), weight
