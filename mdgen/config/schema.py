"""Everything that a run is made with: one frozen dataclass per stage, JSON, `--set key=value`.

A configuration is plain data. It is written to the run folder as config.json and read back from there, so a run
always continues with what it was started with. What a value may be stands beside its field; what several values must
be together, in checks.py.
"""

import dataclasses
import difflib
import json
import typing
from dataclasses import dataclass, field
from typing import ClassVar

from mdgen.config.checks import check
from mdgen.config.upgrade import VERSION, is_gone, upgrade
from mdgen.errors import RequestError

__all__ = ["Config", "DataConfig", "DiffusionConfig", "DiffusionTrainingConfig", "EvaluationConfig", "InitConfig",
           "JointConfig", "SamplingConfig", "TrainingConfig", "UNetConfig", "VAEConfig", "VAETrainingConfig", "build",
           "flatten", "override"]

# What images may be painted with: the tables of mdgen.data.color_tables
COLORMAPS = ("jet", "turbo", "hot", "inferno", "magma", "plasma", "viridis", "parula", "parula_old", "bone", "gray")


def setting(default, least=None, most=None, among=None):
    """A field with its range, ends included, or its choices; of a tuple they hold for every item."""
    return field(default=default, metadata={"least": least, "most": most, "among": among})


@dataclass(frozen=True)
class DataConfig:
    height: int = 64                                # pixels along Doppler
    width: int = 64                                 # pixels along time
    channels: str = setting("auto", among=("auto", "rgb", "intensity"))   # auto: intensity if a known map is found
    colormap: str = setting("auto", among=("auto", *COLORMAPS, *(f"{name}_r" for name in COLORMAPS)))   # _r: reversed
    validation_fraction: float = setting(0.12, 0, 1)   # of every user's images, the last ones in file order
    columns: int = setting(0, 0)                    # room for so many, where files were enlarged along time; 0: pixels
    gap: int = setting(4, 0)                        # images dropped between training and validation: windows overlap
    held_out: str = setting("block", among=("block", "recording", "end"))   # end of each, whole; end of the last alone
    held_out_names: tuple[str, ...] = ()            # recordings held out whole, such as day2 or */day2; () by held_out
    crop: tuple[int, ...] = setting((), 0)          # pixels cut from every file: left, top, right, bottom; () none

    @property
    def network_width(self) -> int:
        """Of the images that networks see."""
        return self.columns or self.width


@dataclass(frozen=True)
class VAEConfig:
    down_factor: int = setting(4, among=(4, 8, 16, 32))   # train.py --resolution sets it
    latent_channels: int = setting(12, 1)
    width: int = setting(64, 1)
    blocks: int = setting(2, 1)
    perceptual: str = setting("auto", among=("auto", "lpips_vgg16", "lpips_alexnet"))   # auto: the first that there is
    perceptual_weight: float = setting(0.0, 0)      # 0 = no perceptual loss
    kl_weight: float = setting(3e-4, 0)
    row_zoom: float = setting(1.0, 1, 4)            # how much the Doppler rows that hold most may be magnified; 1 off
    min_deviation: float = setting(0.1, 1e-4, 1)    # floor of the posterior's standard deviation; latents have 1


@dataclass(frozen=True)
class UNetConfig:
    channels: tuple[int, ...] = setting((64, 128), 1)   # even
    blocks: int = setting(2, 1)
    attention: tuple[bool, ...] = (False, True)
    embedding_dim: int = setting(256, 1)
    dropout: float = setting(0.1, 0, 1)


@dataclass(frozen=True)
class DiffusionConfig:
    schedule: str = setting("cosine", among=("linear", "scaled_linear", "cosine"))
    num_timesteps: int = setting(1000, 1)
    zero_terminal_snr: bool = True
    prediction: str = setting("v", among=("eps", "x0", "v"))
    min_snr_gamma: float = setting(5.0, 0)          # Hang et al. 2023; 0 weighs all noise levels equally
    label_dropout: float = setting(0.1, 0, 1)       # share of samples trained with the null user


@dataclass(frozen=True)
class JointConfig:
    in_all: bool = False                            # whether train.py without a stage ends with it
    noise_limit: float = setting(0.3, 0, 1)         # cleaned latents from this share of the noise levels are decoded
    texture_weight: float = setting(0.0, 0)         # of the difference in local speckle power
    level_weight: float = setting(0.0, 0)           # of the difference between the histograms of levels
    adversary_weight: float = setting(0.0, 0)       # length of its gradient over that of the image losses; 0 = none


@dataclass(frozen=True)
class TrainingConfig:
    """How one stage is trained."""

    optimizer: ClassVar[str] = "adamw"
    snapshot_at: ClassVar[float] = 0.0

    steps: int = 5000                               # optimiser steps
    batch_size: int = setting(32, 1)                # images per micro-batch
    accumulation: int = setting(1, 1)               # micro-batches per optimiser step
    learning_rate: float = setting(1e-3, 0)         # reached after the warm-up, then falling to 0 along a cosine
    warmup_steps: int = setting(100, 0)
    weight_decay: float = setting(0.01, 0)
    gradient_clip: float = setting(1.0, 0)          # largest global gradient norm; 0 = any
    ema_decay: float = setting(0.999, 0, 1)         # after n steps at most (1 + n) / (10 + n): the average warms up
    precision: str = setting("auto", among=("auto", "bf16", "fp16", "off"))
    gradient_checkpointing: bool = False
    preview_every: int = setting(1000, 0)           # steps; 0 only at the end
    save_every: int = setting(500, 1)               # steps


@dataclass(frozen=True)
class VAETrainingConfig(TrainingConfig):
    """Of the VAE and the UNet, which say which of their convolutions are hidden."""

    optimizer: str = setting("adamw", among=("adamw", "muon"))


@dataclass(frozen=True)
class DiffusionTrainingConfig(VAETrainingConfig):
    """Of the UNet alone: other networks guide nobody."""

    snapshot_at: float = setting(0.0, 0, 1)         # share of the steps at which early.pt keeps the average; 0 never


@dataclass(frozen=True)
class InitConfig:
    """Where the first weights came from; train.py --init-from fills it in."""

    run: str = ""                                   # a run folder, which may move
    weights: str = "none"                           # 16 hex digits that name its weights


@dataclass(frozen=True)
class SamplingConfig:
    """How images are generated. Of the three scales whichever is not neutral acts."""

    sampler: str = setting("dpm", among=("ddim", "ddpm", "dpm"))
    steps: int = setting(25, 1)
    spacing: str = setting("trailing", among=("leading", "trailing", "linspace"))
    eta: float = setting(0.0, 0, 1)                 # DDIM's share of DDPM noise
    cfg_scale: float = setting(1.5, 0)              # classifier-free guidance, away from the null user; 1 is none
    cfg_interval: tuple[float, ...] = setting((0.0, 1.0), 0, 1)   # of t/T where it acts, 0 clean to 1 noise
    autoguidance_scale: float = setting(1.0, 0)     # away from the early checkpoint, at all noise levels; 1 is none
    classifier_scale: float = setting(0.0, 0)       # along a noisy classifier's gradient, at all levels; 0 is none
    batch_size: int = setting(64, 1)

    @property
    def canonical(self) -> "SamplingConfig":
        """Canonical form: configurations that generate the same images compare equal."""
        return dataclasses.replace(
            self, batch_size=1, eta=self.eta if self.sampler == "ddim" else 0.0,
            cfg_interval=(0.0, 1.0) if self.cfg_scale == 1.0 else self.cfg_interval)

    @property
    def without_guides(self) -> "SamplingConfig":
        """Without the guidance that needs more than the denoiser."""
        return dataclasses.replace(self, autoguidance_scale=1.0, classifier_scale=0.0)


@dataclass(frozen=True)
class EvaluationConfig:
    classifier_steps: int = setting(600, 1)
    siamese_loss: str = setting("nt_xent", among=("contrastive", "triplet", "nt_xent"))
    siamese_steps: int = setting(600, 1)
    usefulness_steps: int = setting(250, 1)         # of each of the small classifiers, about 11 per seed
    usefulness_seeds: int = setting(3, 0)           # 0 leaves the study out
    two_sample_steps: int = setting(200, 0)         # of each of the 8 networks that tell sets apart; 0 leaves them out


@dataclass(frozen=True)
class Config:
    preset: str = "small"
    seed: int = setting(0, 0, 2**63 - 1)
    init_from: InitConfig = InitConfig()
    data: DataConfig = DataConfig()
    vae: VAEConfig = VAEConfig()
    vae_training: VAETrainingConfig = VAETrainingConfig(steps=2500, learning_rate=2e-3)
    unet: UNetConfig = UNetConfig()
    diffusion: DiffusionConfig = DiffusionConfig()
    diffusion_training: DiffusionTrainingConfig = DiffusionTrainingConfig()
    joint: JointConfig = JointConfig()
    joint_training: TrainingConfig = TrainingConfig(steps=300, learning_rate=2e-4, warmup_steps=20, ema_decay=0.99,
                                                    preview_every=0)
    classifier_training: TrainingConfig = TrainingConfig(steps=400, preview_every=0)
    enroll_training: TrainingConfig = TrainingConfig(steps=200, batch_size=8, learning_rate=2e-2, warmup_steps=20,
                                                     weight_decay=0.0, ema_decay=0.98, preview_every=0, save_every=50)
    sampling: SamplingConfig = SamplingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    retired: tuple[str, ...] = ()   # settings that an older version trained with, and that are no more: KEY=JSON

    def __post_init__(self):
        check(self)

    def to_json(self) -> str:
        return json.dumps({"version": VERSION, **dataclasses.asdict(self)}, indent=2)

    @staticmethod
    def from_json(text: str | bytes) -> "Config":
        """Read what `to_json` of this or an older version wrote.

        Raises RequestError naming an unknown key or a value of the wrong type.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise RequestError(f"it is not JSON ({error}); restore it, or start a new run folder") from None
        return build(Config, upgrade(values), "config")


def build(cls, values, where: str):
    """Turn nested plain values into the dataclass `cls`, checking every key and type."""
    if not isinstance(values, dict):
        raise RequestError(f"{where} is {values!r}; expected a group of settings, as train.py --dry-run prints them")
    hints = typing.get_type_hints(cls)
    types = {f.name: hints[f.name] for f in dataclasses.fields(cls)}
    for key in values:
        if key not in types:
            raise RequestError(unknown_key(f"{where}.{key}".removeprefix("config."), types))
    return cls(**{key: convert(types[key], value, f"{where}.{key}".removeprefix("config."))
                  for key, value in values.items()})


def convert(kind, value, where: str):
    """One plain value as the annotated type `kind`; RequestError if it is something else."""
    if dataclasses.is_dataclass(kind):
        return build(kind, value, where)
    if typing.get_origin(kind) is tuple:
        items = value if isinstance(value, (list, tuple)) else [value]
        return tuple(convert(typing.get_args(kind)[0], item, where) for item in items)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise RequestError(f"{where} is {value!r}; expected {kind.__name__}, as train.py --dry-run prints it")
    return value


def unknown_key(key: str, known) -> str:
    if is_gone(key):
        return f"setting {key} is gone since version 0.2.0; leave it out, or see CHANGELOG.md for what stands for it"
    *path, last = key.split(".")
    near = difflib.get_close_matches(last, list(known), n=1)
    hint = f"did you mean {'.'.join([*path, near[0]])}?" if near else f"known here: {', '.join(known)}"
    return f"there is no setting {key}; {hint}"


def override(config: Config, assignments: list[str]) -> Config:
    """Apply `--set` assignments such as "unet.dropout=0.1" or "unet.channels=[64,128]"."""
    values = dataclasses.asdict(config)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise RequestError(f"--set {assignment} has no '='; write it as unet.dropout=0.1")
        node, (*path, last) = values, key.strip().split(".")
        for depth, part in enumerate(path):
            group = ".".join(path[:depth + 1])
            if part not in node:
                raise RequestError(unknown_key(group, node))
            if not isinstance(node[part], dict):
                raise RequestError(f"{group} is one value ({node[part]}), not a group; write it as {group}=VALUE")
            node = node[part]
        if last not in node:
            raise RequestError(unknown_key(key.strip(), node))
        try:
            node[last] = json.loads(text)
        except json.JSONDecodeError:
            node[last] = {"True": True, "False": False}.get(text, text)
    return build(Config, values, "config")


def flatten(values: dict, prefix: str = "") -> dict:
    """Nested groups as one dict of dotted names."""
    flat = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
