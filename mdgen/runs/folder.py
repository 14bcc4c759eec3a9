"""One training run on disk: what it was asked for, whose walks it knows, where each result lies.

    RUN/config.json  users.json  log.jsonl  vae/state.pt  latents/latents.pt  diffusion/state.pt early.pt
        classifier/state.pt  joint/state.pt  previews/*.png  samples/<user>/*.png + manifest.csv  report/
"""

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mdgen.config import Config
from mdgen.data.latents import LatentCache
from mdgen.data.user_folders import check_names
from mdgen.diffusion.objective import Denoiser, make_schedule
from mdgen.errors import RequestError, naming
from mdgen.models import VAE, LatentClassifier, UNet
from mdgen import distributed
from mdgen.runs.checkpoint import RunState, check_bound, fingerprint

# Settings that a resumed run may change: they touch what comes after training, or how long and how often.
CHANGEABLE = ("sampling", "evaluation", "vae_training.preview_every", "vae_training.save_every",
              "diffusion_training.steps", "diffusion_training.preview_every", "diffusion_training.save_every",
              "diffusion_training.snapshot_at", "classifier_training.steps", "classifier_training.preview_every",
              "classifier_training.save_every",
              "enroll_training", "init_from.run",   # persons are enrolled beside the run; the same weights may move
              "joint")   # joint weights lie beside those of the other stages, bound to them
CHANGEABLE_WITH_JOINT = ("joint.in_all", "joint_training.preview_every", "joint_training.save_every",
                         "joint_training.optimizer")   # once there are such weights; the last has one value, AdamW


@dataclass(frozen=True)
class Users:
    """Whose walks a run knows, and how their images are read and written. Index in `names` = user index."""

    names: list
    data_dir: str
    channels: str            # rgb | intensity
    colormap: str | None     # of the files; None for rgb
    training_images: list = field(default_factory=list)   # Split.training_digests: what the weights have seen


@dataclass(frozen=True)
class RunFolder:
    path: Path
    config: Config
    users: Users
    lpips_weights: Path | None = None   # where they lie on this machine; no part of what is stored

    @staticmethod
    def create_or_resume(path: Path, config: Config, users: Users) -> "RunFolder":
        """Start a run, or continue the one that is there if it was asked for the same thing for the same images.

        config.json is written last: without it, and without a trained stage, a first start was cut short.
        """
        path = Path(path)
        if (path / "config.json").exists() or any(path.glob("*/state.pt")):
            try:
                existing = RunFolder.open(path)
            except RequestError as problem:
                raise RequestError(f"{problem}. Restore it, or give another --output-dir") from None
            check_same_request(path, existing.config, config)
            check_same_images(path, existing.users, users)
        distributed.barrier()   # all have read what was there
        if distributed.is_main():
            refuse_file(path)
            path.mkdir(parents=True, exist_ok=True)
            write_text(path / "users.json", json.dumps(dataclasses.asdict(users), indent=2, ensure_ascii=False))
            write_text(path / "config.json", config.to_json())
        distributed.barrier()
        return RunFolder(path, config, users)

    @staticmethod
    def open(path: Path) -> "RunFolder":
        """Read a run's config and users. Raises RequestError if it is no run folder or is half-written."""
        path = Path(path)
        for name in ("config.json", "users.json"):
            if not (path / name).is_file():
                raise RequestError(f"{path} has no {name}; expected the output folder of train.py, "
                                   "such as the one given to it as --output-dir")
        return RunFolder(path, read_config(path / "config.json"), read_users(path / "users.json"))

    @property
    def image_channels(self) -> int:
        return 1 if self.users.channels == "intensity" else 3

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        data, vae = self.config.data, self.config.vae
        return vae.latent_channels, data.height // vae.down_factor, data.width // vae.down_factor

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    def new_vae(self) -> VAE:
        vae = self.config.vae
        return VAE(self.image_channels, vae.latent_channels, vae.down_factor, vae.width, vae.blocks,
                   vae.min_deviation)

    def new_unet(self) -> UNet:
        unet = self.config.unet
        change_dim = 2 if self.config.diffusion.augments else 0   # a gain and a shift
        return UNet(self.config.vae.latent_channels, len(self.users.names), unet.channels, unet.blocks,
                    unet.attention, unet.embedding_dim, unet.dropout, change_dim)

    def new_classifier(self) -> LatentClassifier:
        return LatentClassifier(self.config.vae.latent_channels, len(self.users.names))

    def load_stage(self, stage: str, network, weights: str = "ema", bound_to: str | None = None):
        """Fill a network from a stage's state file: (network, steps trained).

        weights: see `stored_weights`, or "early", the average of early.pt.
        bound_to: refuse a state that depends on anything else (see the training loop); None does not ask.
        """
        state = RunState(self.path / stage / ("early.pt" if weights == "early" else "state.pt"))
        if weights == "early" and not state.exists():
            raise RequestError(f"{self.path} has no early {stage} for autoguidance ({stage}/early.pt is missing); draw "
                               f"with --guidance free, or train anew with {stage}_training.snapshot_at above 0")
        if not state.exists():
            raise RequestError(f"{self.path} has no trained {stage} yet ({stage}/state.pt is missing); "
                               f"run train.py {stage} with --output-dir {self.path} first")
        saved = state.load()
        if bound_to is not None:
            check_bound(state.path, saved, bound_to)
        with state.must_fit():
            network.load_state_dict(stored_weights(saved, "ema" if weights == "early" else weights))
            return network.eval(), saved["step"]

    def require_finished(self, stage: str) -> None:
        """RequestError if what builds on a stage would build on a training that was stopped before its end.

        A stage that was never begun is left to whoever loads it.
        """
        state, steps = RunState(self.path / stage / "state.pt"), getattr(self.config, f"{stage}_training").steps
        if not state.exists():
            return
        saved = state.load()
        if saved["step"] < steps and not saved.get("patience", {}).get("ended"):
            raise RequestError(f"the {stage} stage of {self.path} is at step {saved['step']} of {steps}; run train.py "
                               f"{stage} with --output-dir {self.path} to its end first")

    def load_vae(self, device="cpu"):
        """The trained autoencoder (averaged weights) and the hash that binds latents to it.

        RequestError if its training was stopped before its end: latents would be bound to weights that still change.
        """
        vae, step = self.load_stage("vae", self.new_vae())
        if step < self.config.vae_training.steps:
            raise RequestError(f"the vae of {self.path} is at step {step} of {self.config.vae_training.steps}; "
                               f"run train.py vae with --output-dir {self.path} to its end first")
        vae.to(device, memory_format=torch.channels_last)
        return vae, fingerprint(vae.state_dict())

    def load_denoiser(self, device="cpu", weights: str = "ema", vae_hash: str | None = None) -> Denoiser:
        """The trained UNet as a denoiser; RequestError if it was trained on latents of a VAE other than `vae_hash`."""
        unet, _ = self.load_stage("diffusion", self.new_unet(), weights, bound_to=vae_hash)
        unet.to(device, memory_format=torch.channels_last)
        return Denoiser(unet, make_schedule(self.config.diffusion), self.config.diffusion.prediction)

    def load_latents(self, vae_hash: str) -> LatentCache:
        """Raises RequestError if they are missing or made by another VAE."""
        state = self.latents_file.load()
        with self.latents_file.must_fit():
            return LatentCache.from_state(state, vae_hash, self.users.names)

    @property
    def latents_file(self) -> RunState:
        return RunState(self.path / "latents" / "latents.pt")


def stored_weights(saved: dict, weights: str) -> dict:
    """The weights of that name in a stage's state; RequestError listing the names if it has none.

    "ema": the average, with patience the one of the lowest held-out error; "ema:0.995": one of further decay, after
    the last step; "raw": as the optimiser left them.
    """
    if weights == "raw":
        return saved["network"]
    averages = {"ema": saved.get("patience", {}).get("best") or saved["ema"],
                **{f"ema:{decay}": ema for decay, ema in saved.get("extra_emas", {}).items()}}
    if weights not in averages:
        raise RequestError(f"--weights is {weights}; this run has {', '.join(['raw', *averages])}")
    return averages[weights]["average"]


def read_config(path: Path) -> Config:
    try:
        return Config.from_json(read_text(path))
    except RequestError as error:
        raise RequestError(f"{path} cannot be used: {error}") from None


def read_users(path: Path) -> Users:
    try:
        users = Users(**json.loads(read_text(path)))
        lists = (users.names, users.training_images)
        sound = (all(isinstance(items, list) and all(isinstance(i, str) for i in items) for items in lists)
                 and users.names and users.channels in ("rgb", "intensity"))
        check_names(users.names if sound else [])   # they become folders: none may lead out of the run's
    except (json.JSONDecodeError, TypeError, RequestError):
        sound = False
    if not sound:
        raise RequestError(f"{path} is damaged; expected the user list that train.py wrote. Restore it, or train into "
                           "a new folder")
    return users


def check_same_request(path: Path, existing: Config, asked: Config) -> None:
    """Refuse to continue a run with settings that its weights do not belong to."""
    before, after = flatten(dataclasses.asdict(existing)), flatten(dataclasses.asdict(asked))
    joined = (path / "joint" / "state.pt").exists()

    def free(key):
        return key.startswith(CHANGEABLE) and not (joined and key.startswith("joint") and
                                                   key not in CHANGEABLE_WITH_JOINT)

    changed = [key for key in after if before.get(key) != after[key] and not free(key)]
    if changed:
        key = changed[0]
        undo = f", or delete {path / 'joint'} to train that stage anew" if key.startswith("joint") else ""
        raise RequestError(f"{path} holds a run with {key} = {before.get(key)}, but this command asks for {after[key]}"
                           f"{f' (and {len(changed) - 1} more differ)' if len(changed) > 1 else ''}; "
                           f"give another --output-dir, or the first command again to continue it{undo}")


def check_same_images(path: Path, existing: Users, asked: Users) -> None:
    """Refuse to continue a run on images other than those that its weights have seen."""
    if existing.names != asked.names:
        raise RequestError(f"{path} was trained for {listing(existing.names)}, but {asked.data_dir} has "
                           f"{listing(asked.names)}; give another --output-dir, or the first data folder")
    if existing.channels != asked.channels or existing.colormap != asked.colormap:
        before = f"{existing.channels} images ({existing.colormap})"
        raise RequestError(f"{path} was trained on {before}, but {asked.data_dir} gives {asked.channels} "
                           f"({asked.colormap}); give another --output-dir, or --set data.channels and data.colormap")
    if existing.training_images != asked.training_images:
        known = len(set(existing.training_images) & set(asked.training_images))
        raise RequestError(f"{path} was trained on {len(existing.training_images)} images, of which the training part "
                           f"of {asked.data_dir} now has {known} among {len(asked.training_images)}, or in another "
                           "order; restore the images, or give another --output-dir")


def refuse_file(path: Path) -> None:
    """RequestError if a file stands where a folder is to be written."""
    occupied = next((p for p in (path, *path.parents) if p.exists()), None)
    if occupied is not None and not occupied.is_dir():
        raise RequestError(f"{occupied} is a file; expected a folder to write to, or a name that is free; "
                           "give another --output-dir")


def flatten(values: dict, prefix: str = "") -> dict:
    flat = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def listing(names) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} users ({names[0]} … {names[-1]})"


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RequestError(f"{path} is damaged (not text); expected what train.py wrote there. Restore it, "
                           "or train into a new folder") from None


def write_text(path: Path, text: str) -> None:
    """Replace a small file at once or not at all."""
    temporary = path.with_name(path.name + ".part")
    with naming(path):
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
