"""Seconds per training step and per generated image of a preset's networks, in both memory layouts.

    python benchmarks/step_time.py small

Prints the median of a few steps each. The figures that README and presets rely on come from here.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

from mdgen import commandline


def parser():
    p = commandline.Parser(prog="step_time.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("preset", nargs="?", default="small", metavar="PRESET", help="default: small")
    p.add_argument("--users", type=int, default=10, help="that the UNet knows (default: 10)")
    p.add_argument("--repeats", type=int, default=5, help="steps that a median is of (default: 5)")
    return p


def median_seconds(function, repeats: int) -> float:
    function()   # allocations and kernel choice
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main(argv) -> int:
    args = parser().parse_args(argv)
    import torch

    from mdgen.config.presets import preset
    from mdgen.runs.folder import RunFolder, Users

    config = preset(args.preset)
    run = RunFolder(Path("."), config, Users([f"ID_{i}" for i in range(args.users)], "", "intensity", "jet"))
    batch = config.diffusion_training.batch_size
    for label, layout in (("NCHW", torch.contiguous_format), ("channels last", torch.channels_last)):
        vae, unet = (network.to(memory_format=layout) for network in (run.new_vae(), run.new_unet()))
        images = torch.rand(batch, 1, config.data.height, config.data.width).contiguous(memory_format=layout)
        latents = torch.randn(batch, *run.latent_shape).contiguous(memory_format=layout)
        t = users = torch.zeros(batch, dtype=torch.int64)
        train_vae = median_seconds(lambda: vae(images)[0].square().mean().backward(), args.repeats)
        train_unet = median_seconds(lambda: unet(latents, t, users).square().mean().backward(), args.repeats)
        with torch.inference_mode():
            denoise = median_seconds(lambda: unet.eval()(latents, t, users), args.repeats)
        print(f"{args.preset}, {label}: VAE {train_vae:.3f} s a step, UNet {train_unet:.3f} s a step, "
              f"{1000 * denoise / batch:.2f} ms per image and denoiser call "
               f"(batch {batch}, {torch.get_num_threads()} threads)")
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
