"""mdgen: learn how each person's walk looks to a radar, generate new examples of it, and prove what they are worth.

    import mdgen
    run = mdgen.load("runs/demo")
    images = run.draw("ID_1", 8, seed=0)      # uint8 [8, H, W, 3] in the colours of the run's files

What stands in `__all__` is imported when it is first used, so that `import mdgen` costs nothing.
"""

import importlib

__version__ = "0.2.0"

_HOMES = {
    "mdgen.runs.load": ("load",),
    "mdgen.data": ("UserFolders", "split_blocks", "to_color", "to_intensity"),
    "mdgen.models": ("InceptionV3", "PatchDiscriminator", "SiameseNetwork", "UNet", "UserClassifier", "VAE"),
    "mdgen.schedulers": ("NoiseSchedule", "ddim_step", "ddpm_step", "sample_ddim", "sample_ddpm", "sample_dpmpp_2m",
                         "spaced_timesteps"),
    "mdgen.diffusion": ("NetworkDenoiser", "autoguidance", "classifier_free", "diffusion_loss", "generate"),
    "mdgen.training": ("EMA", "MixedPrecision", "RunState", "checkpointed"),
    "mdgen.validation": ("density_coverage", "frechet_distance", "inception_features", "inception_score",
                         "kernel_distance", "kernel_distance_full", "precision_recall"),
    "mdgen.radar": ("Walker", "cadence", "envelope", "radar_echo", "simulate_walk", "spectrogram")}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = ["__version__", *_HOME_OF]


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'mdgen' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__():
    return sorted({*globals(), *__all__})
