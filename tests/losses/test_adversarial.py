import pytest
import torch
from torch import nn

from mdgen.losses.adversarial import adversarial_pull, hinge_loss, ramp
from mdgen.models import PatchDiscriminator


def test_the_hinge_costs_nothing_beyond_the_margins_and_its_distance_within():
    assert hinge_loss(torch.tensor([1.0, 3.0]), torch.tensor([-1.0, -2.0])) == 0
    assert hinge_loss(torch.tensor([0.0]), torch.tensor([0.5])).item() == pytest.approx(0.5 * (1.0 + 1.5))


def test_the_ramp_is_flat_then_linear_then_flat():
    assert [ramp(step, 10, 4) for step in (0, 10, 11, 12, 14, 99)] == [0, 0, 0.25, 0.5, 1, 1]


@pytest.fixture
def game():
    torch.manual_seed(0)
    decoder, discriminator = nn.Conv2d(2, 1, 3, padding=1), PatchDiscriminator(1, width=4, depth=2)
    latents, images = torch.randn(3, 2, 16, 16), torch.randn(3, 1, 16, 16).clamp(-1, 1)
    return decoder, discriminator, latents, images


def test_its_gradient_is_the_asked_share_of_the_reconstructions_and_points_where_logits_rise(game):
    decoder, discriminator, latents, images = game
    decoded = decoder(latents)
    error = (decoded - images).square().mean()
    loss, weight = adversarial_pull(discriminator, decoded, error, decoder.weight, share=0.3)
    (pull,) = torch.autograd.grad(loss, decoder.weight, retain_graph=True)
    (faithful,) = torch.autograd.grad(error, decoder.weight)
    assert pull.norm().item() == pytest.approx(0.3 * faithful.norm().item(), rel=1e-3)
    plain = -discriminator(decoder(latents)).mean()   # the independent route: through the whole graph
    (expected,) = torch.autograd.grad(plain, decoder.weight)
    assert torch.allclose(pull, weight * expected, rtol=1e-4, atol=1e-8)
    assert loss.item() == pytest.approx((weight * plain).item(), rel=1e-5)


def test_the_discriminator_is_left_alone(game):
    decoder, discriminator, latents, images = game
    decoded = decoder(latents)
    loss, _ = adversarial_pull(discriminator, decoded, (decoded - images).square().mean(), decoder.weight, share=1.0)
    loss.backward()
    assert all(p.grad is None and p.requires_grad for p in discriminator.parameters())
    assert decoder.weight.grad.abs().sum() > 0
