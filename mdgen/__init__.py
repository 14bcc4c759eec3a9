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
    "mdgen.validation": ("classifier_two_sample", "density_coverage", "frechet_distance", "inception_features",
                         "inception_score", "kernel_distance", "kernel_distance_stratified", "precision_recall"),
    "mdgen.radar": ("Walker", "cadence", "envelope", "radar_echo", "simulate_walk", "spectrogram")}


def lazy_names(homes: dict):
    """(__getattr__, __dir__, __all__) of a package whose names are imported from their homes when first asked for."""
    home_of = {name: home for home, names in homes.items() for name in names}

    def get(name: str):
        if name not in home_of:
            raise AttributeError(f"there is no attribute {name!r}; expected one of {', '.join(home_of)}")
        return getattr(importlib.import_module(home_of[name]), name)

    return get, lambda: list(home_of), list(home_of)


__getattr__, __dir__, __all__ = lazy_names(_HOMES)
__all__ += ["__version__"]
