"""The patch discriminator: its patches, its independence of the batch, and that it learns."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mdgen.models.discriminator import PatchDiscriminator


def receptive_field(depth):
    """Height of the pixels that move one logit. Norms are taken out: they see the whole image."""
    model = PatchDiscriminator(1, width=4, depth=depth)
    model.norms = nn.ModuleList(nn.Identity() for _ in model.norms)
    image = torch.randn(1, 1, 160, 160, generator=torch.Generator().manual_seed(0), requires_grad=True)
    logits = model(image)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    touched = image.grad[0, 0].abs().sum(dim=1).nonzero()
    return int(touched.max() - touched.min()) + 1


@pytest.mark.parametrize("depth, pixels", [(1, 16), (2, 34), (3, 70)])
def test_patches_have_the_published_sizes(depth, pixels):
    assert receptive_field(depth) == pixels


@pytest.mark.parametrize("channels, height, width, depth, grid", [
    (3, 64, 96, 3, (6, 10)), (1, 256, 64, 3, (30, 6)), (1, 24, 24, 3, (1, 1)), (3, 32, 32, 2, (6, 6)),
])
def test_one_logit_per_patch(channels, height, width, depth, grid):
    model = PatchDiscriminator(channels, width=8, depth=depth)
    assert model(torch.zeros(2, channels, height, width)).shape == (2, 1, *grid)


def test_an_image_too_small_for_a_patch_is_refused():
    with pytest.raises(ValueError, match="24"):
        PatchDiscriminator(1, width=8)(torch.zeros(1, 1, 16, 64))


def test_no_batch_norm_so_a_logit_ignores_the_other_images():
    model = PatchDiscriminator(1, width=8).train()
    images = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(model(images)[1:2], model(images[1:2]), atol=1e-5)


def test_learns_to_tell_sharp_from_blurred():
    torch.manual_seed(0)
    model = PatchDiscriminator(1, width=8, depth=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    sharp = torch.randn(16, 1, 32, 32).clamp(-1, 1)
    blurred = F.avg_pool2d(sharp, 3, stride=1, padding=1)
    for _ in range(30):
        optimizer.zero_grad()
        (F.relu(1 - model(sharp[:8])).mean() + F.relu(1 + model(blurred[:8])).mean()).backward()
        optimizer.step()
    with torch.no_grad():
        assert model(sharp[8:]).mean(dim=(1, 2, 3)).min() > model(blurred[8:]).mean(dim=(1, 2, 3)).max()
