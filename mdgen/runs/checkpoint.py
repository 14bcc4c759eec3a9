"""One file per stage that holds everything a run needs to continue, replaced whole or not at all."""

import contextlib
import hashlib
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import torch

from mdgen.errors import RequestError, RunError

PLAIN = (int, float, bool, str, bytes, type(None))


class RunState:
    """The saved state of one stage: model, EMA, optimiser, precision, step, random states, settings as JSON.

    Only tensors and plain Python values inside dicts, lists and tuples, so that loading never runs code from
    the file. Saving writes a neighbour `<name>.partial` and renames it: whatever stops the process, the file
    at `path` is the old state or the new one, complete.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + ".partial")

    def exists(self) -> bool:
        return self.path.is_file()

    def save(self, state: dict) -> None:
        """Replace the file. Raises RunError, with the old file intact, if it cannot be written."""
        check_plain(state, "state")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_through(self.partial, state)
            os.replace(self.partial, self.path)
        except BaseException as error:
            remove_quietly(self.partial)
            # torch's zip writer turns an OSError of the file below into a RuntimeError of its own
            if isinstance(error, (OSError, RuntimeError)):
                raise RunError(self.write_failure(state, error)) from error
            raise

    def load(self, map_location="cpu") -> dict:
        """Read the file. Raises RequestError if there is none, RunError if it is damaged."""
        if not self.exists():
            raise RequestError(f"there is no saved state at {self.path}; expected one written by train.py; "
                               "check the run folder or run train.py with it as --output-dir")
        self.check_sums()
        try:
            with open(self.path, "rb") as file:
                state = torch.load(file, map_location=map_location, weights_only=True)
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
            raise RunError(f"{self.path} holds another network or stage than the run's config.json and users.json "
                           "describe; restore a copy, or delete it and run the same command again to make it "
                           "anew") from error

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
        return (f"{self.path} ({self.path.stat().st_size} bytes) is not a complete saved state ({what}); "
                "restore a copy, or delete it and run the same command again to make it anew")

    def write_failure(self, state, error) -> str:
        folder = next((p for p in self.path.absolute().parents if p.is_dir()), Path("/"))
        kept = "the earlier state is kept" if self.exists() else "nothing was saved"
        return (f"cannot write {self.path} ({first_line(error)}); it needs more than {tensor_bytes(state)} bytes, "
                f"{shutil.disk_usage(folder).free} are free; {kept}; make space, or repair the folder, and "
                "run the same command again")


def check_bound(path: Path, state: dict, bound_to: str) -> None:
    """RequestError if a stage's state was trained on what another stage no longer gives (its latents' VAE; of the joint
    stage, all weights that it started from, and its settings)."""
    if state.get("bound_to", "") != bound_to and path.parent.name == "joint":
        raise RequestError(f"{path} was made from other weights of the stages before, or with other settings, than the "
                           "run now has; restore them, delete joint/ to train it anew, or draw with sample.py --stage "
                           "diffusion")
    if state.get("bound_to", "") != bound_to:
        raise RequestError(f"{path} was trained on latents of VAE {state.get('bound_to')}, but this run's VAE is "
                           f"{bound_to}; restore that VAE, or delete {path.parent.name}/ and latents/ to train anew")


def write_through(path: Path, state: dict) -> None:
    """torch.save, returning only when the bytes are on the disk, not merely in the system's cache."""
    with open(path, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


def remove_quietly(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass  # the error that brought us here is the one to report


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
    """16 hex digits that name these weights: a SHA-256 over names, types, shapes and bytes, on any device."""
    digest = hashlib.sha256()
    for name in sorted(state_dict):
        value = state_dict[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def weights_hash(vae_hash: str, network) -> str:
    """The manifest's 16 hex digits of a run: they name the VAE, by its hash, and the UNet's weights."""
    return hashlib.sha256(f"{vae_hash}/{fingerprint(network.state_dict())}".encode()).hexdigest()[:16]
