"""First weights from another run: `train.py --init-from RUN`, such as one of simulated walkers or of other people.

The VAE is taken over whole and, unless vae_training.steps is 0, trained on: another recording has a texture and a
noise floor of its own, which a VAE that has not seen them smooths away. The UNet is taken over but for its users, who
are other people; the null user, an anybody, stays. Statistics of the latents are those of the new data. A stage that
has a state of its own is resumed from it and asks nobody else.
"""

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import torch

from mdgen.config import Config, InitConfig, flatten
from mdgen.errors import RequestError
from mdgen.runs.folder import RunFolder, read_config
from mdgen.runs.pipeline import load_pipeline

MUST_FIT = ("data.height", "data.width", "data.columns", "vae.down_factor", "vae.latent_channels", "vae.width",
            "vae.blocks", "vae.row_zoom", "unet.channels", "unet.blocks", "unet.attention", "unet.embedding_dim",
            "diffusion.schedule", "diffusion.num_timesteps", "diffusion.zero_terminal_snr", "diffusion.prediction")
USER_NOISE = 0.1   # deviation of new users about the source's mean user, in deviations between its users


def with_source(config: Config, path: Path, output_dir: Path) -> Config:
    """The configuration of a run that starts from the weights of another; they have to be trained to their end.

    A run in output_dir that has begun from there knows which weights they were, and needs them no more.
    """
    begun = output_dir / "config.json"
    if begun.is_file() and (known := read_config(begun).init_from).run == str(Path(path).resolve()):
        return replace(config, init_from=known)
    source = RunFolder.open(path)
    source.require_finished("diffusion")
    weights = load_pipeline(source, guided=False).weights_hash
    return replace(config, init_from=InitConfig(str(Path(path).resolve()), weights))


def check_source(config: Config, output_dir: Path, channels: str | None = None) -> None:
    """RequestError where the weights that config.init_from names do not fit; channels: of the images, if known."""
    if config.init_from.weights == "none":
        return
    if Path(config.init_from.run).resolve() == output_dir.resolve():
        raise RequestError(f"--init-from is {config.init_from.run}, the run itself; give another --output-dir for the "
                           "new run, or leave --init-from out to continue the old one")
    if all((output_dir / stage / "state.pt").exists() for stage in ("vae", "diffusion")):
        return   # begun: the source is asked no more, and may be gone
    source = RunFolder.open(Path(config.init_from.run))
    theirs, ours = (flatten(dataclasses.asdict(c)) for c in (source.config, config))
    for key in MUST_FIT:
        if theirs[key] != ours[key]:
            raise RequestError(f"{key} is {ours[key]}, but the weights of --init-from {source.path} were trained with "
                               f"{theirs[key]}; add --set {key}={json.dumps(theirs[key])}, or leave --init-from out")
    if channels not in (None, source.users.channels):
        raise RequestError(f"the images are {channels}, but {source.path} was trained on {source.users.channels}; "
                           f"add --set data.channels={source.users.channels}, or leave --init-from out")


def source_weights(run: RunFolder, stage: str) -> tuple[dict, dict] | None:
    """State dicts of the VAE and the UNet that a stage starts from; None where it has a state of its own.

    RequestError if the source's weights are not those that the run was started from.
    """
    if run.config.init_from.weights == "none" or run.has(stage):
        return None
    source = load_pipeline(RunFolder.open(Path(run.config.init_from.run)), guided=False)
    if source.weights_hash != run.config.init_from.weights:
        raise RequestError(f"{run.config.init_from.run} now has the weights {source.weights_hash}, but this run was to "
                           f"start from {run.config.init_from.weights}; restore them, or give another --output-dir")
    return source.vae.state_dict(), source.denoiser.network.state_dict()


def warm_start_vae(run: RunFolder, network) -> None:
    """Give a new VAE the source's weights."""
    if weights := source_weights(run, "vae"):
        take(network, weights[0], run.config.init_from.run)


def warm_start_unet(run: RunFolder, network) -> None:
    """Give a new UNet the source's weights, and users near its mean user."""
    if weights := source_weights(run, "diffusion"):
        generator = torch.Generator().manual_seed(run.config.seed)
        users = new_users(weights[1]["user_embedding.weight"], network.num_users, generator)
        take(network, {**weights[1], "user_embedding.weight": users}, run.config.init_from.run)


def new_users(table, num_users: int, generator):
    """Embeddings [K + 1, E] of K real users and the null user -> [num_users + 1, E] for other users.

    The null user's row stays as it is, at its new place behind them.
    """
    known, null = table[:-1], table[-1:]
    noise = torch.randn(num_users, table.shape[1], generator=generator).to(table)
    return torch.cat([known.mean(dim=0) + USER_NOISE * known.std(dim=0, correction=0) * noise, null])


def take(network, weights: dict, source: str) -> None:
    """Load weights; RequestError naming the first that does not fit."""
    ours = network.state_dict()
    for name in sorted(ours.keys() | weights.keys()):
        sizes = [tuple(side[name].shape) if name in side else None for side in (ours, weights)]
        if sizes[0] != sizes[1]:
            raise RequestError(f"{name} has shape {sizes[0]} here and {sizes[1]} in --init-from {source}; train with "
                               f"the settings of {source}/config.json, or leave --init-from out")
    network.load_state_dict(weights)
