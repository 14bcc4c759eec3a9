"""One file per stage with all that a run needs to continue; and the one place that reads weights out of it."""

import contextlib
import os
import pickle
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from mdgen.errors import RequestError, RunError
from mdgen.files import digest, whole_file

PLAIN = (int, float, bool, str, bytes, type(None))
REMEDY = "restore a copy, or delete it and run the same command again to make it anew"


class RunState:
    """A file of tensors and plain Python values inside dicts, lists and tuples.

    Loading it never runs code from the file. Saving replaces it whole or not at all, whatever stops the process.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def exists(self) -> bool:
        return self.path.is_file()

    def save(self, state: dict) -> None:
        """Replace the file. Raises RunError, with the old file intact, if it cannot be written."""
        check_plain(state, "state")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self.path) as temporary:
                write_through(temporary, state)
        except (OSError, RuntimeError) as error:   # torch's zip writer turns an OSError into a RuntimeError of its own
            raise RunError(self.write_failure(state, error)) from error

    def load(self) -> dict:
        """Read the file, tensors on the CPU. Raises RequestError if there is none, RunError if it is damaged."""
        if not self.exists():
            raise RequestError(f"there is no saved state at {self.path}; check the folder, or run train.py with it")
        self.check_sums()
        try:
            with open(self.path, "rb") as file:
                state = torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise RunError(self.damage("it holds more than tensors and plain values")) from error
        if not isinstance(state, dict):
            raise RunError(self.damage(f"it holds a {type(state).__name__}, not a dict"))
        return state

    @contextlib.contextmanager
    def must_fit(self):
        """Context in which a loaded state is put to use; RunError if it is one of another network or stage."""
        try:
            yield
        except (RequestError, RunError):
            raise
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise RunError(f"{self.path} holds another network or stage than config.json and users.json describe; "
                           f"{REMEDY}") from error

    def check_sums(self) -> None:
        """RunError unless every part of the file has the checksum it was written with; torch checks none."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                broken = archive.testzip()
        except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
            raise RunError(self.damage(first_line(error))) from error
        if broken is not None:
            raise RunError(self.damage(f"wrong checksum in {broken}"))

    def damage(self, what: str) -> str:
        return f"{self.path} ({self.path.stat().st_size} bytes) is not a complete saved state ({what}); {REMEDY}"

    def write_failure(self, state, error) -> str:
        folder = next((p for p in self.path.absolute().parents if p.is_dir()), Path("/"))
        kept = "the earlier state is kept" if self.exists() else "nothing was saved"
        return (f"cannot write {self.path} ({first_line(error)}); it needs more than {tensor_bytes(state)} bytes, "
                f"{shutil.disk_usage(folder).free} are free; {kept}; make space, or repair the folder, and "
                "run the same command again")


@dataclass(frozen=True)
class Checkpoint:
    """What a training has saved of one stage: RUN/<stage>/state.pt, or early.pt with the average alone.

    step: optimiser steps done; bound_to: hash of what the weights depend on (see the training loop); state: all of it.
    """

    file: RunState
    state: dict

    @staticmethod
    def read(path: Path, bound_to: str | None = None) -> "Checkpoint":
        """bound_to: refuse weights that depend on anything else; None does not ask. Errors: as `RunState.load`."""
        file = RunState(path)
        found = Checkpoint(file, file.load())
        if bound_to is not None:
            found.check_bound(bound_to)
        return found

    @property
    def step(self) -> int:
        with self.file.must_fit():
            return self.state["step"]

    def finished(self, steps: int) -> bool:
        """Whether a training of so many steps is over. Versions before 0.2 could end it early ("patience")."""
        return self.step >= steps or bool(self.state.get("patience", {}).get("ended"))

    def weights(self, which: str = "ema") -> dict:
        """Tensors by name: "ema", the average that images are generated with, or "raw", as the optimiser left them.

        RequestError for other names.
        """
        if which not in ("ema", "raw"):
            raise RequestError(f"--weights is {which}; this run has raw, ema")
        with self.file.must_fit():
            average = self.state.get("patience", {}).get("best") or self.state["ema"]   # the former before 0.2 alone
            return self.state["network"] if which == "raw" else average["average"]

    def fill(self, network, which: str = "ema", device="cpu"):
        """The network with these weights, to be evaluated on a device; RunError if they are another network's."""
        with self.file.must_fit():
            weights = self.weights(which)
            for name, value in weights.items():
                owner, _, layer = name.removesuffix(".weight").rpartition(".")
                if layer == "change_embedding":   # of version 1's told augmentation: idle now, but part of the hash
                    network.get_submodule(owner).change_embedding = nn.Linear(*value.T.shape, bias=False)
            network.load_state_dict(weights)
        return network.eval().to(device, memory_format=torch.channels_last)

    def check_bound(self, bound_to: str) -> None:
        """RequestError if the weights were trained on what another stage no longer gives (its latents' VAE; of the
        joint stage, all weights that it started from, and its settings)."""
        path, known = self.file.path, self.state.get("bound_to", "")
        if known != bound_to and path.parent.name == "joint":
            raise RequestError(f"{path} was made from other weights or with other settings than the run now has; "
                               "restore them, delete joint/ to train anew, or use sample.py --stage diffusion")
        if known != bound_to:
            raise RequestError(f"{path} was trained on latents of VAE {known}, but this run's VAE is {bound_to}; "
                               f"restore that VAE, or delete {path.parent.name}/ and latents/ to train anew")


def write_through(path: Path, state: dict) -> None:
    """torch.save, returning only when the bytes are on the disk, not merely in the system's cache."""
    with open(path, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def first_line(error) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def check_plain(value, where: str) -> None:
    """TypeError naming the first entry that a weights_only load would refuse."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_plain(item, f"{where}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            check_plain(item, f"{where}[{index}]")
    elif not isinstance(value, torch.Tensor) and type(value) not in PLAIN:
        raise TypeError(f"{where} is a {type(value).__name__}; expected tensors and plain Python values")


def tensor_bytes(value) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return sum(tensor_bytes(item) for item in items)


def fingerprint(state_dict: dict) -> str:
    """16 hex digits that name these weights: over names, types, shapes and bytes, on any device."""
    parts = []
    for name in sorted(state_dict):
        value = state_dict[name].detach().cpu().contiguous()
        parts += [f"{name} {value.dtype} {tuple(value.shape)}\n", value.reshape(-1).view(torch.uint8).numpy().tobytes()]
    return digest(*parts)


def weights_hash(vae_hash: str, network) -> str:
    """The manifest's 16 hex digits of a run: they name the VAE, by its hash, and the UNet's weights."""
    return digest(f"{vae_hash}/{fingerprint(network.state_dict())}")
