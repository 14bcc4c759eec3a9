"""The FID network against torchvision's, whose poolings are corrected from outside."""

import hashlib

import pytest
import torch
from torch.nn import functional as F
from torchvision.models import inception_v3

from mdgen.errors import RequestError, RunError
from mdgen.models import inception
from mdgen.models.inception import InceptionV3, find_inception_weights, load_inception

AVERAGED = ["5b", "5c", "5d", "6b", "6c", "6d", "6e", "7b"]


def torchvision_network():
    return inception_v3(weights=None, aux_logits=False, num_classes=1008, init_weights=False).eval()


@pytest.fixture(scope="module")
def network():
    """Random weights, with batch-norm statistics of random images so that signals keep their size."""
    generator = torch.Generator().manual_seed(0)
    model = InceptionV3()
    for name, parameter in model.named_parameters():
        centre = 1.0 if name.endswith("bn.weight") else 0.0
        scale = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
        parameter.data = centre + scale * torch.randn(parameter.shape, generator=generator)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(random_images(2))
    return model.eval()


def random_images(count):
    coarse = torch.rand(count, 3, 24, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return F.interpolate(coarse, size=(299, 299), mode="bilinear")


def pool_by_hand(x, kind):
    """3x3 pooling from unfolded windows, leaving out what lies outside the image."""
    def windows(values):
        return F.unfold(values, 3, padding=1).unflatten(1, (values.shape[1], 9))
    inside = windows(torch.ones_like(x)) > 0
    if kind == "average":
        pooled = windows(x).sum(dim=2) / inside.sum(dim=2)
    else:
        pooled = windows(x).masked_fill(~inside, float("-inf")).amax(dim=2)
    return pooled.unflatten(2, x.shape[2:])


def correct_pooling(block, kind):
    """Give torchvision's pooling branch the hand-made pooling of the block's input."""
    seen = {}
    block.register_forward_pre_hook(lambda module, args: seen.update(x=args[0]))
    block.branch_pool.register_forward_pre_hook(lambda module, args: (pool_by_hand(seen["x"], kind),))


def test_same_keys_and_shapes_as_torchvision():
    ours = {name: tuple(value.shape) for name, value in InceptionV3().state_dict().items()}
    theirs = {name: tuple(value.shape) for name, value in torchvision_network().state_dict().items()}
    assert ours == theirs
    assert len(ours) == 566 and ours["fc.weight"] == (1008, 2048)


def test_batch_norms_use_the_epsilon_of_tensorflow():
    epsilons = {module.eps for module in InceptionV3().modules() if isinstance(module, torch.nn.BatchNorm2d)}
    assert epsilons == {1e-3}


def test_equals_torchvision_with_the_fid_poolings_and_only_with_them(network):
    other = torchvision_network()
    other.load_state_dict(network.state_dict())
    pooled = []
    other.avgpool.register_forward_hook(lambda module, args, output: pooled.append(output.flatten(1)))
    images = random_images(1)
    with torch.no_grad():
        features, logits = network(images)
        other(images)
        for name in AVERAGED:
            correct_pooling(getattr(other, f"Mixed_{name}"), "average")
        correct_pooling(other.Mixed_7c, "maximum")
        other_logits = other(images)
    plain, corrected = pooled
    assert features.shape == (1, 2048) and logits.shape == (1, 1008)
    assert torch.allclose(features, corrected, atol=1e-5, rtol=1e-4)
    assert torch.allclose(logits, other_logits - network.fc.bias, atol=1e-5, rtol=1e-4)
    assert (features - plain).abs().max() > 1e-2 * features.abs().max()


def test_border_averages_count_only_pixels_that_exist():
    model = InceptionV3()
    for name in AVERAGED:
        flat = getattr(model, f"Mixed_{name}").pool(torch.full((1, 1, 5, 5), 3.0))
        assert torch.allclose(flat, torch.full((1, 1, 5, 5), 3.0))
    spike = torch.zeros(1, 1, 5, 5)
    spike[..., 2, 2] = 1
    assert model.Mixed_7c.pool(spike).sum() == 9  # a maximum spreads a spike; a mean would keep the sum at 1


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="299"):
        InceptionV3()(torch.zeros(1, 3, 256, 256))


@pytest.fixture
def published(network, tmp_path, monkeypatch):
    """A file of random weights that passes for the published one, served from a file:// address."""
    path = tmp_path / "published" / inception.WEIGHTS_NAME
    path.parent.mkdir()
    torch.save(network.state_dict(), path)
    monkeypatch.setattr(inception, "WEIGHTS_SHA256", hashlib.sha256(path.read_bytes()).hexdigest()[:16])
    monkeypatch.setattr(inception, "WEIGHTS_URL", path.as_uri())
    return path


@pytest.fixture(autouse=True)
def no_weights_at_hand(empty_hub, monkeypatch):
    monkeypatch.delenv(inception.WEIGHTS_VARIABLE, raising=False)


def test_the_path_precedes_the_variable_which_precedes_the_cache(tmp_path, monkeypatch):
    places = [tmp_path / "given.pth", tmp_path / "variable.pth",
              tmp_path / "hub" / "checkpoints" / inception.WEIGHTS_NAME]
    assert find_inception_weights() is None
    places[2].parent.mkdir(parents=True)
    for place in places:
        place.write_bytes(b"weights")
    assert find_inception_weights() == places[2]
    monkeypatch.setenv(inception.WEIGHTS_VARIABLE, str(places[1]))
    assert find_inception_weights() == places[1]
    assert find_inception_weights(places[0]) == places[0]


def test_a_named_path_without_a_file_is_not_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv(inception.WEIGHTS_VARIABLE, str(tmp_path / "nowhere.pth"))
    with pytest.raises(RequestError, match=inception.WEIGHTS_VARIABLE):
        load_inception()
    with pytest.raises(RequestError, match="elsewhere.pth"):
        load_inception(tmp_path / "elsewhere.pth")


def test_missing_weights_are_named_and_never_fetched_unasked(published, tmp_path):
    with pytest.raises(RequestError) as error:
        load_inception()
    assert inception.WEIGHTS_NAME in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "hub" / "checkpoints" / inception.WEIGHTS_NAME).exists()


def test_another_file_is_refused_by_its_hash(tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(b"not the weights")
    with pytest.raises(RequestError, match=hashlib.sha256(b"not the weights").hexdigest()[:16]):
        load_inception(path)


def test_a_download_that_was_asked_for_lands_in_the_cache_and_loads(published, network, tmp_path):
    model = load_inception(download=True)
    assert (tmp_path / "hub" / "checkpoints" / inception.WEIGHTS_NAME).read_bytes() == published.read_bytes()
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in model.state_dict().items())
    assert not model.training and not any(parameter.requires_grad for parameter in model.parameters())


def test_a_failed_download_says_where_to_put_the_file(published, tmp_path):
    published.unlink()
    with pytest.raises(RunError) as error:
        load_inception(download=True)
    assert str(tmp_path / "hub") in str(error.value) and "\n" not in str(error.value)
