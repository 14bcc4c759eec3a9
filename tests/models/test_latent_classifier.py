import torch

from mdgen.models import LatentClassifier


def make(**options):
    torch.manual_seed(0)
    network = LatentClassifier(3, 5, width=16, embedding_dim=32, **options).eval()
    for block in (network.fine, network.coarse):      # their last layers start at zero, which would hide them
        for parameter in [*block.conv2.parameters(), *block.modulation.parameters()]:
            torch.nn.init.normal_(parameter, std=0.1)
    return network


def test_it_tells_rows_and_times_apart_and_any_even_size_fits():
    network, t = make(), torch.tensor([10])
    for size in ((8, 8), (16, 8), (6, 20)):
        assert network(torch.randn(2, 3, *size), torch.tensor([0, 999])).shape == (2, 5)
    x = torch.zeros(1, 3, 16, 16)
    x[:, :, 4] = 3.0
    for other in (network(x.roll(8, dims=2), t), network(x, torch.tensor([900]))):
        assert (network(x, t) - other).abs().max() > 1e-2


def test_the_gradient_reaches_every_pixel_and_agrees_with_a_difference():
    network, t, x = make(), torch.tensor([300]), torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    leaf = x.clone().requires_grad_()
    slope = torch.autograd.grad(network(leaf, t)[0, 2], leaf)[0]
    assert (slope.abs() > 0).all()
    with torch.no_grad():
        along = slope / slope.norm()
        change = network(x + 0.05 * along, t)[0, 2] - network(x - 0.05 * along, t)[0, 2]
    assert torch.allclose(change / 0.1, slope.norm(), rtol=0.05)
