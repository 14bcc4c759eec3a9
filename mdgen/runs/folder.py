"""One training run on disk: what it was asked for, whose walks it knows, where each result lies.

    RUN/config.json  users.json  log.jsonl  levels.json  vae/state.pt  latents/latents.pt  diffusion/state.pt early.pt
        classifier/state.pt  joint/state.pt  previews/*.png  samples/<user>/*.png + manifest.csv  report/
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from mdgen import distributed
from mdgen.config import Config, flatten
from mdgen.data.latents import LatentCache
from mdgen.data.source_files import FileFormat
from mdgen.data.user_folders import check_names
from mdgen.diffusion.objective import NetworkDenoiser, make_schedule
from mdgen.errors import RequestError
from mdgen.files import read_json, refuse_file, write_json, write_text
from mdgen.models import VAE, LatentClassifier, UNet
from mdgen.runs.checkpoint import Checkpoint, RunState, fingerprint

# Settings that a resumed run may change: they touch what comes after training, or how long and how often.
CHANGEABLE = ("sampling", "evaluation", "vae_training.preview_every", "vae_training.save_every",
              "diffusion_training.steps", "diffusion_training.preview_every", "diffusion_training.save_every",
              "diffusion_training.snapshot_at", "classifier_training.steps", "classifier_training.preview_every",
              "classifier_training.save_every",
              "enroll_training", "init_from.run",   # persons are enrolled beside the run; the same weights may move
              "joint")   # joint weights lie beside those of the other stages, bound to them
# of these, once there are joint weights
CHANGEABLE_WITH_JOINT = ("joint.in_all", "joint_training.preview_every", "joint_training.save_every")


@dataclass(frozen=True)
class Users:
    """Whose walks a run knows, and how their images are read and written. Index in `names` = user index."""

    names: list
    data_dir: str
    channels: str            # rgb | intensity
    colormap: str | None     # of the files; None for rgb
    training_images: list = field(default_factory=list)   # Split.training_digests: what the weights have seen
    files: dict | None = None   # FileFormat of most of the training files; None in runs of older versions

    @staticmethod
    def of(values: dict) -> "Users":
        """From the content of users.json; ValueError or TypeError for any other."""
        users = Users(**values)
        lists = (users.names, users.training_images)
        if not (all(isinstance(items, list) and all(isinstance(i, str) for i in items) for items in lists)
                and users.names and users.channels in ("rgb", "intensity")):
            raise ValueError("expected lists of texts, at least one name, and rgb or intensity")
        check_names(users.names)   # they become folders: none may lead out of the run's
        if users.files is not None:
            FileFormat.of_values(users.files)
        return users


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
            write_json(path / "users.json", dataclasses.asdict(users))
            write_text(path / "config.json", config.to_json())
        distributed.barrier()
        return RunFolder(path, config, users)

    @staticmethod
    def open(path: Path) -> "RunFolder":
        """Read a run's config and users. Raises RequestError if it is no run folder or is half-written."""
        path = Path(path)
        for name in ("config.json", "users.json"):
            if not (path / name).is_file():
                raise RequestError(f"{path} has no {name}; expected the output folder of train.py")
        return RunFolder(path, read_config(path / "config.json"),
                         read_json(path / "users.json", Users.of, "Restore it, or train into a new folder"))

    @property
    def image_channels(self) -> int:
        return 1 if self.users.channels == "intensity" else 3

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """[C, H, W] of the images that networks see; files show them by `runs.pictures`."""
        return self.image_channels, self.config.data.height, self.config.data.network_width

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        vae, (_, height, width) = self.config.vae, self.image_shape
        return vae.latent_channels, height // vae.down_factor, width // vae.down_factor

    @property
    def file_format(self) -> FileFormat:
        """How generated images are written: as most of the training files are."""
        data = self.config.data
        files = self.users.files
        return FileFormat.of_values(files) if files else FileFormat("PNG", data.height, data.width)

    @property
    def depth(self) -> int | None:
        """Bits of 16-bit files as the training files have them; None where these have 8."""
        return self.file_format.depth if self.file_format.mode == "I;16" else None

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    def new_vae(self) -> VAE:
        vae = self.config.vae
        return VAE(self.image_channels, vae.latent_channels, vae.down_factor, vae.width, vae.blocks,
                   vae.min_deviation, vae.row_zoom, self.config.data.height)

    def new_unet(self) -> UNet:
        unet = self.config.unet
        return UNet(self.config.vae.latent_channels, len(self.users.names), unet.channels, unet.blocks,
                    unet.attention, unet.embedding_dim, unet.dropout)

    def new_classifier(self) -> LatentClassifier:
        return LatentClassifier(self.config.vae.latent_channels, len(self.users.names))

    def checkpoint(self, stage: str, bound_to: str | None = None, *, early: bool = False) -> Checkpoint:
        """What a stage has saved, see `Checkpoint.read`; early: the average that autoguidance guides away from."""
        path = self.path / stage / ("early.pt" if early else "state.pt")
        if early and not path.is_file():
            raise RequestError(f"{self.path} has no early {stage} for autoguidance ({stage}/early.pt is missing); give "
                               f"--autoguidance-scale 1, or train anew with {stage}_training.snapshot_at above 0")
        if not path.is_file():
            raise RequestError(f"{self.path} has no trained {stage} yet ({stage}/state.pt is missing); "
                               f"run train.py {stage} with --output-dir {self.path} first")
        return Checkpoint.read(path, bound_to)

    def has(self, stage: str) -> bool:
        """Whether a stage was begun."""
        return (self.path / stage / "state.pt").is_file()

    def require_finished(self, stage: str) -> None:
        """RequestError if what builds on a stage would build on a training that was stopped before its end.

        A stage that was never begun is left to whoever loads it.
        """
        steps = getattr(self.config, f"{stage}_training").steps
        if self.has(stage) and not (found := self.checkpoint(stage)).finished(steps):
            raise RequestError(f"the {stage} of {self.path} is at step {found.step} of {steps}; run train.py "
                               f"{stage} with --output-dir {self.path} to its end first")

    def load_vae(self, device="cpu"):
        """The trained autoencoder (averaged weights) and the hash that binds latents to it.

        RequestError if its training was stopped before its end: latents would be bound to weights that still change.
        """
        self.require_finished("vae")
        vae = self.checkpoint("vae").fill(self.new_vae(), device=device)
        return vae, fingerprint(vae.state_dict())

    def load_denoiser(self, device="cpu", weights: str = "ema", vae_hash: str | None = None, *,
                      early: bool = False) -> NetworkDenoiser:
        """The trained UNet as a denoiser; RequestError if it was trained on latents of a VAE other than `vae_hash`."""
        unet = self.checkpoint("diffusion", vae_hash, early=early).fill(self.new_unet(), weights, device)
        return NetworkDenoiser(unet, make_schedule(self.config.diffusion), self.config.diffusion.prediction)

    def load_latents(self, vae_hash: str) -> LatentCache:
        """Raises RequestError if they are missing or made by another VAE."""
        state = self.latents_file.load()
        with self.latents_file.must_fit():
            return LatentCache.from_state(state, vae_hash, self.users.names)

    @property
    def latents_file(self) -> RunState:
        return RunState(self.path / "latents" / "latents.pt")


def read_config(path: Path) -> Config:
    try:
        return Config.from_json(path.read_bytes())
    except RequestError as error:
        raise RequestError(f"{path} cannot be used: {error}") from None


def check_same_request(path: Path, existing: Config, asked: Config) -> None:
    """Refuse to continue a run with settings that its weights do not belong to."""
    before, after = flatten(dataclasses.asdict(existing)), flatten(dataclasses.asdict(asked))
    joined = (path / "joint" / "state.pt").exists()

    def free(key):
        return key.startswith(CHANGEABLE) and not (joined and key.startswith("joint") and
                                                   key not in CHANGEABLE_WITH_JOINT)

    if retired := [text for text in existing.retired if not free(text.partition("=")[0])]:
        raise RequestError(f"{path} was trained with {', '.join(retired)}, which is gone since version 0.2.0: its "
                           "images can be generated, but it cannot be trained on; give another --output-dir")
    changed = [key for key in after if before.get(key) != after[key] and not free(key) and key != "retired"]
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
    seen, now = existing.training_images, asked.training_images
    if seen != now:
        raise RequestError(f"{path} was trained on {len(seen)} images; {asked.data_dir} has {len({*seen} & {*now})} of "
                           f"them among {len(now)}, or in another order; restore them, or give another --output-dir")


def listing(names) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} users ({names[0]} … {names[-1]})"
