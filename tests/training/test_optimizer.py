"""AdamW and Muon: which weights go where, what one step is in closed form, and that resuming is exact."""

import pytest
import torch
from torch import nn

from mdgen.config import DiffusionTrainingConfig, TrainingConfig
from mdgen.models import UNet
from mdgen.training.optimizer import hidden_convolutions, make_optimizer, orthogonalised


def test_weight_decay_falls_on_matrices_only():
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.Linear(3, 5))
    decayed, plain = make_optimizer(network, TrainingConfig(weight_decay=0.3)).param_groups
    assert decayed["weight_decay"] == 0.3 and plain["weight_decay"] == 0.0
    assert {p.shape for p in decayed["params"]} == {(4, 2, 3, 3), (5, 3)} and len(plain["params"]) == 4


def small_unet():
    torch.manual_seed(0)
    return UNet(4, num_users=3, channels=(8, 16), blocks=1, embedding_dim=16)


def muon(network, **options):
    return make_optimizer(network, DiffusionTrainingConfig(optimizer="muon", **options))


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (12, 12)])
def test_orthogonalised_keeps_the_directions_and_levels_the_singular_values(shape):
    generator = torch.Generator().manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(shape, generator=generator, dtype=torch.float64), full_matrices=False)
    strengths = torch.logspace(0, -2, len(v), dtype=torch.float64)
    x = orthogonalised((100 * u * strengths @ v).float()).double()
    levelled = u.T @ x @ v.T
    assert torch.allclose(levelled, levelled.diagonal().diag(), atol=1e-3)
    assert levelled.diagonal().min() > 0.6 and levelled.diagonal().max() < 1.3


def test_orthogonalised_does_not_know_the_scale_and_leaves_nothing_nothing():
    matrix = torch.randn(5, 9, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(orthogonalised(matrix), orthogonalised(1e-4 * matrix), atol=1e-4)
    assert torch.equal(orthogonalised(torch.zeros(5, 9)), torch.zeros(5, 9))


def test_hidden_convolutions_are_those_within_the_blocks():
    network = small_unet()
    names = {id(p): name for name, p in network.named_parameters()}
    expected = {name for name, p in network.named_parameters()
                if p.ndim == 4 and name.split(".")[0] in ("down", "middle", "up")}
    assert {names[id(p)] for p in hidden_convolutions(network)} == expected and len(expected) > 20


def test_every_parameter_has_one_group_and_only_matrices_decay():
    network = small_unet()
    groups = muon(network, weight_decay=0.3).param_groups
    assert sorted(id(p) for g in groups for p in g["params"]) == sorted(map(id, network.parameters()))
    assert all((g["weight_decay"] == 0.3) == (p.ndim > 1) for g in groups for p in g["params"])
    assert type(make_optimizer(network, TrainingConfig())) is torch.optim.AdamW


class OneConvolution(nn.Module):
    outer_convolutions = ()

    def __init__(self, *size):
        super().__init__()
        self.hidden = nn.Conv2d(*size, bias=False)
        self.weight = self.hidden.weight


def test_two_steps_of_muon_in_closed_form():
    """Directions count, not sizes: W (1 - rate decay) - rate 0.2 sqrt(n) U V^T; then momentum, seen a step ahead."""
    layer, generator = OneConvolution(3, 4, 3), torch.Generator().manual_seed(0)
    optimizer, expected = muon(layer, learning_rate=0.1, weight_decay=0.5), layer.weight.detach().clone()
    first, second = torch.randn(2, *expected.shape, generator=generator)
    for gradient, direction in ((first, first), (second, 0.05 * second + 0.95 * (0.95 * 0.05 * first + 0.05 * second))):
        layer.weight.grad = gradient.contiguous(memory_format=torch.channels_last)
        optimizer.step()
        expected = expected * 0.95 - 0.1 * 0.2 * 27**0.5 * orthogonalised(direction.flatten(1)).view_as(expected)
        assert torch.allclose(layer.weight, expected, atol=1e-5)


def test_all_else_steps_as_adamw_would():
    one, other = small_unet(), small_unet()
    optimizers = muon(one, learning_rate=0.01), make_optimizer(other, TrainingConfig(learning_rate=0.01))
    for network, optimizer in zip((one, other), optimizers):
        generator = torch.Generator().manual_seed(1)
        for _ in range(3):
            for p in network.parameters():
                p.grad = torch.randn(p.shape, generator=generator)
            optimizer.step()
            optimizer.zero_grad()
    hidden = {id(p) for p in hidden_convolutions(one)}
    for p, q in zip(one.parameters(), other.parameters()):
        assert torch.equal(p, q) == (id(p) not in hidden)


def test_muon_is_not_slowed_by_directions_whose_gradients_are_small():
    """Squared error with inputs of very different strength in directions that no single weight has to itself."""
    draw = torch.Generator().manual_seed(0)
    turn, target = (torch.linalg.qr(torch.randn(8, 8, generator=draw))[0] for _ in range(2))
    x = torch.randn(256, 8, generator=draw) * torch.logspace(0, -2, 8) @ turn

    def error(**options):
        torch.manual_seed(0)
        layer = OneConvolution(8, 8, 1)
        optimizer = make_optimizer(layer, DiffusionTrainingConfig(learning_rate=0.02, weight_decay=0.0, **options))
        for _ in range(300):
            loss = (layer.hidden(x[:, :, None, None])[..., 0, 0] - x @ target.T).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return (layer.weight[..., 0, 0] - target).abs().max()

    assert error(optimizer="muon") < 0.1 and error() > 0.3


def test_a_loaded_state_continues_bit_for_bit():
    def walk(network, optimizer, steps):
        for step in steps:
            generator = torch.Generator().manual_seed(step)
            for p in network.parameters():
                p.grad = torch.randn(p.shape, generator=generator)
            optimizer.step()

    whole, halted = small_unet(), small_unet()
    walk(whole, muon(whole), range(4))
    first = muon(halted)
    walk(halted, first, range(2))
    second = muon(halted)
    second.load_state_dict(first.state_dict())
    walk(halted, second, range(2, 4))
    assert all(torch.equal(p, q) for p, q in zip(whole.parameters(), halted.parameters()))
