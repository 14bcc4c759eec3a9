"""Settings that contradict each other, or lie outside their range, are refused before any work is done."""

import functools
import math

from mdgen.errors import RequestError

ADVERSARIES = "vae.adversary", "joint.adversary"
STAGES = "vae_training", "diffusion_training", "joint_training", "classifier_training", "enroll_training"


def optimizers(stage: str) -> tuple[str, ...]:
    """Muon is for the UNet: other networks have not said which of their convolutions are hidden."""
    return ("adamw", "muon") if stage == "diffusion_training" else ("adamw",)


def check(config) -> None:
    """Refuse settings that contradict each other, before any work is done."""
    data, vae, unet = config.data, config.vae, config.unet
    choices = {
        "data.channels": (data.channels, ("auto", "rgb", "intensity")),
        "data.colormap": (data.colormap, ("auto", "jet", "parula", "viridis", "gray")),
        "vae.down_factor": (vae.down_factor, (4, 8)),
        "vae.reconstruction": (vae.reconstruction, ("l1", "mse")),
        "vae.perceptual": (vae.perceptual, ("auto", "lpips_vgg16", "lpips_alexnet", "classifier")),
        "diffusion.schedule": (config.diffusion.schedule, ("linear", "scaled_linear", "cosine")),
        "diffusion.prediction": (config.diffusion.prediction, ("eps", "x0", "v")),
        "diffusion.noise_levels": (config.diffusion.noise_levels, ("uniform", "lognormal")),
        "sampling.sampler": (config.sampling.sampler, ("ddim", "ddpm", "dpm")),
        "sampling.guidance": (config.sampling.guidance, ("free", "auto", "free+auto", "classifier")),
        "sampling.spacing": (config.sampling.spacing, ("leading", "trailing", "linspace")),
        "evaluation.siamese_loss": (config.evaluation.siamese_loss, ("contrastive", "triplet", "nt_xent")),
    }
    for name in STAGES:
        training = getattr(config, name)
        choices[f"{name}.precision"] = (training.precision, ("auto", "bf16", "fp16", "off"))
        choices[f"{name}.optimizer"] = (training.optimizer, optimizers(name))
        choices[f"{name}.schedule"] = (training.schedule, ("cosine", "constant"))
    for key, (value, allowed) in choices.items():
        if value not in allowed:
            raise RequestError(f"{key} is {value!r}; expected one of {', '.join(map(str, allowed))}")
    if len(unet.channels) != len(unet.attention):
        raise RequestError(f"unet.attention has {len(unet.attention)} entries for {len(unet.channels)} levels of "
                           "unet.channels; give one true or false per level")
    check_numbers(config)
    check_noise_levels(config)
    check_averages(config)
    divisor = vae.down_factor * 2 ** (len(unet.channels) - 1)
    for key in ("height", "width"):
        size = getattr(data, key)
        if size % divisor or size <= 0:
            raise RequestError(
                f"data.{key} is {size}; expected a multiple of {divisor} (VAE down-factor {vae.down_factor} times "
                f"{divisor // vae.down_factor} for the UNet's {len(unet.channels)} levels), such as "
                f"{max(round(size / divisor), 1) * divisor}")
    check_adversaries(config)


def check_noise_levels(config) -> None:
    """Refuse before training what sampling would refuse after it."""
    diffusion, levels = config.diffusion, config.diffusion.num_timesteps
    if config.sampling.steps > levels:
        raise RequestError(f"sampling.steps is {config.sampling.steps}; expected at most diffusion.num_timesteps, "
                           f"which is {levels}")
    if diffusion.zero_terminal_snr and (diffusion.prediction == "eps" or levels < 2):
        reason = "prediction eps" if diffusion.prediction == "eps" else f"num_timesteps {levels}"
        raise RequestError(f"diffusion.zero_terminal_snr is true, which does not go with {reason}; expected v or x0 "
                           "and 2 levels or more, or diffusion.zero_terminal_snr=false")


def check_averages(config) -> None:
    """Refuse averages that nobody could ask for, and a patience that is never tried."""
    unet = config.diffusion_training
    for name in STAGES:
        training = getattr(config, name)
        idle = [key for key in ("extra_ema_decays", "patience", "snapshot_at") if getattr(training, key)]
        if idle and name != "diffusion_training":
            raise RequestError(f"{name}.{idle[0]} is not used: that stage is trained to its end and read once; leave it "
                               f"out, or set diffusion_training.{idle[0]}")
    decays = (unet.ema_decay, *unet.extra_ema_decays)
    if len(set(decays)) < len(decays) or not all(0 <= decay < 1 for decay in unet.extra_ema_decays):
        raise RequestError(f"diffusion_training.extra_ema_decays is {list(unet.extra_ema_decays)}; expected decays "
                           f"from 0 to below 1, all different and none ema_decay's {unet.ema_decay}")
    reached = unet.steps / (unet.steps + 9)   # the last decay of an average that warms up, see training/ema.py
    alike = [decay for decay in decays if decay >= reached]
    if unet.extra_ema_decays and len(alike) > 1:
        raise RequestError(f"diffusion_training.ema_decay and extra_ema_decays name {' and '.join(map(str, alike))}, which "
                           f"would be the same average: it warms up, and {unet.steps} steps reach {reached:.4g}; leave all "
                           "but one of them out")
    if not unet.patience:
        return
    if not unet.preview_every:
        raise RequestError(f"diffusion_training.patience is {unet.patience}, but preview_every is 0, so that nothing "
                           "is measured before the end; set diffusion_training.preview_every")
    previews = unet.steps // unet.preview_every - unet.snapshot_step // unet.preview_every
    if unet.patience >= previews:
        raise RequestError(f"diffusion_training.patience is {unet.patience}, but {unet.steps} steps have only {previews} "
                           "previews to wait for, those up to the early snapshot left out; set a smaller "
                           "diffusion_training.preview_every")


def check_adversaries(config) -> None:
    """Refuse an adversary that images are too small for, or whose pull the training would not live to see."""
    size = min(config.data.height, config.data.width)
    for name, adversary in (("vae", config.vae.adversary), ("joint", config.joint.adversary)):
        if not adversary.weight:
            continue
        if size < 3 * 2**adversary.depth:
            raise RequestError(f"{name}.adversary.depth is {adversary.depth}, for images of {3 * 2**adversary.depth} "
                               f"pixels or more, but these have {size}; set {name}.adversary.depth=1 or weight=0")
        if adversary.start + 2 * adversary.ramp > 1:
            raise RequestError(f"{name}.adversary.start {adversary.start} and twice its ramp {adversary.ramp} are more "
                               "than all steps; expected a sum of at most 1")


def check_numbers(config) -> None:
    """Every count at least 1 (2 where pairs are made), no negative amounts, every share within its range."""
    for least, values in least_values(config).items():
        for key, value in values.items():
            if value < least:
                raise RequestError(f"{key} is {value}; expected {least} or more")
    check_ranges(config)
    for key, value in shares(config).items():
        if not 0 <= value <= 1:
            raise RequestError(f"{key} is {value}; expected a share from 0 to 1")


def settings(config, *names: str) -> dict:
    """The values of dotted names such as "vae.width", by name."""
    return {name: functools.reduce(getattr, name.split("."), config) for name in names}


def every(stages, *keys: str) -> list[str]:
    return [f"{stage}.{key}" for stage in stages for key in keys]


def least_values(config) -> dict:
    """{least allowed value: {setting: its value}}."""
    counts = settings(config, "vae.latent_channels", "vae.width", "vae.blocks", "unet.blocks", "sampling.steps",
                      "sampling.batch_size", "diffusion.num_timesteps", "unet.embedding_dim",
                      "evaluation.classifier_steps", "evaluation.classifier_batch_size", "evaluation.siamese_steps",
                      "evaluation.usefulness_steps", *every(STAGES, "steps", "batch_size", "accumulation", "save_every"),
                      *every(ADVERSARIES, "width", "depth"))
    counts["unet.channels"] = min(config.unet.channels, default=0)
    amounts = settings(config, "data.gap", "vae.kl_weight", "vae.perceptual_weight", "vae.augment_gain",
                       "vae.augment_shift", "joint.image_weight", "joint.texture_weight", "joint.perceptual_weight",
                       "diffusion.min_snr_gamma", "diffusion.lognormal_deviation", "diffusion.augment_gain",
                       "diffusion.augment_shift", "evaluation.classifier_learning_rate",
                       "evaluation.siamese_learning_rate", "evaluation.usefulness_seeds",
                       *every(STAGES, "learning_rate", "warmup_steps", "weight_decay", "gradient_clip",
                              "preview_every", "patience"),
                       *every(ADVERSARIES, "weight", "learning_rate"))
    if config.init_from.weights != "none":   # an autoencoder that is kept as another run has made it
        amounts["vae_training.steps"] = counts.pop("vae_training.steps")
    return {2: settings(config, "evaluation.siamese_users", "evaluation.siamese_images"), 1: counts, 0: amounts}


def shares(config) -> dict:
    """{setting: its value} of all that lie from 0 to 1."""
    return settings(config, "data.validation_fraction", "unet.dropout", "joint.noise_limit", "sampling.eta",
                    "diffusion.label_dropout", *every(STAGES, "ema_decay", "snapshot_at"),
                    *every(ADVERSARIES, "start", "ramp"))


def check_ranges(config) -> None:
    """Settings with a range of their own."""
    if not 1e-4 <= config.vae.min_deviation <= 1:
        raise RequestError(f"vae.min_deviation is {config.vae.min_deviation}; expected 0.0001 to 1, in deviations of "
                           "the latents")
    if not 0 <= config.seed < 2**63:
        raise RequestError(f"seed is {config.seed}; expected 0 to 2^63 - 1")
    for key in ("guidance_scale", "auto_scale"):
        if not math.isfinite(value := getattr(config.sampling, key)):
            raise RequestError(f"sampling.{key} is {value}; expected a number such as 1.5")
    interval = config.sampling.guidance_interval
    if len(interval) != 2 or not 0 <= interval[0] < interval[1] <= 1:
        raise RequestError(f"sampling.guidance_interval is {list(interval)}; expected two shares of the noise levels, "
                           "LOW < HIGH from 0 (clean) to 1 (noise), such as 0.1 and 0.7")
    if any(width % 2 for width in config.unet.channels):
        raise RequestError(f"unet.channels is {list(config.unet.channels)}; expected even widths")
    if not 0 < config.diffusion.augment_share <= 0.8:
        raise RequestError(f"diffusion.augment_share is {config.diffusion.augment_share}; expected above 0 and at most "
                           "0.8: images are drawn as unchanged ones, which the network must have seen")
