"""Named starting points for a run. A preset is a complete Config; `--set` changes single values."""

from dataclasses import replace

from mdgen.config.schema import (
    Config,
    DataConfig,
    DiffusionTrainingConfig,
    EvaluationConfig,
    JointConfig,
    SamplingConfig,
    TrainingConfig,
    UNetConfig,
    VAEConfig,
    VAETrainingConfig,
)
from mdgen.errors import RequestError

# The decoder learns what sampling gives it; figures in docs/ablations.md
JOINT = JointConfig(in_all=True, noise_limit=0.5, texture_weight=0.1, level_weight=0.5, adversary_weight=1.0)
# A small posterior floor keeps speckle that 0.1 blurred: +2.2 dB; docs/ablations.md, rows of the VAE
# Doppler rows get room by need: +2.5 dB more
FAITHFUL = VAEConfig(kl_weight=1e-5, min_deviation=0.02, row_zoom=2.0)
# Classifier-free guidance is off above t/T = 0.8, where it would reduce diversity; autoguidance acts everywhere and
# restores texture: docs/ablations.md
GUIDED = SamplingConfig(cfg_scale=3.0, cfg_interval=(0.0, 0.8), autoguidance_scale=1.5)


def demo() -> Config:
    """Built-in simulated users, 64 px, minutes on two slow cores."""
    return Config(
        preset="demo",
        data=DataConfig(validation_fraction=0.2, gap=0),   # its images do not overlap
        vae=replace(FAITHFUL, blocks=1),
        vae_training=VAETrainingConfig(steps=200, optimizer="muon", learning_rate=4e-3, warmup_steps=20,
                                       preview_every=0, save_every=200),
        unet=UNetConfig(channels=(48, 96), blocks=1, embedding_dim=192),
        diffusion_training=DiffusionTrainingConfig(steps=400, learning_rate=2e-3, warmup_steps=50, preview_every=0,
                                                   snapshot_at=0.2),
        sampling=SamplingConfig(steps=20),
        evaluation=EvaluationConfig(classifier_steps=300, siamese_steps=300, usefulness_steps=100))


def small() -> Config:
    """64 px for a CPU or a small GPU: under an hour on two slow cores."""
    return Config(
        preset="small",
        vae=FAITHFUL,
        vae_training=VAETrainingConfig(steps=400, optimizer="muon", learning_rate=3e-3, preview_every=0),
        unet=UNetConfig(blocks=1),
        diffusion_training=DiffusionTrainingConfig(steps=1000, optimizer="muon", learning_rate=2e-3, ema_decay=0.995,
                                                   preview_every=500, snapshot_at=0.2),
        joint=JOINT,
        joint_training=TrainingConfig(steps=250, learning_rate=5e-4, warmup_steps=20, ema_decay=0.99, preview_every=0),
        sampling=GUIDED)


def standard() -> Config:
    """128 px for one GPU; no report of its images has been made yet.

    With few images, further steps only learn them by heart: on ten walkers the UNet's loss fell no more after half of
    these. Nobody has tuned the other two lengths.
    """
    return Config(
        preset="standard",
        data=DataConfig(height=128, width=128),
        vae=replace(FAITHFUL, width=128, blocks=3),
        vae_training=VAETrainingConfig(steps=1500, optimizer="muon", learning_rate=2e-3, preview_every=0),
        unet=UNetConfig(channels=(96, 192, 288), attention=(False, True, True), embedding_dim=384),
        diffusion_training=DiffusionTrainingConfig(steps=2000, optimizer="muon", learning_rate=1e-3, ema_decay=0.995,
                                                   preview_every=500, snapshot_at=0.2),
        joint=JOINT,
        joint_training=TrainingConfig(steps=400, learning_rate=5e-4, warmup_steps=20, ema_decay=0.99, preview_every=0),
        sampling=replace(GUIDED, steps=30))


def memory() -> Config:
    """As standard, in a fraction of the memory: small micro-batches and gradient checkpointing."""
    config, frugal = standard(), {"batch_size": 8, "accumulation": 4, "gradient_checkpointing": True}
    stages = ("vae_training", "diffusion_training", "joint_training")
    return replace(config, preset="memory", **{stage: replace(getattr(config, stage), **frugal) for stage in stages},
                   enroll_training=replace(config.enroll_training, gradient_checkpointing=True),
                   sampling=replace(config.sampling, batch_size=8))


def quality() -> Config:
    """As standard, wider and longer."""
    config = standard()
    return replace(config, preset="quality", unet=replace(config.unet, channels=(128, 256, 384), embedding_dim=512),
                   diffusion_training=replace(config.diffusion_training, steps=3000, ema_decay=0.997))


PRESETS = {make.__name__: make for make in (demo, small, standard, memory, quality)}


def preset(name: str) -> Config:
    if name not in PRESETS:
        raise RequestError(f"there is no preset {name}; expected one of {', '.join(PRESETS)}")
    return PRESETS[name]()
