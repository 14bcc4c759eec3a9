"""config.json of older versions as this one reads it, so that their runs open and generate the same images."""

import json
import warnings

from mdgen.errors import Note, RequestError

VERSION = 2   # of config.json; 1 had none written in it

# What version 1 had beside today's settings, with the value that changes nothing. Weights that were trained with
# another value can be used, but not trained on: what is left of it stands in Config.retired.
TRAINING = {"schedule": "cosine", "extra_ema_decays": [], "patience": 0}
ADVERSARY = {"width": 32, "depth": 2, "learning_rate": 1e-3, "ramp": 0.1}
RETIRED = {
    **{f"{stage}.{key}": value for key, value in TRAINING.items()
       for stage in ("vae_training", "diffusion_training", "joint_training", "classifier_training", "enroll_training")},
    **{f"{stage}.{key}": value for key, value in {"optimizer": "adamw", "snapshot_at": 0.0}.items()
       for stage in ("vae_training", "joint_training", "classifier_training", "enroll_training")},
    **{f"joint.adversary.{key}": value for key, value in {**ADVERSARY, "start": 0.0}.items()},
    "joint.image_weight": 1.0, "joint.perceptual_weight": 0.0,
    "vae.reconstruction": "mse", "vae.augment_gain": 0.1, "vae.augment_shift": 3,
    "diffusion.noise_levels": "uniform", "diffusion.augment_gain": 0.0, "diffusion.augment_shift": 0}
# What else is left out: it acted only together with one of the above, or on what comes after training.
FORGOTTEN = (*(f"vae.adversary.{key}" for key in (*ADVERSARY, "start")), "diffusion.lognormal_mean",
             "diffusion.lognormal_deviation", "diffusion.augment_share", "evaluation.classifier_batch_size",
             "evaluation.classifier_learning_rate", "evaluation.siamese_users", "evaluation.siamese_images",
             "evaluation.siamese_learning_rate")


def upgrade(values):
    """The content of a config.json of any version, as nested plain values of today's settings."""
    if not isinstance(values, dict):
        return values   # whoever builds it says what is wrong
    values = json.loads(json.dumps(values))
    version = values.pop("version", 1)
    if isinstance(values.get("data"), dict):
        values["data"].setdefault("held_out", "end")   # which version 2 began with, too, without a name for it
    if type(version) is not int or not 1 <= version <= VERSION:
        raise RequestError(f"version is {version!r}; expected up to {VERSION}, which this mdgen knows; install the "
                           "mdgen that wrote it")
    sampling = values.get("sampling")
    if version == VERSION or isinstance(sampling, dict) and "cfg_scale" in sampling:   # its version was edited away
        return values
    retired = []
    for key, neutral in RETIRED.items():
        found = take(values, key)
        if found is not None and found != neutral:
            retired.append(f"{key}={json.dumps(found)}")
    if weight := take(values, "vae.adversary.weight"):
        retired.append(f"vae.adversary.weight={json.dumps(weight)}")
    for key in FORGOTTEN:
        take(values, key)
    vae, joint = values.get("vae"), values.get("joint")
    if isinstance(vae, dict):
        vae.pop("adversary", None)
        if vae.get("perceptual") == "classifier":
            vae["perceptual"] = "auto"
            retired.append('vae.perceptual="classifier"')
    if isinstance(joint, dict) and isinstance(adversary := joint.pop("adversary", None), dict):
        joint["adversary_weight"] = adversary.get("weight", 0.0)
    if isinstance(sampling, dict):
        values["sampling"] = three_scales(sampling)
    return values | ({"retired": retired} if retired else {})


def is_gone(key: str) -> bool:
    """Whether a dotted name was a setting of version 1 and is none now."""
    return key in (*RETIRED, *FORGOTTEN, "vae.adversary.weight", "joint.adversary.weight") or key in (
        "sampling.guidance", "sampling.guidance_scale", "sampling.guidance_interval", "sampling.auto_scale")


def take(values: dict, key: str):
    """Remove a dotted key from nested groups and return its value; None where there is none."""
    *path, last = key.split(".")
    for part in path:
        values = values.get(part) if isinstance(values, dict) else None
    return values.pop(last, None) if isinstance(values, dict) else None


def three_scales(sampling: dict) -> dict:
    """Version 1's kind of guidance, whose scale and interval had a meaning that depended on it, as three numbers.

    What is no value of version 1 is left for the reader of today's settings to refuse.
    """
    old = {"guidance": "free", "guidance_scale": 1.5, "guidance_interval": [0.0, 1.0], "auto_scale": 1.5, **sampling}
    kind, scale, interval, auto = (old.pop(key) for key in ("guidance", "guidance_scale", "guidance_interval",
                                                            "auto_scale"))
    if kind not in ("free", "auto", "free+auto", "classifier"):
        raise RequestError(f"sampling.guidance is {kind!r}; expected free, auto, free+auto or classifier, as "
                           "version 0.1 wrote it")
    if kind in ("free", "free+auto"):
        return old | {"cfg_scale": scale, "cfg_interval": interval,
                      "autoguidance_scale": auto if kind == "free+auto" else 1.0}
    if interval != [0, 1]:
        warnings.warn(f"guidance {kind} was limited to {interval} of the noise levels, but acts at all of them now: "
                      "its images are others than before", Note, stacklevel=2)
    return old | {"cfg_scale": 1.0, {"auto": "autoguidance_scale", "classifier": "classifier_scale"}[kind]: scale}


def upgrade_training(values: dict) -> dict:
    """The settings of one stage alone, as an enrolment keeps them, without what only version 1 had."""
    return {key: value for key, value in values.items() if key not in (*TRAINING, "optimizer", "snapshot_at")}


def settings_of_version_1(config, training: dict, joint: dict) -> list:
    """[joint, joint_training, vae.perceptual] as version 1 wrote them: part of the hash that binds joint weights.

    training, joint: today's settings of that stage. The hash has to stay what it was.
    """
    adversary = {"weight": joint.pop("adversary_weight"), "start": 0.0, **ADVERSARY}
    if not joint["level_weight"]:   # what version 2 began without
        del joint["level_weight"]
    old = {"joint": {**joint, "adversary": adversary, "image_weight": 1.0, "perceptual_weight": 0.0},
           "joint_training": {**training, **TRAINING, "snapshot_at": 0.0}, "vae": {"perceptual": config.vae.perceptual}}
    for assignment in config.retired:
        key, _, text = assignment.partition("=")
        *path, last = key.split(".")
        node = old
        for part in path:
            node = node.get(part, {})
        if last in node:
            node[last] = json.loads(text)
    return [old["joint"], old["joint_training"], old["vae"]["perceptual"]]
