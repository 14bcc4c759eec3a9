"""A patch discriminator that trains beside a decoder whose images shall also look real."""

import torch
from torch import nn

from mdgen.losses.adversarial import adversarial_pull, hinge_loss, ramp
from mdgen.models import PatchDiscriminator

WIDTH, DEPTH = 32, 2   # it judges patches of 34 cells
RAMP = 0.1             # share of the steps


class Adversary:
    """Tells real images from decoded ones, and pulls the decoder.

    weight: length of its gradient over that of the other image losses. cell: pixels along the side of what it sees as
    one place, so that its cost does not follow the pictures' size. The loop trains `network` by `loss` after every
    step of the task that owns this; the task calls `pull` in its own loss. The discriminator first learns alone, for a
    tenth of all steps; then its pull rises from 0 over as many steps again: a fresh one knows nothing, and would break
    what the decoder has learnt.
    """

    name = "adversary"
    learning_rate = 1e-3   # constant: it must keep up with a decoder that changes

    def __init__(self, weight: float, channels: int, steps: int, device, cell: int = 1):
        self.weight, self.length, self.cell = weight, max(int(RAMP * steps), 1), cell
        trunk = PatchDiscriminator(channels * cell**2, WIDTH, DEPTH)
        self.network = nn.Sequential(nn.PixelUnshuffle(cell), trunk) if cell > 1 else trunk
        self.network.to(device, memory_format=torch.channels_last)
        self.pair = None   # real and decoded images of the micro-batch at hand

    def pull(self, images, decoded, reconstruction_loss, last_weight, step: int):
        """The decoder's adversarial loss and its metrics; images, decoded: [B, C, H, W] in about [-1, 1]."""
        self.pair = images, decoded.detach()
        share = self.weight * ramp(step, self.length, self.length)
        if share == 0:
            return 0.0, {}
        loss, weight = adversarial_pull(self.network, decoded, reconstruction_loss, last_weight, share)
        return loss, {"adversarial": loss.detach(), "adversarial_weight": weight.detach()}

    def loss(self, indices, generator):
        """Hinge loss on the images that the task has just decoded, and how often each kind is told rightly."""
        real, decoded = self.pair
        logits = self.network(torch.cat([real, decoded.clamp(-1.0, 1.0).to(real.dtype)]))
        real_logits, decoded_logits = logits.float().chunk(2)
        right = {"real": (real_logits > 0).float().mean(), "decoded": (decoded_logits < 0).float().mean()}
        return hinge_loss(real_logits, decoded_logits), right
