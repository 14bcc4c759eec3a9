"""Seconds per training step and per drawn image of a preset's networks, in both memory layouts.

    python benchmarks/step_time.py small

Prints the median of a few steps each. The figures that README and presets rely on come from here.
"""

import statistics
import sys
import time
from pathlib import Path

import torch

from mdgen.config.presets import preset
from mdgen.runs.folder import RunFolder, Users

REPEATS = 5


def median_seconds(function) -> float:
    function()   # allocations and kernel choice
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main(name: str) -> None:
    config = preset(name)
    run = RunFolder(Path("."), config, Users([f"ID_{i}" for i in range(10)], "", "intensity", "jet"))
    batch = config.diffusion_training.batch_size
    for label, layout in (("NCHW", torch.contiguous_format), ("channels last", torch.channels_last)):
        vae, unet = (network.to(memory_format=layout) for network in (run.new_vae(), run.new_unet()))
        images = torch.rand(batch, 1, config.data.height, config.data.width).contiguous(memory_format=layout)
        latents = torch.randn(batch, *run.latent_shape).contiguous(memory_format=layout)
        t = users = torch.zeros(batch, dtype=torch.int64)
        train_vae = median_seconds(lambda: vae(images)[0].square().mean().backward())
        train_unet = median_seconds(lambda: unet(latents, t, users).square().mean().backward())
        with torch.inference_mode():
            draw = median_seconds(lambda: unet.eval()(latents, t, users))
        print(f"{name}, {label}: VAE {train_vae:.3f} s a step, UNet {train_unet:.3f} s a step, "
              f"{1000 * draw / batch:.2f} ms per image and denoiser call "
               f"(batch {batch}, {torch.get_num_threads()} threads)")


if __name__ == "__main__":
    main(*sys.argv[1:])
