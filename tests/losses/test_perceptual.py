"""LPIPS against a plain computation of the paper's formula, and the search for its weights."""

import numpy as np
import pytest
import torch
from torchvision import models

from mdgen.errors import RequestError
from mdgen.losses import perceptual
from mdgen.losses.perceptual import LPIPS, classifier_distance, find_lpips_weights, load_lpips
from mdgen.models.classifier import UserClassifier

RELUS = {"alexnet": (1, 4, 7, 9, 11), "vgg16": (3, 8, 15, 22, 29)}   # relu1 ... relu5; relu1_2 ... relu5_3
WIDTHS = {"alexnet": (64, 192, 384, 256, 256), "vgg16": (64, 128, 256, 512, 512)}


@pytest.fixture(autouse=True)
def no_weights_at_hand(empty_hub, monkeypatch):
    monkeypatch.delenv(perceptual.WEIGHTS_VARIABLE, raising=False)


def write_weights(folder, net="alexnet"):
    """Random weights in the public layout: convolutions that keep signals' size, heads from 0 to 1."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        names = {f"features.{name}": value.shape for name, value in getattr(models, net)().features.named_parameters()}
    trunk = {name: torch.randn(shape, generator=generator) * ((2 / shape[1:].numel()) ** 0.5 if len(shape) > 1 else 0.1)
             for name, shape in names.items()}
    heads = {f"lin{i}.model.1.weight": torch.rand(1, width, 1, 1, generator=generator)
             for i, width in enumerate(WIDTHS[net])}
    torch.save(trunk, folder / f"{net}_features.pth")
    torch.save(heads, folder / f"lpips_{net}.pth")
    return trunk, heads


def random_pair(channels=3, size=(40, 33), seed=0):
    return torch.rand(2, 2, channels, *size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def by_the_formula(net, trunk, heads, x, y, maps=5):
    """Equation 1 with torchvision's own network up to each ReLU, image by image, in NumPy."""
    with torch.device("meta"):
        layers = getattr(models, net)().features
    layers.to_empty(device="cpu").load_state_dict({name.removeprefix("features."): v for name, v in trunk.items()})
    mean, scale = np.array([-0.03, -0.088, -0.188]), np.array([0.458, 0.448, 0.45])
    features = [[layers[:tap + 1](torch.tensor((image.numpy() - mean[:, None, None]) / scale[:, None, None],
                                               dtype=torch.float32)[None])[0].detach().double().numpy()
                 for tap in RELUS[net][:maps]] for image in (x, y)]
    total = 0.0
    for i, (a, b) in enumerate(zip(*features)):
        a, b = (m / np.sqrt((m**2).sum(axis=0)) for m in (a, b))
        weights = heads[f"lin{i}.model.1.weight"].double().numpy().reshape(-1, 1, 1)
        total += (weights * (a - b) ** 2).sum(axis=0).mean()
    return total


@pytest.mark.parametrize("net", RELUS)
def test_it_is_equation_1_on_torchvisions_network(net, tmp_path):
    trunk, heads = write_weights(tmp_path, net)
    model = load_lpips(tmp_path, (net,))
    x, y = random_pair()
    y[0] = 0.8 * x[0] + 0.2 * y[0]
    expected = [by_the_formula(net, trunk, heads, a, b) for a, b in zip(x, y)]
    assert model(x, y).tolist() == pytest.approx(expected, rel=1e-4)
    assert expected[0] < 0.8 * expected[1]


def test_a_distance_is_symmetric_zero_for_equals_and_grows_with_the_change(tmp_path):
    write_weights(tmp_path)
    model = load_lpips(tmp_path)
    x, y = random_pair()
    assert torch.equal(model(x, x), torch.zeros(2))
    assert torch.allclose(model(x, y), model(y, x), rtol=1e-5)
    near, far = (model(x, x + step * (y - x)) for step in (0.1, 0.5))
    assert (0 < near).all() and (near < far).all()


def test_one_channel_counts_as_three_equal_ones(tmp_path):
    write_weights(tmp_path)
    x, y = random_pair(channels=1)
    model = load_lpips(tmp_path)
    assert torch.allclose(model(x, y), model(x.repeat(1, 3, 1, 1), y.repeat(1, 3, 1, 1)), rtol=1e-6)


def test_as_a_loss_it_pulls_an_image_towards_its_goal_and_leaves_its_own_weights_alone(tmp_path):
    write_weights(tmp_path)
    model = load_lpips(tmp_path)
    x, y = random_pair(channels=1)
    x.requires_grad_()
    optimiser = torch.optim.Adam([x], lr=0.02)
    history = []
    for _ in range(12):
        loss = model(x, y).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(loss.item())
    assert history[-1] < 0.75 * history[0]
    assert not model.training and all(p.grad is None and not p.requires_grad for p in model.parameters())


def test_features_that_are_all_zero_count_nothing_and_give_no_nan(tmp_path):
    trunk, heads = write_weights(tmp_path)
    trunk["features.10.bias"] -= 1e3        # the last ReLU lets nothing through
    torch.save(trunk, tmp_path / "alexnet_features.pth")
    x, y = random_pair()
    x.requires_grad_()
    found = load_lpips(tmp_path)(x, y)
    found.sum().backward()
    expected = [by_the_formula("alexnet", trunk, heads, a, b, maps=4) for a, b in zip(x.detach(), y)]
    assert found.tolist() == pytest.approx(expected, rel=1e-4)
    assert x.grad.isfinite().all() and x.grad.abs().sum() > 0


def test_images_that_do_not_fit_are_refused():
    model = LPIPS("alexnet")
    for x, y in [(torch.zeros(1, 3, 16, 64),) * 2, (torch.zeros(1, 2, 64, 64),) * 2,
                 (torch.zeros(2, 1, 64, 64), torch.zeros(1, 1, 64, 64))]:
        with pytest.raises(ValueError, match="need two"):
            model(x, y)


def test_the_folder_precedes_the_variable_which_precedes_the_cache(tmp_path, monkeypatch):
    places = [tmp_path / "given", tmp_path / "variable", tmp_path / "hub" / "checkpoints"]
    assert find_lpips_weights() is None
    for place in places:
        write_weights(place)
    assert find_lpips_weights() == (places[2], "alexnet")
    monkeypatch.setenv(perceptual.WEIGHTS_VARIABLE, str(places[1]))
    assert find_lpips_weights() == (places[1], "alexnet")
    assert find_lpips_weights(places[0]) == (places[0], "alexnet")


def test_a_named_folder_without_both_files_is_not_passed_over(tmp_path, monkeypatch):
    write_weights(tmp_path / "hub" / "checkpoints")
    write_weights(tmp_path / "half")
    (tmp_path / "half" / "lpips_alexnet.pth").unlink()
    with pytest.raises(RequestError, match="--lpips-weights is .*half.*alexnet_features.pth and lpips_alexnet.pth"):
        load_lpips(tmp_path / "half")
    with pytest.raises(RequestError, match="vgg16_features.pth"):
        load_lpips(tmp_path / "hub" / "checkpoints", ("vgg16",))
    monkeypatch.setenv(perceptual.WEIGHTS_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(RequestError, match=perceptual.WEIGHTS_VARIABLE):
        find_lpips_weights()


def test_missing_weights_are_named_with_the_places_they_may_lie(tmp_path):
    with pytest.raises(RequestError) as error:
        load_lpips()
    assert str(tmp_path / "hub") in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name, change, match", [
    ("alexnet_features.pth", lambda w: w.pop("features.3.bias"), r"no finite features.3.bias of shape \[192\]"),
    ("lpips_alexnet.pth", lambda w: w.update({"lin2.model.1.weight": torch.ones(1, 256, 1, 1)}), "lin2.*384"),
    ("lpips_alexnet.pth", lambda w: w["lin0.model.1.weight"].fill_(float("nan")), "lin0")])
def test_other_contents_are_refused(name, change, match, tmp_path):
    write_weights(tmp_path)
    weights = torch.load(tmp_path / name, weights_only=True)
    change(weights)
    torch.save(weights, tmp_path / name)
    with pytest.raises(RequestError, match=match):
        load_lpips(tmp_path)


def test_files_that_are_cut_or_hold_code_are_refused(tmp_path):
    write_weights(tmp_path)
    path = tmp_path / "alexnet_features.pth"
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(RequestError, match="alexnet_features.pth cannot be read"):
        load_lpips(tmp_path)
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(RequestError, match="alexnet_features.pth cannot be read"):
        load_lpips(tmp_path)


def test_the_stand_in_compares_the_classifiers_maps_direction_by_direction():
    torch.manual_seed(0)
    judge = UserClassifier(1, 3, width=8).eval()
    x, y = random_pair(channels=1, size=(32, 32))
    with torch.no_grad():
        found = classifier_distance(judge, x, y)
        expected = sum((2 - 2 * torch.cosine_similarity(a, b, dim=1)).mean(dim=(1, 2))
                       for a, b in zip(judge.encoder.maps(x), judge.encoder.maps(y), strict=True))
        assert torch.allclose(found, expected, rtol=1e-4)
        assert torch.equal(classifier_distance(judge, x, x), torch.zeros(2))
