"""Seconds per training step and per generated image of a preset's networks, for pictures of several sizes.

    python benchmarks/step_time.py small --sizes 64x64 128x128 256x256 256x256:80

256x256:80 are pictures whose columns were enlarged from at most 80. The sizes take turns, so that a machine that slows
down slows down all. Prints medians. The figures that README and presets rely on come from here.
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
    p.add_argument("--sizes", nargs="+", metavar="HxW[:COLUMNS]", help="default: the preset's own")
    p.add_argument("--repeats", type=int, default=5, help="steps that a median is of (default: 5)")
    return p


def seconds(function) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def at(config, size: str):
    """The configuration for a size as it is written on the command line."""
    from mdgen.config.resolution import at_resolution
    from mdgen.errors import RequestError

    sides, _, columns = size.partition(":")
    try:
        height, width = map(int, sides.split("x"))
        return at_resolution(config, height, width, int(columns or 0))
    except ValueError:
        raise RequestError(f"--sizes has {size}; expected HxW such as 256x256, or HxW:COLUMNS") from None


def steps(config, users: int) -> dict:
    """What is timed: name -> function without arguments."""
    import torch

    from mdgen.runs.folder import RunFolder, Users

    run = RunFolder(Path("."), config, Users([f"ID_{i}" for i in range(users)], "", "intensity", "jet"))
    batch, layout = config.diffusion_training.batch_size, torch.channels_last
    vae, unet = (network.to(memory_format=layout) for network in (run.new_vae(), run.new_unet()))
    images = torch.rand(batch, *run.image_shape).contiguous(memory_format=layout)
    latents = torch.randn(batch, *run.latent_shape).contiguous(memory_format=layout)
    t = index = torch.zeros(batch, dtype=torch.int64)

    def generated():
        with torch.inference_mode():
            unet(latents, t, index)

    def decoded():
        with torch.inference_mode():
            vae.decode(latents)

    return {"VAE, s a step": lambda: vae(images)[0].square().mean().backward(),
            "UNet, s a step": lambda: unet(latents, t, index).square().mean().backward(),
            "UNet, s a denoiser call": generated, "decoder, s a call": decoded}


def main(argv) -> int:
    args = parser().parse_args(argv)
    import torch

    from mdgen.config.presets import preset

    config = preset(args.preset)
    sizes = args.sizes or [f"{config.data.height}x{config.data.width}"]
    timed = {size: steps(at(config, size), args.users) for size in sizes}
    found = {size: {name: [] for name in functions} for size, functions in timed.items()}
    for repeat in range(args.repeats + 1):
        for size, functions in timed.items():
            for name, function in functions.items():
                took = seconds(function)
                if repeat:   # the first time for allocations and the choice of kernels
                    found[size][name].append(took)
    print(f"{args.preset}, batch {config.diffusion_training.batch_size}, {torch.get_num_threads()} threads")
    for size, rows in found.items():
        print(f"{size:>12}  " + "   ".join(f"{name} {statistics.median(times):.3f}" for name, times in rows.items()))
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
