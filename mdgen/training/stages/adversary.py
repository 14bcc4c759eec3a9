"""The second player of a stage whose decoder shall also look real: a patch discriminator that trains beside it."""

import torch

from mdgen.config import AdversaryConfig
from mdgen.losses.adversarial import adversarial_pull, hinge_loss, ramp
from mdgen.models import PatchDiscriminator


class Adversary:
    """Tells real images from decoded ones, from `first_step` on, and pulls the decoder later than that.

    The loop trains `network` by `loss` after every step of the task that owns this; the task calls `pull` in its own
    loss. The discriminator first learns alone, for the share `ramp` of all steps; then its pull rises from 0 over as
    many steps again: a fresh one knows nothing, and would break what the decoder has learnt.
    """

    name = "adversary"

    def __init__(self, config: AdversaryConfig, channels: int, steps: int, device):
        self.config, self.length = config, max(int(config.ramp * steps), 1)
        self.first_step, self.learning_rate = int(config.start * steps), config.learning_rate
        self.network = PatchDiscriminator(channels, config.width, config.depth)
        self.network.to(device, memory_format=torch.channels_last)
        self.pair = None   # real and decoded images of the micro-batch at hand

    def pull(self, images, decoded, reconstruction_loss, last_weight, step: int):
        """The decoder's adversarial loss and its metrics; images, decoded: [B, C, H, W] in about [-1, 1]."""
        self.pair = images, decoded.detach()
        share = self.config.weight * ramp(step, self.first_step + self.length, self.length)
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
