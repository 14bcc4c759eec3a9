"""Settings that contradict each other, or lie outside their range, are refused before any work is done."""

import dataclasses
import json
import math

from mdgen.errors import RequestError


def check(config) -> None:
    """RequestError for the first setting of a Config that cannot be."""
    check_retired(config)
    check_steps(config)
    check_fields(config)
    check_networks(config)
    check_noise_levels(config)
    crop = config.data.crop
    if len(crop) not in (0, 4):
        raise RequestError(f"data.crop is {list(crop)}; expected pixels to cut at the left, top, right and bottom, "
                           "such as [5,5,19,5]")
    interval = config.sampling.cfg_interval
    if len(interval) != 2 or not interval[0] < interval[1]:
        raise RequestError(f"sampling.cfg_interval is {list(interval)}; expected two shares of the "
                           "noise levels, LOW < HIGH from 0 (clean) to 1 (noise), such as 0.1 and 0.7")


def check_fields(group, where: str = "") -> None:
    """Every value against the range or the choices that stand beside its field."""
    for field in dataclasses.fields(group):
        value, key, rule = getattr(group, field.name), where + field.name, field.metadata
        if dataclasses.is_dataclass(value):
            check_fields(value, f"{key}.")
            continue
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, float) and not math.isfinite(item):
                raise RequestError(f"{key} is {item}; expected a finite number such as 1.5")
            if rule.get("among") and item not in rule["among"]:
                raise RequestError(f"{key} is {item!r}; expected one of {', '.join(map(str, rule['among']))}")
            least, most = rule.get("least"), rule.get("most")
            if least is not None and item < least or most is not None and item > most:
                upto = "or more" if most is None else f"to {most:g}"
                raise RequestError(f"{key} is {value}; expected {least:g} {upto}")


def check_steps(config) -> None:
    """No stage has 0 steps, but an autoencoder that is kept as another run has made it."""
    kept = config.init_from.weights != "none"
    for name in ("vae_training", "diffusion_training", "joint_training", "classifier_training", "enroll_training"):
        steps = getattr(config, name).steps
        if steps < (0 if kept and name == "vae_training" else 1):
            raise RequestError(f"{name}.steps is {steps}; expected 1 or more")


def check_networks(config) -> None:
    """Widths, levels and image sizes that fit each other."""
    data, vae, unet = config.data, config.vae, config.unet
    if not unet.channels or any(width % 2 for width in unet.channels):
        raise RequestError(f"unet.channels is {list(unet.channels)}; expected even widths, 1 or more")
    if len(unet.channels) != len(unet.attention):
        raise RequestError(f"unet.attention has {len(unet.attention)} entries for {len(unet.channels)} levels of "
                           "unet.channels; give one true or false per level")
    divisor = vae.down_factor * 2 ** (len(unet.channels) - 1)
    for key in ("height", "columns" if data.columns else "width"):
        size = getattr(data, key)
        if size % divisor or size <= 0:
            near = max(round(size / divisor), 1) * divisor
            raise RequestError(f"data.{key} is {size}; expected a multiple of {divisor} (vae.down_factor times 2 per "
                               f"further level of unet.channels), such as {near}")


def check_noise_levels(config) -> None:
    """Refuse before training what sampling would refuse after it."""
    diffusion, steps, levels = config.diffusion, config.sampling.steps, config.diffusion.num_timesteps
    if steps > levels:
        raise RequestError(f"sampling.steps is {steps}; expected at most diffusion.num_timesteps, which is {levels}")
    if diffusion.zero_terminal_snr and (diffusion.prediction == "eps" or levels < 2):
        reason = "prediction eps" if diffusion.prediction == "eps" else f"num_timesteps {levels}"
        raise RequestError(f"diffusion.zero_terminal_snr is true, which does not go with {reason}; expected v or x0 "
                           "and 2 levels or more, or diffusion.zero_terminal_snr=false")


def check_retired(config) -> None:
    """What an older version trained with stands as KEY=JSON."""
    for text in config.retired:
        try:
            json.loads(text.partition("=")[2])
        except json.JSONDecodeError:
            raise RequestError(f"retired has {text!r}; expected KEY=JSON, as mdgen wrote it; restore it") from None
