from dataclasses import asdict

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mdgen.config.presets import PRESETS, preset
from mdgen.config.resolution import at_resolution
from mdgen.errors import RequestError
from mdgen.models import VAE, UNet
from mdgen.schedulers import spaced_timesteps
from mdgen.training.optimizer import hidden_convolutions


def networks(config, channels=1, users=31):
    """The preset's networks without memory or arithmetic: shapes alone."""
    with torch.device("meta"):
        vae = VAE(channels, config.vae.latent_channels, config.vae.down_factor, config.vae.width,
                  config.vae.blocks)
        unet = UNet(config.vae.latent_channels, users, config.unet.channels, config.unet.blocks,
                    config.unet.attention,
                    config.unet.embedding_dim)
    return vae, unet


def parameters(config):
    return sum(p.numel() for network in networks(config) for p in network.parameters())


@pytest.mark.parametrize("name, size",
                         [("demo", 64), ("small", 64), ("standard", 128), ("memory", 128), ("quality", 128)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_preset_fits_together(name, size, channels):
    config = preset(name)
    assert config.preset == name and (config.data.height, config.data.width) == (size, size)
    vae, unet = networks(config, channels)
    images = torch.empty(2, channels, size, size, device="meta")
    mean, log_variance = vae.encode(images)
    latent = (2, config.vae.latent_channels, size // config.vae.down_factor, size // config.vae.down_factor)
    assert mean.shape == log_variance.shape == latent and vae.decode(mean).shape == images.shape
    index = torch.zeros(2, dtype=torch.int64, device="meta")
    assert unet(mean, index, index).shape == latent


def test_presets_grow():
    sizes = [parameters(preset(name)) for name in ("demo", "small", "standard", "quality")]
    assert sizes == sorted(sizes) and len(set(sizes)) == 4


def newton_schulz(unet):
    sizes = [sorted((kernel.shape[0], kernel[0].numel())) for kernel in hidden_convolutions(unet)]
    return sum(20 * k * k * n + 10 * k**3 for k, n in sizes)


@pytest.mark.parametrize("name, size, images, budget", [("demo", (64, 64, 0), 120, 20e12),
                                                        ("small", (64, 64, 0), 300, 105e12),
                                                        ("small", (256, 256, 80), 300, 126e12)])
def test_the_work_fits_two_slow_cores(name, size, images, budget):
    """At 35 GFLOP/s 20e12 operations take ten minutes, 105e12 take 50: the rest of 12 and 60 is for all else.

    Files of 256 pixels, learnt by columns, may take the whole hour, 126e12.
    """
    config = at_resolution(preset(name), *size)
    vae, unet = networks(config, users=10)
    index = torch.zeros(1, dtype=torch.int64, device="meta")
    with FlopCounterMode(display=False) as seen:
        mean, _ = vae(torch.empty(1, 1, config.data.height, config.data.network_width, device="meta"))[1:]
    vae_pass = seen.get_total_flops()
    with FlopCounterMode(display=False) as seen:
        unet(mean, index, index)
    unet_pass = seen.get_total_flops()

    def training(one_pass, stage):
        return 3 * one_pass * stage.steps * stage.batch_size * stage.accumulation

    passes = 3 if config.sampling.autoguidance_scale != 1 else 2   # with and without the user, by the early one
    drawing = passes * unet_pass * config.sampling.steps * images
    work = training(vae_pass, config.vae_training) + training(unet_pass, config.diffusion_training) + drawing
    if config.joint.in_all:   # a second pass of half the batch, the decoder, and as much again for the adversary
        work += training(1.5 * unet_pass + 2 * vae_pass, config.joint_training)
    if config.diffusion_training.optimizer == "muon":
        work += config.diffusion_training.steps * newton_schulz(unet)
    assert 0.5 * budget < work < budget


def test_memory_is_standard_in_smaller_pieces():
    standard, memory = preset("standard"), preset("memory")
    for stage in ("vae_training", "diffusion_training", "joint_training"):
        before, after = getattr(standard, stage), getattr(memory, stage)
        assert after.batch_size * after.accumulation == before.batch_size * before.accumulation
        assert after.batch_size < before.batch_size and after.gradient_checkpointing
        differ = {key for key, value in asdict(after).items() if value != asdict(before)[key]}
        assert differ == {"batch_size", "accumulation", "gradient_checkpointing"}
    assert parameters(memory) == parameters(standard)


def test_an_unknown_preset_names_the_known():
    with pytest.raises(RequestError,
                       match="no preset huge; expected one of demo, small, standard, memory, quality"):
        preset("huge")


def test_guided_presets_leave_the_highest_fifth_of_the_noise_alone():
    for name in ("small", "standard", "memory", "quality"):
        sampling = preset(name).sampling
        visited = spaced_timesteps(1000, sampling.steps, sampling.spacing) / 1000
        assert sampling.cfg_interval[0] == 0 < sampling.cfg_scale - 1
        assert sampling.autoguidance_scale != 1 and preset(name).diffusion_training.snapshot_at > 0
        assert int((visited > sampling.cfg_interval[1]).sum()) == sampling.steps // 5


def test_the_table_is_complete():
    assert set(PRESETS) == {"demo", "small", "standard", "memory", "quality"}
