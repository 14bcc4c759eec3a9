"""How different two images look to a network: LPIPS (Zhang et al. 2018), and a substitute without its weights.

The weights are two files per network in one folder: <net>_features.pth, the convolutions under torchvision's names
(features.0.weight, features.0.bias, ...), and lpips_<net>.pth, the linear heads under those of the lpips package
(lin0.model.1.weight [1, C, 1, 1], ...).
"""

import os
import pickle
from pathlib import Path

import torch
from torch import nn
from torchvision import models

from mdgen.errors import RequestError

WEIGHTS_VARIABLE = "MDGEN_LPIPS_WEIGHTS"
TAPS = {"alexnet": (1, 4, 7, 9, 11), "vgg16": (3, 8, 15, 22, 29)}   # the ReLUs whose outputs are compared
MIN_SIZE = 32   # pixels: below it AlexNet's pools leave nothing


class LPIPS(nn.Module):
    """Learned perceptual distance between images (Zhang et al. 2018, eq. 1).

    net: "alexnet", the authors' choice for judging, or "vgg16", theirs for training. forward: x, y [B, C, H, W] in
    [-1, 1], C = 3, or 1, which is repeated; sides from 32 pixels up -> distances [B] >= 0, with gradients to both.
    Random until weights are loaded: see load_lpips.
    """

    def __init__(self, net: str = "vgg16"):
        super().__init__()
        self.net, self.features = net, trunk(net)
        self.heads = nn.ModuleList(nn.Conv2d(self.features[tap - 1].out_channels, 1, 1, bias=False)
                                   for tap in TAPS[net])
        # the trunk's usual shift and scale of colours in [0, 1], for [-1, 1]
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188])[:, None, None])
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450])[:, None, None])

    def forward(self, x, y):
        if x.shape != y.shape or x.shape[1] not in (1, 3) or min(x.shape[2:]) < MIN_SIZE:
            raise ValueError(f"images of shape {tuple(x.shape)} and {tuple(y.shape)}: need two [B, 1 or 3, H, W] "
                             f"with H and W from {MIN_SIZE} up")
        h, maps = (torch.cat([x, y]).expand(-1, 3, -1, -1) - self.shift) / self.scale, []
        for index, layer in enumerate(self.features):
            h = layer(h)
            if index in TAPS[self.net]:
                maps.append(h)                                          # [2B, C, h, w]
        return feature_distance(maps, self.heads)                       # [B]


def classifier_distance(classifier, x, y):
    """The same distance in the feature maps of a UserClassifier, all channels weighted alike. It is no LPIPS.

    x, y: [B, C, H, W] in [-1, 1] with the classifier's C -> [B].
    """
    return feature_distance(classifier.encoder.maps(torch.cat([x, y])), [channel_sum] * 3)


def feature_distance(maps, heads):
    """Squared distance of unit feature vectors, weighted by the heads, averaged over space, summed over maps: [B].

    maps: list of [2B, C, h, w], the features of one image batch, then of the other; heads: of each map,
    [B, C, h, w] -> [B, 1, h, w].
    """
    distance = 0
    for h, head in zip(maps, heads, strict=True):
        x, y = unit(h).chunk(2)
        distance = distance + head((x - y).square()).mean(dim=(1, 2, 3))
    return distance


def unit(h, eps: float = 1e-10):
    """Feature vectors of length 1; where a ReLU has left nothing, 0."""
    return h / (torch.linalg.vector_norm(h, dim=1, keepdim=True) + eps)


def channel_sum(h):
    return h.sum(dim=1, keepdim=True)


def trunk(net: str) -> nn.Sequential:
    """torchvision's convolutions up to the last ReLU that is compared, with random weights."""
    if net not in TAPS:
        raise ValueError(f"net is {net!r}, expected one of {', '.join(TAPS)}")
    with torch.device("meta"):   # its classifier, most of the memory, is never made
        layers = getattr(models, net)(weights=None).features[:TAPS[net][-1] + 1]
    layers.to_empty(device="cpu")
    for conv in layers:
        if isinstance(conv, nn.Conv2d):
            conv.reset_parameters()
    return layers


def file_names(net: str) -> tuple[str, str]:
    return f"{net}_features.pth", f"lpips_{net}.pth"


def find_lpips_weights(folder: str | Path | None = None, nets=tuple(TAPS)) -> tuple[Path, str] | None:
    """(folder, net) of the first net whose two files are there, None without any.

    Searched is the given folder, else $MDGEN_LPIPS_WEIGHTS, else torch hub's cache.
    Raises RequestError where a folder that was named lacks the files: it is never passed over in silence.
    """
    for source, place in [("--lpips-weights", folder), (WEIGHTS_VARIABLE, os.environ.get(WEIGHTS_VARIABLE))]:
        if place:
            if not (found := _complete(Path(place), nets)):
                raise RequestError(f"{source} is {place}, which lacks LPIPS weights; expected a folder with "
                                   f"{' or '.join(' and '.join(file_names(net)) for net in nets)}")
            return found
    return _complete(_cache(), nets)


def load_lpips(folder: str | Path | None = None, nets=tuple(TAPS)) -> LPIPS:
    """LPIPS with its weights, searched as in find_lpips_weights; in eval mode, its own weights without gradients.

    Raises RequestError where there are none, or where a file holds something else.
    """
    found = find_lpips_weights(folder, nets)
    if found is None:
        names = " and ".join(file_names(nets[0]))
        raise RequestError(f"no LPIPS weights: set --lpips-weights or {WEIGHTS_VARIABLE} to a folder with {names}, or "
                           f"put them into {_cache()}")
    place, net = found
    features, heads = (place / name for name in file_names(net))
    model = LPIPS(net)
    _fill(features, {f"features.{name}": value for name, value in model.features.named_parameters()})
    _fill(heads, {f"lin{index}.model.1.weight": head.weight for index, head in enumerate(model.heads)})
    return model.eval().requires_grad_(False)


@torch.no_grad()
def _fill(path: Path, parameters: dict) -> None:
    """Copy the tensors of a file into parameters of the same names and shapes; others in it are left alone."""
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError):
        raise RequestError(f"{path} cannot be read as PyTorch weights; replace it by a complete copy") from None
    for name, parameter in parameters.items():
        value = stored.get(name) if isinstance(stored, dict) else None
        if not torch.is_tensor(value) or value.shape != parameter.shape or not value.isfinite().all():
            raise RequestError(f"{path} has no finite {name} of shape {list(parameter.shape)}; expected the LPIPS "
                               "weights of that network in torchvision's and the lpips package's names")
        parameter.copy_(value)


def _complete(folder: Path, nets) -> tuple[Path, str] | None:
    return next(((folder, net) for net in nets if all((folder / name).is_file() for name in file_names(net))), None)


def _cache() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"
