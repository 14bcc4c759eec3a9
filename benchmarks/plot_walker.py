"""One walker as a picture: skeleton, radial velocities of its segments, spectrogram with torso line and envelopes.

    python benchmarks/plot_walker.py docs/one_walker.png
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from mdgen.radar import Radar, Walker, envelope, simulate_walk, torso_line, walking_spectrogram  # noqa: E402

WALKER, RADAR = Walker(height=1.75, speed=1.3, foot_lock=1.0, surge=-0.7), Radar(prf_hz=10000.0)
RANGE_M, SECONDS = 12.0, 2.4
COLOURS = dict(torso="black", thigh="tab:orange", shank="tab:green", foot="tab:red", forearm="tab:blue")


def draw_skeleton(axes):
    times = np.arange(5) / 4 * WALKER.cycle_s
    walk = simulate_walk(WALKER, times)
    for k in range(len(times)):
        for i, name in enumerate(walk.names):
            part = name.split("_", 1)[-1]
            ends = np.stack([walk.start[i, k], walk.end[i, k]])
            width = 2 if name.startswith("right") else 1
            axes.plot(ends[:, 0], ends[:, 2], color=COLOURS.get(part, "gray"), linewidth=width)
    axes.set(title="skeleton, every quarter of a cycle", xlabel="forward, m", ylabel="height, m", aspect="equal")


def draw_tracks(axes):
    times = np.linspace(0, SECONDS, 1500)
    walk = simulate_walk(WALKER, times)
    for part, colour in COLOURS.items():
        for side, style in (("", "-"),) if part == "torso" else (("right_", "-"), ("left_", ":")):
            place, velocity = walk.middle(side + part)
            sight = place - [RANGE_M, 0, RADAR.height_m]
            radial = -(sight * velocity).sum(axis=1) / np.linalg.norm(sight, axis=1)
            axes.plot(times, radial, style, color=colour, label=part if style == "-" else None)
    axes.set(title="radial velocity of segment middles (dotted: left)", xlabel="s", ylabel="m/s", ylim=(-1.5, 6),
             xlim=(0, SECONDS))
    axes.legend(fontsize=8, loc="upper right", ncols=3)
    half = RADAR.wavelength_m / 2
    hertz = axes.secondary_yaxis("right", functions=(lambda velocity: velocity / half, lambda doppler: doppler * half))
    hertz.set_ylabel("Doppler at 77 GHz, Hz")


def draw_spectrogram(axes):
    result = walking_spectrogram(WALKER, RADAR, duration_s=SECONDS, range_m=RANGE_M, snr_db=25.0, clutter_db=-10.0,
                                 seed=4, image=dict(size=(128, 128)))
    axes.imshow(result.image, cmap="jet", aspect="auto", extent=(0, SECONDS, -1.5, 6), interpolation="nearest")
    upper, lower = envelope(result.image, result.velocity)
    for line, style in ((torso_line(result.image, result.velocity), "w-"), (upper, "w--"), (lower, "w--")):
        axes.plot(result.time_s, line, style, linewidth=1)
    axes.set(title="spectrogram, torso line and envelopes (dB, 40 dB range)", xlabel="s", ylabel="m/s")


def main(path: str) -> None:
    figure, (skeleton, tracks, image) = plt.subplots(1, 3, figsize=(16, 4.5), layout="constrained")
    draw_skeleton(skeleton)
    draw_tracks(tracks)
    draw_spectrogram(image)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main(*sys.argv[1:])
