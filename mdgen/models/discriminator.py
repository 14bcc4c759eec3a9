"""The patch discriminator: real or decoded, judged patch by patch."""

from torch import nn
from torch.nn import functional as F

from mdgen.models.layers import group_norm


class PatchDiscriminator(nn.Module):
    """Convolutions of size 4 that give one logit per overlapping patch (Isola et al. 2017, sec. 3.2.2).

    depth strided layers, then two of stride 1: patches of 70x70 pixels at depth 3, 34x34 at depth 2. Group
    norm in place of batch norm, so that a logit does not depend on which images share the batch.
    forward: x [B, C, H, W] in [-1, 1] -> logits [B, 1, h, w], positive for real, h = H/2^depth - 2.
    Raises ValueError for images too small to hold one patch logit.
    """

    def __init__(self, in_channels: int, width: int = 64, depth: int = 3):
        super().__init__()
        self.depth = depth
        widths = [width * min(2**level, 8) for level in range(depth + 1)]
        strides = [2] * depth + [1]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=s, padding=1)
            for a, b, s in zip([in_channels] + widths, widths, strides)
        )
        # The first layer has no norm: it must see absolute intensity.
        self.norms = nn.ModuleList([nn.Identity()] + [group_norm(b) for b in widths[1:]])
        self.head = nn.Conv2d(widths[-1], 1, 4, padding=1)

    def forward(self, x):
        smallest = 3 * 2**self.depth
        if min(x.shape[-2:]) < smallest:
            raise ValueError(f"image of {tuple(x.shape[-2:])}: need sides of at least {smallest} px")
        for conv, norm in zip(self.convs, self.norms):
            x = F.leaky_relu(norm(conv(x)), 0.2)                        # [B, width·2^level, H/2, W/2]
        return self.head(x)                                             # [B, 1, H/2^depth - 2, W/2^depth - 2]
