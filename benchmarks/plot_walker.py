"""One walker as a picture: skeleton, radial velocities of its segments, spectrogram with torso line and envelopes.

    python benchmarks/plot_walker.py docs/one_walker.png

Needs matplotlib (`python -m pip install -e ".[plots]"`).
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from mdgen import commandline

COLOURS = dict(torso="black", thigh="tab:orange", shank="tab:green", foot="tab:red", forearm="tab:blue")


def parser():
    p = commandline.Parser(prog="plot_walker.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("picture", type=Path, metavar="PICTURE", help="the file to write, such as docs/one_walker.png")
    p.add_argument("--height", type=float, default=1.75, help="of the walker, in m (default: 1.75)")
    p.add_argument("--speed", type=float, default=1.3, help="of the walker, in m/s (default: 1.3)")
    p.add_argument("--range", type=float, default=12.0, help="of the radar from the walk's start, in m (default: 12)")
    p.add_argument("--seconds", type=float, default=2.4, help="of the walk (default: 2.4)")
    return p


def draw_skeleton(axes, walker):
    from mdgen.radar import simulate_walk

    times = np.arange(5) / 4 * walker.cycle_s
    walk = simulate_walk(walker, times)
    for k in range(len(times)):
        for i, name in enumerate(walk.names):
            part = name.split("_", 1)[-1]
            ends = np.stack([walk.start[i, k], walk.end[i, k]])
            width = 2 if name.startswith("right") else 1
            axes.plot(ends[:, 0], ends[:, 2], color=COLOURS.get(part, "gray"), linewidth=width)
    axes.set(title="skeleton, every quarter of a cycle", xlabel="forward, m", ylabel="height, m", aspect="equal")


def draw_tracks(axes, walker, radar, range_m, seconds):
    from mdgen.radar import simulate_walk

    times = np.linspace(0, seconds, 1500)
    walk = simulate_walk(walker, times)
    for part, colour in COLOURS.items():
        for side, style in (("", "-"),) if part == "torso" else (("right_", "-"), ("left_", ":")):
            place, velocity = walk.middle(side + part)
            sight = place - [range_m, 0, radar.height_m]
            radial = -(sight * velocity).sum(axis=1) / np.linalg.norm(sight, axis=1)
            axes.plot(times, radial, style, color=colour, label=part if style == "-" else None)
    axes.set(title="radial velocity of segment middles (dotted: left)", xlabel="s", ylabel="m/s", ylim=(-1.5, 6),
             xlim=(0, seconds))
    axes.legend(fontsize=8, loc="upper right", ncols=3)
    half = radar.wavelength_m / 2
    hertz = axes.secondary_yaxis("right", functions=(lambda velocity: velocity / half, lambda doppler: doppler * half))
    hertz.set_ylabel("Doppler at 77 GHz, Hz")


def draw_spectrogram(axes, walker, radar, range_m, seconds):
    from mdgen.radar import envelope, torso_line, walking_spectrogram

    result = walking_spectrogram(walker, radar, duration_s=seconds, range_m=range_m, snr_db=25.0, clutter_db=-10.0,
                                 seed=4, image=dict(size=(128, 128)))
    axes.imshow(result.image, cmap="jet", aspect="auto", extent=(0, seconds, -1.5, 6), interpolation="nearest")
    upper, lower = envelope(result.image, result.velocity)
    for line, style in ((torso_line(result.image, result.velocity), "w-"), (upper, "w--"), (lower, "w--")):
        axes.plot(result.time_s, line, style, linewidth=1)
    axes.set(title="spectrogram, torso line and envelopes (dB, 40 dB range)", xlabel="s", ylabel="m/s")


def main(argv) -> int:
    args = parser().parse_args(argv)
    from matplotlib.figure import Figure

    from mdgen.radar import Radar, Walker

    walker = Walker(height=args.height, speed=args.speed, foot_lock=1.0, surge=-0.7)
    radar, figure = Radar(prf_hz=10000.0), Figure(figsize=(16, 4.5), layout="constrained")
    skeleton, tracks, image = figure.subplots(1, 3)
    draw_skeleton(skeleton, walker)
    draw_tracks(tracks, walker, radar, args.range, args.seconds)
    draw_spectrogram(image, walker, radar, args.range, args.seconds)
    figure.savefig(args.picture, dpi=80)
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
