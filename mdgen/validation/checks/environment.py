"""What this machine offers to mdgen: versions, device, and which optional weights are where."""

import platform
from importlib import metadata

import torch

from mdgen.errors import RequestError, RunError
from mdgen.losses.perceptual import load_lpips
from mdgen.models.inception import load_inception
from mdgen.training.amp import preferred_mode

REQUIRED = ("torch", "torchvision", "numpy", "scipy", "pillow")
OPTIONAL = ("pytest", "matplotlib", "tensorboard")


def describe_environment(inception_weights=None, lpips_weights=None) -> list[str]:
    """One line per fact; a missing thing says where to put it."""
    lines = [f"python       {platform.python_version()} on {platform.system()} {platform.machine()}"]
    lines += [f"{name:<12} {version(name) or 'MISSING: pip install ' + name}" for name in REQUIRED]
    lines += [f"{name:<12} {version(name) or 'not installed (optional)'}" for name in OPTIONAL]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    described = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    lines.append(f"device       {device.type}: {described}; precision auto means {preferred_mode(device)}")
    lines.append(f"inception    {weights(load_inception, inception_weights, '2015 FID weights found, right hash')}")
    lines.append(f"lpips        {weights(load_lpips, lpips_weights, 'weights found, names and shapes as expected')}")
    return lines


def weights(load, place, found: str) -> str:
    """Whether load(place) finds its weights, or what to do about it."""
    try:
        load(place)
        return found
    except (RequestError, RunError) as problem:
        return str(problem)


def version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
