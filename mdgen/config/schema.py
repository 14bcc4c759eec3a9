"""Everything that a run is made with: one frozen dataclass per stage, presets, JSON, `--set key=value`.

A configuration is plain data. It is written to the run folder as config.json and read back from there, so a run
always continues with what it was started with.
"""

import dataclasses
import difflib
import json
import math
import typing
from dataclasses import dataclass, field

from mdgen.config.checks import check
from mdgen.errors import RequestError


@dataclass(frozen=True)
class DataConfig:
    height: int = 64                    # pixels along Doppler
    width: int = 64                     # pixels along time
    channels: str = "auto"              # rgb | intensity | auto: intensity if a known colour map is found
    colormap: str = "auto"              # jet | parula | viridis | gray | auto
    validation_fraction: float = 0.12   # of every user's images, the last ones in file order
    gap: int = 4                        # images dropped between training and validation: windows overlap


@dataclass(frozen=True)
class AdversaryConfig:
    weight: float = 0.0                 # length of its gradient over that of the other image losses; 0 = none
    width: int = 32
    depth: int = 2                      # of strided layers: it judges patches of 34 pixels
    learning_rate: float = 1e-3         # constant: it must keep up with a decoder that changes
    start: float = 0.5                  # share of the steps before it starts to learn
    ramp: float = 0.1                   # share that it learns alone, and as long again until it pulls fully


@dataclass(frozen=True)
class VAEConfig:
    down_factor: int = 4
    latent_channels: int = 12
    width: int = 64
    blocks: int = 2
    reconstruction: str = "mse"         # l1 | mse
    perceptual: str = "auto"            # lpips_vgg16 | lpips_alexnet | classifier | auto: the first that there is
    perceptual_weight: float = 0.0      # 0 = no perceptual loss
    adversary: AdversaryConfig = field(default_factory=AdversaryConfig)
    kl_weight: float = 3e-4
    min_deviation: float = 0.1          # least posterior deviation: the decoder learns to forgive as much
    augment_gain: float = 0.1           # largest gain change while training, in units of the range [0, 1]
    augment_shift: int = 3              # largest shift along time while training, pixels


@dataclass(frozen=True)
class UNetConfig:
    channels: tuple[int, ...] = (64, 128)
    blocks: int = 2
    attention: tuple[bool, ...] = (False, True)
    embedding_dim: int = 256
    dropout: float = 0.1


@dataclass(frozen=True)
class DiffusionConfig:
    schedule: str = "cosine"            # linear | scaled_linear | cosine
    num_timesteps: int = 1000
    zero_terminal_snr: bool = True
    prediction: str = "v"               # eps | x0 | v
    min_snr_gamma: float = 5.0          # Hang et al. 2023; 0 weighs all noise levels equally in x0's or v's own loss
    label_dropout: float = 0.1          # share of samples trained with the null user
    noise_levels: str = "uniform"       # uniform in t | lognormal in sigma: with v and min_snr_gamma 0 it is EDM
    lognormal_mean: float = -0.5        # of ln sigma: EDM's -1.2, moved by ln 2 from its data's deviation 0.5 to 1
    lognormal_deviation: float = 1.2
    augment_gain: float = 0.0           # largest gain change while training, in units of the range [0, 1]
    augment_shift: int = 0              # largest shift along time while training, pixels
    augment_share: float = 0.5          # of samples that are changed, where either of these is above 0

    @property
    def augments(self) -> bool:
        return self.augment_gain > 0 or self.augment_shift > 0


@dataclass(frozen=True)
class JointConfig:
    in_all: bool = False                # whether train.py without a stage ends with it
    noise_limit: float = 0.3            # cleaned latents from this share of the noise levels are decoded
    image_weight: float = 1.0           # of the image losses beside the UNet's own
    texture_weight: float = 0.0         # of the difference in local speckle power among them
    perceptual_weight: float = 0.0      # of the distance that vae.perceptual names
    adversary: AdversaryConfig = field(default_factory=lambda: AdversaryConfig(start=0.0))


@dataclass(frozen=True)
class TrainingConfig:
    steps: int = 5000                   # optimiser steps
    batch_size: int = 32                # images per micro-batch
    accumulation: int = 1               # micro-batches per optimiser step
    optimizer: str = "adamw"            # adamw | muon (of diffusion_training): for hidden convolutions
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    schedule: str = "cosine"            # cosine | constant
    weight_decay: float = 0.01
    gradient_clip: float = 1.0          # largest global gradient norm
    ema_decay: float = 0.999            # after n steps at most (1 + n) / (10 + n): the average warms up
    extra_ema_decays: tuple[float, ...] = ()   # further averages kept beside it: sample.py --weights ema:DECAY
    precision: str = "auto"             # auto | bf16 | fp16 | off
    gradient_checkpointing: bool = False
    snapshot_at: float = 0.0            # share of the steps at which early.pt keeps the average; 0 keeps none
    preview_every: int = 1000           # steps; 0 only at the end
    save_every: int = 500               # steps
    patience: int = 0                   # previews in a row without a better held-out error that end it; 0 never

    @property
    def snapshot_step(self) -> int:
        """After which early.pt is kept; 0 never."""
        return max(1, round(self.snapshot_at * self.steps)) if self.snapshot_at else 0


@dataclass(frozen=True)
class InitConfig:
    """Where the first weights came from; train.py --init-from fills it in."""

    run: str = ""                       # a run folder, which may move
    weights: str = "none"               # 16 hex digits that name its weights


@dataclass(frozen=True)
class SamplingConfig:
    sampler: str = "dpm"                # ddim | ddpm | dpm
    steps: int = 25
    spacing: str = "trailing"           # leading | trailing | linspace
    eta: float = 0.0                    # DDIM's share of DDPM noise
    guidance: str = "free"              # free | auto | free+auto | classifier
    # plain is the conditional denoiser alone: free's and auto's scale 1, but the classifier's 0, whose s adds s times
    # the gradient of log p(user | x_t), about as much as free's 1 + s; in free+auto scale and interval are free's
    guidance_scale: float = 1.5
    guidance_interval: tuple[float, float] = (0.0, 1.0)   # of t/T, 0 clean to 1 noise; plain outside
    auto_scale: float = 1.5             # autoguidance's in free+auto, at all noise levels; 1 is none
    batch_size: int = 64

    @property
    def by_early(self) -> bool:
        """Whether an early checkpoint guides."""
        return self.guidance == "auto" or self.guidance == "free+auto" and self.auto_scale != 1.0


@dataclass(frozen=True)
class EvaluationConfig:
    classifier_steps: int = 600
    classifier_batch_size: int = 32
    classifier_learning_rate: float = 2e-3
    siamese_loss: str = "nt_xent"       # contrastive | triplet | nt_xent
    siamese_steps: int = 600
    siamese_users: int = 8              # per batch, each with siamese_images of its images
    siamese_images: int = 4
    siamese_learning_rate: float = 2e-3
    usefulness_steps: int = 300         # of each of the small classifiers, about 11 per seed
    usefulness_seeds: int = 3           # 0 leaves the study out


@dataclass(frozen=True)
class Config:
    preset: str = "small"
    seed: int = 0
    init_from: InitConfig = field(default_factory=InitConfig)
    data: DataConfig = field(default_factory=DataConfig)
    vae: VAEConfig = field(default_factory=VAEConfig)
    vae_training: TrainingConfig = field(default_factory=lambda: TrainingConfig(steps=2500, learning_rate=2e-3))
    unet: UNetConfig = field(default_factory=UNetConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    diffusion_training: TrainingConfig = field(default_factory=TrainingConfig)
    joint: JointConfig = field(default_factory=JointConfig)
    joint_training: TrainingConfig = field(default_factory=lambda: TrainingConfig(
        steps=300, learning_rate=2e-4, warmup_steps=20, ema_decay=0.99, preview_every=0))
    classifier_training: TrainingConfig = field(default_factory=lambda: TrainingConfig(steps=400, preview_every=0))
    enroll_training: TrainingConfig = field(default_factory=lambda: TrainingConfig(
        steps=200, batch_size=8, learning_rate=2e-2, warmup_steps=20, weight_decay=0.0, ema_decay=0.98,
        preview_every=0, save_every=50))
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self):
        check(self)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2)

    @staticmethod
    def from_json(text: str) -> "Config":
        """Read what `to_json` wrote. Raises RequestError naming an unknown key or a value of the wrong type."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise RequestError(f"the configuration is not JSON ({error}); restore it, or start a new "
                               "run folder") from None
        return build(Config, values, "config")


def build(cls, values, where: str):
    """Turn nested plain values into the dataclass `cls`, checking every key and type."""
    if not isinstance(values, dict):
        raise RequestError(f"{where} is {values!r}; expected a group of settings, as train.py --dry-run prints them")
    types = typing.get_type_hints(cls)
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
    if type(value) is float and not math.isfinite(value):
        raise RequestError(f"{where} is {value}; expected a finite number")
    if type(value) is not kind:
        raise RequestError(f"{where} is {value!r}; expected {kind.__name__}, such as the preset's value that "
                           "train.py --dry-run prints")
    return value


def unknown_key(key: str, known) -> str:
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
