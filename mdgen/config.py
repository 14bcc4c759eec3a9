"""Everything that a run is made with: one frozen dataclass per stage, presets, JSON, `--set key=value`.

A configuration is plain data. It is written to the run folder as config.json and read back from there, so a run
always continues with what it was started with.
"""

import dataclasses
import difflib
import hashlib
import json
import math
import typing
from dataclasses import dataclass, field

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
class VAEConfig:
    down_factor: int = 4
    latent_channels: int = 8
    width: int = 64
    blocks: int = 2
    reconstruction: str = "l1"          # l1 | mse
    kl_weight: float = 1e-5
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


@dataclass(frozen=True)
class TrainingConfig:
    steps: int = 5000                   # optimiser steps
    batch_size: int = 32                # images per micro-batch
    accumulation: int = 1               # micro-batches per optimiser step
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    schedule: str = "cosine"            # cosine | constant
    weight_decay: float = 0.01
    gradient_clip: float = 1.0          # largest global gradient norm
    ema_decay: float = 0.999
    precision: str = "auto"             # auto | bf16 | fp16 | off
    gradient_checkpointing: bool = False
    preview_every: int = 1000           # steps; 0 only at the end
    save_every: int = 500               # steps


@dataclass(frozen=True)
class SamplingConfig:
    sampler: str = "dpm"                # ddim | ddpm | dpm
    steps: int = 25
    spacing: str = "trailing"           # leading | trailing | linspace
    eta: float = 0.0                    # DDIM's share of DDPM noise
    guidance_scale: float = 1.5         # 1 is plain conditional sampling
    batch_size: int = 64


@dataclass(frozen=True)
class EvaluationConfig:
    classifier_steps: int = 600
    classifier_batch_size: int = 32
    classifier_learning_rate: float = 2e-3


@dataclass(frozen=True)
class Config:
    preset: str = "small"
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    vae: VAEConfig = field(default_factory=VAEConfig)
    vae_training: TrainingConfig = field(default_factory=lambda: TrainingConfig(steps=2500, learning_rate=2e-3))
    unet: UNetConfig = field(default_factory=UNetConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    diffusion_training: TrainingConfig = field(default_factory=TrainingConfig)
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
            raise RequestError(f"the configuration is not JSON ({error}); restore config.json or start a new "
                               "run folder") from None
        return build(Config, values, "config")

    def fingerprint(self, *sections: str) -> str:
        """Hash of the named sections: two runs with the same value were asked for the same thing."""
        values = dataclasses.asdict(self)
        text = json.dumps({name: values[name] for name in sections or values}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


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


def check(config: Config) -> None:
    """Refuse settings that contradict each other, before any work is done."""
    data, vae, unet = config.data, config.vae, config.unet
    choices = {
        "data.channels": (data.channels, ("auto", "rgb", "intensity")),
        "data.colormap": (data.colormap, ("auto", "jet", "parula", "viridis", "gray")),
        "vae.down_factor": (vae.down_factor, (4, 8)),
        "vae.reconstruction": (vae.reconstruction, ("l1", "mse")),
        "diffusion.schedule": (config.diffusion.schedule, ("linear", "scaled_linear", "cosine")),
        "diffusion.prediction": (config.diffusion.prediction, ("eps", "x0", "v")),
        "sampling.sampler": (config.sampling.sampler, ("ddim", "ddpm", "dpm")),
        "sampling.spacing": (config.sampling.spacing, ("leading", "trailing", "linspace")),
    }
    for name in ("vae_training", "diffusion_training"):
        training = getattr(config, name)
        choices[f"{name}.precision"] = (training.precision, ("auto", "bf16", "fp16", "off"))
        choices[f"{name}.schedule"] = (training.schedule, ("cosine", "constant"))
    for key, (value, allowed) in choices.items():
        if value not in allowed:
            raise RequestError(f"{key} is {value!r}; expected one of {', '.join(map(str, allowed))}")
    if len(unet.channels) != len(unet.attention):
        raise RequestError(f"unet.attention has {len(unet.attention)} entries for {len(unet.channels)} levels of "
                           "unet.channels; give one true or false per level")
    check_numbers(config)
    check_noise_levels(config)
    divisor = vae.down_factor * 2 ** (len(unet.channels) - 1)
    for key in ("height", "width"):
        size = getattr(data, key)
        if size % divisor or size <= 0:
            raise RequestError(
                f"data.{key} is {size}; expected a multiple of {divisor} (VAE down-factor {vae.down_factor} times "
                f"{divisor // vae.down_factor} for the UNet's {len(unet.channels)} levels), such as "
                f"{max(round(size / divisor), 1) * divisor}")


def check_noise_levels(config: Config) -> None:
    """Refuse before training what sampling would refuse after it."""
    diffusion, levels = config.diffusion, config.diffusion.num_timesteps
    if config.sampling.steps > levels:
        raise RequestError(f"sampling.steps is {config.sampling.steps}; expected at most diffusion.num_timesteps, "
                           f"which is {levels}")
    if diffusion.zero_terminal_snr and (diffusion.prediction == "eps" or levels < 2):
        reason = "prediction eps" if diffusion.prediction == "eps" else f"num_timesteps {levels}"
        raise RequestError(f"diffusion.zero_terminal_snr is true, which does not go with {reason}; expected v or x0 "
                           "and 2 levels or more, or diffusion.zero_terminal_snr=false")


def check_numbers(config: Config) -> None:
    """Every count at least 1, no negative amounts, every share within its range."""
    least_one = {"vae.latent_channels": config.vae.latent_channels, "vae.width": config.vae.width,
                 "vae.blocks": config.vae.blocks, "unet.blocks": config.unet.blocks,
                 "unet.channels": min(config.unet.channels, default=0), "sampling.steps": config.sampling.steps,
                 "sampling.batch_size": config.sampling.batch_size,
                 "diffusion.num_timesteps": config.diffusion.num_timesteps,
                 "unet.embedding_dim": config.unet.embedding_dim,
                 "evaluation.classifier_steps": config.evaluation.classifier_steps,
                 "evaluation.classifier_batch_size": config.evaluation.classifier_batch_size}
    least_zero = {"data.gap": config.data.gap, "vae.kl_weight": config.vae.kl_weight,
                  "vae.augment_gain": config.vae.augment_gain, "vae.augment_shift": config.vae.augment_shift,
                  "diffusion.min_snr_gamma": config.diffusion.min_snr_gamma,
                  "evaluation.classifier_learning_rate": config.evaluation.classifier_learning_rate}
    shares = {"data.validation_fraction": config.data.validation_fraction, "unet.dropout": config.unet.dropout,
              "diffusion.label_dropout": config.diffusion.label_dropout, "sampling.eta": config.sampling.eta}
    for name in ("vae_training", "diffusion_training"):
        training = getattr(config, name)
        least_one |= {f"{name}.{key}": getattr(training, key)
                      for key in ("steps", "batch_size", "accumulation", "save_every")}
        least_zero |= {f"{name}.{key}": getattr(training, key) for key in
                       ("learning_rate", "warmup_steps", "weight_decay", "gradient_clip", "preview_every")}
        shares[f"{name}.ema_decay"] = training.ema_decay
    for key, value in least_one.items():
        if value < 1:
            raise RequestError(f"{key} is {value}; expected 1 or more")
    for key, value in least_zero.items():
        if value < 0:
            raise RequestError(f"{key} is {value}; expected 0 or more")
    if not math.isfinite(config.sampling.guidance_scale):
        raise RequestError(f"sampling.guidance_scale is {config.sampling.guidance_scale}; expected a number such as 1.5")
    if any(width % 2 for width in config.unet.channels):
        raise RequestError(f"unet.channels is {list(config.unet.channels)}; expected even widths")
    for key, value in shares.items():
        if not 0 <= value <= 1:
            raise RequestError(f"{key} is {value}; expected a share from 0 to 1")
