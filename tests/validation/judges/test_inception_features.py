"""The three resizes written out pixel by pixel, and the pass through the network."""

import importlib

import numpy as np
import pytest
import torch

from mdgen.errors import RequestError
from mdgen.models.inception import InceptionV3
from mdgen.validation.judges.inception_features import RESIZERS, inception_features

OUT = 299


@pytest.fixture(scope="module")
def network():
    """Random weights that keep the size of the signal (He et al. 2015)."""
    generator = torch.Generator().manual_seed(0)
    model = InceptionV3()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data = torch.randn(parameter.shape, generator=generator) * (2 / parameter[0].numel()) ** 0.5
    return model.eval().requires_grad_(False)


def noise(count=1, channels=3, height=40, width=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, channels, height, width), dtype=np.uint8)


def resized(name, images):
    return RESIZERS[name](torch.from_numpy(images)).numpy()


def tensorflow_weights(size):
    """[299, size]: output i reads at i · size / 299, between that pixel and the next one below or right."""
    weights = np.zeros((OUT, size))
    for i in range(OUT):
        low, part = divmod(i * size / OUT, 1)
        weights[i, int(low)] += 1 - part
        weights[i, min(int(low) + 1, size - 1)] += part
    return weights


def half_pixel_weights(size):
    """[299, size]: output i reads at (i + 1/2) · size / 299 - 1/2, and beyond the edge the edge."""
    weights = np.zeros((OUT, size))
    for i in range(OUT):
        low, part = divmod(min(max((i + 0.5) * size / OUT - 0.5, 0), size - 1), 1)
        weights[i, int(low)] += 1 - part
        weights[i, min(int(low) + 1, size - 1)] += part
    return weights


def cubic(x, a=-0.5):
    """Keys 1981, eq. 4, in general form."""
    x = abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def smoothing_bicubic_weights(size):
    """[299, size]: cubic around (i + 1/2) · size / 299, widened when shrinking; normalised at the border."""
    step, width = size / OUT, max(size / OUT, 1)
    weights = np.array([[cubic((j + 0.5 - (i + 0.5) * step) / width) for j in range(size)] for i in range(OUT)])
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("height, width", [(40, 64), (350, 20), (13, 420)])
@pytest.mark.parametrize("name, weights, span", [("pytorch-fid", half_pixel_weights, 127.5),
                                                 ("clean-fid", smoothing_bicubic_weights, 128),
                                                 ("torch-fidelity", tensorflow_weights, 128)])
def test_each_resize_equals_the_one_written_out(name, weights, span, height, width):
    image = noise(height=height, width=width)
    expected = np.clip(weights(height) @ image[0].astype(float) @ weights(width).T, 0, 255) / span - 1
    assert np.abs(resized(name, image)[0] - expected).max() < 1e-4      # a hundredth of a grey level


def test_bicubic_overshoots_are_cut_and_nothing_is_rounded():
    image = np.where(noise(height=20, width=20) > 127, 255, 0).astype(np.uint8)
    levels = resized("clean-fid", image) * 128 + 128
    assert levels.min() == 0 and levels.max() == 255
    assert np.mean((levels == 0) | (levels == 255)) > 0.1      # where the cubic went beyond
    assert np.mean(levels != levels.round()) > 0.5


@pytest.mark.parametrize("name, span", [("pytorch-fid", 127.5), ("clean-fid", 128), ("torch-fidelity", 128)])
def test_an_image_of_the_right_size_is_only_scaled(name, span):
    image = noise(height=OUT, width=OUT)
    assert np.allclose(resized(name, image), image / span - 1, atol=1e-6)


def test_features_are_the_networks_of_the_resized_images_batch_by_batch(network):
    images, calls = noise(count=3), []
    features, probabilities = inception_features(network, images, resize="torch-fidelity", batch_size=2,
                                                 device="cpu", progress=lambda *done: calls.append(done))
    with torch.no_grad():
        expected, logits = network(RESIZERS["torch-fidelity"](torch.from_numpy(images)))
    assert features.shape == (3, 2048) and features.dtype == probabilities.dtype == np.float64
    assert features.std(axis=0).max() > 0.01 * features.mean() > 0
    assert np.allclose(features, expected, rtol=1e-4, atol=1e-4 * features.mean())
    odds = np.exp(logits.double().numpy())
    assert np.allclose(probabilities, odds / odds.sum(axis=1, keepdims=True), rtol=1e-2, atol=1e-7)
    assert calls == [(2, 3), (3, 3)]


def test_one_channel_stands_for_three(network):
    grey = noise(count=1, channels=1)
    once, _ = inception_features(network, grey, resize="clean-fid", device="cpu")
    repeated, _ = inception_features(network, grey.repeat(3, axis=1), resize="clean-fid", device="cpu")
    assert np.allclose(once, repeated, rtol=1e-5)


def test_wrong_requests_are_refused(network):
    with pytest.raises(RequestError, match="'bicubic'.*pytorch-fid, clean-fid, torch-fidelity"):
        inception_features(network, noise(), resize="bicubic", device="cpu")
    with pytest.raises(RequestError, match="no images"):
        inception_features(network, noise(count=0), device="cpu")
    with pytest.raises(ValueError, match="uint8"):
        inception_features(network, noise() / 255, device="cpu")
    with pytest.raises(ValueError, match="training True"):
        inception_features(InceptionV3(), noise(), device="cpu")


def test_features_that_are_not_finite_are_refused(network, monkeypatch):
    # By name, since the package's attribute of this name is the function.
    module = importlib.import_module("mdgen.validation.judges.inception_features")
    monkeypatch.setitem(module.RESIZERS, "pytorch-fid", lambda x: torch.full((len(x), 3, OUT, OUT), torch.nan))
    with pytest.raises(RequestError, match="not finite"):
        inception_features(network, noise(), device="cpu")
