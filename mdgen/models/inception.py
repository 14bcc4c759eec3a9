"""Inception-v3 as the Fréchet inception distance defines it: TensorFlow's 2015 graph, and its weights."""

import os
import pickle
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from mdgen.errors import RequestError, RunError
from mdgen.files import file_sha256

WEIGHTS_NAME = "pt_inception-2015-12-05-6726825d.pth"
WEIGHTS_URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{WEIGHTS_NAME}"
WEIGHTS_SHA256 = "6726825d0af5f729"  # how the file's sha256 begins
WEIGHTS_VARIABLE = "MDGEN_INCEPTION_WEIGHTS"

# Pools of the 3x3 neighbourhood. An average at the border counts only the pixels that exist.
AVERAGE = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
MAXIMUM = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
SHRINK = partial(F.max_pool2d, kernel_size=3, stride=2)
FORK = "fork"  # in place of a kernel: a 1x3 and a 3x1 convolution side by side


class ConvUnit(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, kernel, stride: int = 1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels_out, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """One Inception block (Szegedy et al. 2016, figs. 5-7 and 10): branches side by side, joined.

    branches: name -> [(channels, kernel), ...], one pair per convolution. With stride 2 the last convolution
    of every branch halves the grid without padding. The pool feeds the branch named branch_pool; where there
    is none, it is an output itself.
    """

    def __init__(self, channels: int, pool, branches: dict, stride: int = 1):
        super().__init__()
        self.pool, self.chains = pool, {}
        for branch, steps in branches.items():
            self.chains[branch], width = [], channels
            for index, (channels_out, kernel) in enumerate(steps, 1):
                name = f"{branch}_{index}" if len(steps) > 1 else branch
                last_stride = stride if index == len(steps) else 1
                self.chains[branch].append(self._add(name, width, channels_out, kernel, last_stride))
                width = channels_out

    def _add(self, name: str, channels_in: int, channels_out: int, kernel, stride: int):
        """Register one step of a branch; returns the names of the units that work side by side in it."""
        sides = {name + "a": (1, 3), name + "b": (3, 1)} if kernel == FORK else {name: kernel}
        for side, shape in sides.items():
            padding = 0 if stride > 1 else [size // 2 for size in shape]
            self.add_module(side, ConvUnit(channels_in, channels_out, shape, stride, padding))
        return list(sides)

    def forward(self, x):
        outputs = []
        for branch, steps in self.chains.items():
            h = self.pool(x) if branch == "branch_pool" else x
            for names in steps:
                h = torch.cat([self.get_submodule(name)(h) for name in names], dim=1)
            outputs.append(h)
        if "branch_pool" not in self.chains:
            outputs.append(self.pool(x))
        return torch.cat(outputs, dim=1)                                # [B, sum of branches, H, W]


ONE, THREE, FIVE, ROW, COLUMN = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1)


def mixed_35(channels: int, pooled: int) -> Mixed:
    return Mixed(channels, AVERAGE, {
        "branch1x1": [(64, ONE)],
        "branch5x5": [(48, ONE), (64, FIVE)],
        "branch3x3dbl": [(64, ONE), (96, THREE), (96, THREE)],
        "branch_pool": [(pooled, ONE)],
    })


def mixed_17(inner: int) -> Mixed:
    return Mixed(768, AVERAGE, {
        "branch1x1": [(192, ONE)],
        "branch7x7": [(inner, ONE), (inner, ROW), (192, COLUMN)],
        "branch7x7dbl": [(inner, ONE), (inner, COLUMN), (inner, ROW), (inner, COLUMN), (192, ROW)],
        "branch_pool": [(192, ONE)],
    })


def mixed_8(channels: int, pool) -> Mixed:
    return Mixed(channels, pool, {
        "branch1x1": [(320, ONE)],
        "branch3x3": [(384, ONE), (384, FORK)],
        "branch3x3dbl": [(448, ONE), (384, THREE), (384, FORK)],
        "branch_pool": [(192, ONE)],
    })


class InceptionV3(nn.Module):
    """The 2015 TensorFlow Inception-v3 (Szegedy et al. 2016), under torchvision's names.

    It differs from torchvision's network in its average pools (padding is not counted), in the last block's
    pool (maximum) and in its 1008 logits, which leave out the bias as the Inception Score does.
    forward: x [B, 3, 299, 299] in [-1, 1] -> (features [B, 2048], logits without bias [B, 1008]).
    Other sizes raise ValueError. Random until weights are loaded: see load_inception.
    """

    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3 = ConvUnit(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = ConvUnit(32, 32, 3)
        self.Conv2d_2b_3x3 = ConvUnit(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = ConvUnit(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvUnit(80, 192, 3)
        self.Mixed_5b = mixed_35(192, 32)
        self.Mixed_5c = mixed_35(256, 64)
        self.Mixed_5d = mixed_35(288, 64)
        self.Mixed_6a = Mixed(288, SHRINK, stride=2, branches={
            "branch3x3": [(384, THREE)],
            "branch3x3dbl": [(64, ONE), (96, THREE), (96, THREE)],
        })
        self.Mixed_6b = mixed_17(128)
        self.Mixed_6c = mixed_17(160)
        self.Mixed_6d = mixed_17(160)
        self.Mixed_6e = mixed_17(192)
        self.Mixed_7a = Mixed(768, SHRINK, stride=2, branches={
            "branch3x3": [(192, ONE), (320, THREE)],
            "branch7x7x3": [(192, ONE), (192, ROW), (192, COLUMN), (192, THREE)],
        })
        self.Mixed_7b = mixed_8(1280, AVERAGE)
        self.Mixed_7c = mixed_8(2048, MAXIMUM)
        self.fc = nn.Linear(2048, 1008)

    def forward(self, x):
        if x.shape[1:] != (3, 299, 299):
            raise ValueError(f"images of shape {tuple(x.shape)}: need [B, 3, 299, 299]; resize first")
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # [B, 64, 147, 147]
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(SHRINK(x)))              # [B, 192, 71, 71]
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(SHRINK(x))))         # [B, 288, 35, 35]
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))                 # [B, 768, 17, 17]
        x = self.Mixed_6e(self.Mixed_6d(x))                                # [B, 768, 17, 17]
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))                 # [B, 2048, 8, 8]
        features = x.mean(dim=(2, 3))                                      # [B, 2048]
        return features, F.linear(features, self.fc.weight)                # [B, 1008]


def find_inception_weights(weights_path: str | Path | None = None) -> Path | None:
    """The FID weights: the given path, else $MDGEN_INCEPTION_WEIGHTS, else torch hub's cache, else None.

    Raises RequestError where a path that was named holds no file: it is never passed over in silence.
    """
    named = [("--inception-weights", weights_path), (WEIGHTS_VARIABLE, os.environ.get(WEIGHTS_VARIABLE))]
    for source, path in named:
        if path:
            if not Path(path).is_file():
                raise RequestError(f"{source} is {path}, where there is no file; point it at {WEIGHTS_NAME}.")
            return Path(path)
    cached = _cache_path()
    return cached if cached.is_file() else None


def is_fid_weights(model) -> bool:
    """Whether `load_inception` filled this network with the 2015 FID weights."""
    return getattr(model, "weights_sha256", "").startswith(WEIGHTS_SHA256)


def load_inception(weights_path: str | Path | None = None, *, download: bool = False, other: bool = False):
    """InceptionV3 with the FID weights, in eval mode, without gradients; the file is checked by its sha256.

    Searched as in find_inception_weights; nothing is fetched unless download is true, and then into torch
    hub's cache. other: take any weights of the same layout; what is computed with them is no FID (`is_fid_weights`).
    Raises RequestError where the weights are missing, are another file or have another layout, RunError where the
    download fails.
    """
    path = find_inception_weights(weights_path)
    if path is None and not download:
        raise RequestError(f"no FID Inception weights: set --inception-weights or {WEIGHTS_VARIABLE} to "
                           f"{WEIGHTS_NAME}, put it at {_cache_path()}, or allow the download.")
    path = path or _download()
    digest = file_sha256(path)
    if not digest.startswith(WEIGHTS_SHA256) and not other:
        raise RequestError(f"{path} has sha256 {digest[:16]}, expected {WEIGHTS_SHA256}: not the FID weights "
                           f"or an incomplete copy; replace it by {WEIGHTS_NAME}.")
    model = InceptionV3()
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, ValueError, TypeError, AttributeError, EOFError, pickle.UnpicklingError) as problem:
        reason = str(problem).splitlines()[0]
        raise RequestError(f"{path} does not hold weights in the layout of {WEIGHTS_NAME} ({reason}); "
                           "replace it.") from None
    model.weights_sha256 = digest
    return model.eval().requires_grad_(False)


def _cache_path() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS_NAME


def _download() -> Path:
    path = _cache_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(WEIGHTS_URL, str(path), hash_prefix=WEIGHTS_SHA256, progress=False)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(f"download of {WEIGHTS_URL} failed ({reason}); fetch it and put it at {path}") from error
    return path
