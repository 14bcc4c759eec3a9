import re

import pytest
import torch

from mdgen.config import Config, override
from mdgen.config.presets import preset
from mdgen.models import VAE, UNet
from mdgen.runs.folder import Users
from mdgen.training.stages.dry_run import dry_run

CPU = torch.device("cpu")
TINY = ["data.height=32", "data.width=48", "vae.width=16", "vae.blocks=1", "unet.channels=[16,32]",
        "unet.blocks=1",
        "unet.embedding_dim=32", "vae_training.batch_size=2", "diffusion_training.batch_size=2",
        "diffusion_training.accumulation=3", "vae.latent_channels=8", "vae_training.steps=1500",
        "diffusion_training.steps=5000", "joint_training.batch_size=2", "joint_training.steps=40"]


def count(network):
    return sum(p.numel() for p in network.parameters()) / 1e6


@pytest.mark.parametrize("users, num_users, channels, expected", [
    (None, None, 1, 10), (None, 31, 1, 31), (Users(["a", "b"], "", "rgb", None), None, 3, 2),
])
def test_it_says_what_the_run_would_be(users, num_users, channels, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = override(preset("small"), TINY)
    text = "\n".join(dry_run(config, users, num_users, CPU))
    vae, unet = VAE(channels, 8, 4, 16, 1), UNet(8, expected, (16, 32), 1, (False, True), 32)
    assert f"vae         {count(vae):.2f} M" in text and f"diffusion   {count(unet):.2f} M" in text
    assert f"images      {channels} x 32 x 48   latents 8 x 8 x 12" in text
    assert "1500 steps of 2 x 1 images" in text and "5000 steps of 2 x 3 images" in text
    assert Config.from_json(text[:text.index("\n}") + 2]) == config
    assert len(re.findall(r"peak memory \d+\.\d\d GiB", text)) == 3   # vae, diffusion, joint
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["memory"])   # standard in micro-batches; quality is only wider
def test_the_large_presets_take_a_real_step(name):
    """One image per step and 32 px instead of 128, so that the networks themselves run in seconds."""
    config = override(preset(name), ["data.height=32", "data.width=32", "vae_training.batch_size=1",
                                     "diffusion_training.batch_size=1", "vae_training.accumulation=1",
                                     "diffusion_training.accumulation=1", "joint_training.batch_size=1",
                                     "joint_training.accumulation=1"])
    lines = dry_run(config, None, None, CPU)
    assert [line.split()[0] for line in lines[-3:]] == ["vae", "diffusion", "joint"]
