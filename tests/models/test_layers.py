import math

import pytest
import torch
from torch.nn import functional as F

from mdgen.models.layers import (
    Downsample,
    ResidualBlock,
    SelfAttention,
    Upsample,
    group_norm,
    position_map,
    sinusoidal_embedding,
)


def wake(module, seed=0):
    """Random weights everywhere, so that layers that start at zero take part."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return module


def test_sinusoidal_embedding_against_the_formula_entry_by_entry():
    values, dim = torch.tensor([0, 1, 7, 999]), 8
    found = sinusoidal_embedding(values, dim)
    for b, value in enumerate(values.tolist()):
        for k in range(dim // 2):
            phase = value * 10000 ** (-k / (dim // 2))
            assert found[b, k] == pytest.approx(math.cos(phase), abs=1e-4)
            assert found[b, dim // 2 + k] == pytest.approx(math.sin(phase), abs=1e-4)


def test_position_map_tells_rows_from_columns_and_every_position_apart():
    waves = position_map(8, 12, 3, "cpu", torch.float32)
    assert waves.shape == (1, 12, 8, 12)
    down, along = waves[0, :6], waves[0, 6:]
    assert torch.equal(down, down[..., :1].expand_as(down))          # constant along time
    assert torch.equal(along, along[:, :1].expand_as(along))         # constant along Doppler
    distances = torch.cdist(waves[0].flatten(1).T, waves[0].flatten(1).T)
    assert (distances + 10 * torch.eye(96)).min() > 0.05
    assert down[0, 2, 0] == pytest.approx(math.sin(math.pi * 2.5 / 8), abs=1e-6)


@pytest.mark.parametrize("channels, groups",
                         [(1, 1), (6, 1), (8, 2), (48, 12), (96, 24), (128, 32), (288, 32), (7, 1)])
def test_group_norm_has_groups_of_four_or_more_that_divide(channels, groups):
    assert group_norm(channels).num_groups == groups


def test_residual_block_starts_as_its_skip_and_the_embedding_moves_it_once_awake():
    x, embedding = torch.randn(2, 8, 4, 6), torch.randn(2, 5)
    block = ResidualBlock(8, 8, embedding_dim=5)
    assert torch.equal(block(x, embedding), x)
    wake(block)
    assert not torch.allclose(block(x, embedding), block(x, embedding + 1))


def test_modulation_is_one_plus_scale_times_the_normalised_plus_shift():
    block = wake(ResidualBlock(8, 12, embedding_dim=5)).eval()
    x, embedding = torch.randn(2, 8, 4, 6), torch.randn(2, 5)
    h = F.group_norm(x, block.norm1.num_groups, block.norm1.weight, block.norm1.bias, eps=1e-6)
    h = F.conv2d(h * torch.sigmoid(h), block.conv1.weight, block.conv1.bias, padding=1)
    h = F.group_norm(h, block.norm2.num_groups, block.norm2.weight, block.norm2.bias, eps=1e-6)
    modulation = embedding @ block.modulation.weight.T + block.modulation.bias
    h = h * (1 + modulation[:, :12, None, None]) + modulation[:, 12:, None, None]
    h = F.conv2d(h * torch.sigmoid(h), block.conv2.weight, block.conv2.bias, padding=1)
    expected = F.conv2d(x, block.skip.weight, block.skip.bias) + h
    assert torch.allclose(block(x, embedding), expected, atol=1e-4)


@pytest.mark.parametrize("channels", [16, 64, 100])
def test_attention_against_softmax_written_out_and_any_width_works(channels):
    attention = wake(SelfAttention(channels))
    x = torch.randn(2, channels, 2, 3)
    heads, depth = attention.heads, channels // attention.heads
    assert heads * depth == channels
    qkv = attention.qkv(attention.norm(x)).reshape(2, 3, heads, depth, 6)
    expected = torch.empty(2, heads, depth, 6)
    for head in range(heads):
        q, k, v = qkv[:, 0, head], qkv[:, 1, head], qkv[:, 2, head]   # [2, depth, 6]
        weights = torch.softmax(q.transpose(1, 2) @ k / depth**0.5, dim=-1)
        expected[:, head] = v @ weights.transpose(1, 2)
    assert torch.allclose(attention(x), x + attention.out(expected.reshape(2, channels, 2, 3)), atol=1e-4)


def test_attention_commutes_with_a_shuffle_of_positions():
    attention, x, order = wake(SelfAttention(64)), torch.randn(1, 64, 3, 4), torch.randperm(12)
    shuffled = x.flatten(2)[..., order].view_as(x)
    assert torch.allclose(attention(shuffled), attention(x).flatten(2)[..., order].view_as(x), atol=1e-4)


def test_resamplers_halve_and_double_unequal_sides():
    x = torch.randn(1, 4, 6, 10)
    assert Downsample(4)(x).shape == (1, 4, 3, 5)
    assert Upsample(4, 7)(x).shape == (1, 7, 12, 20)
