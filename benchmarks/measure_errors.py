"""How well gait figures are read back from simulated images whose truth is known.

    python benchmarks/measure_errors.py 300

Walkers over the whole range of people, half of them with planted feet, a fifth with one scatterer per segment; 77 and
24 GHz, headings to 15 degrees, 2.2 to 4 s, images of 64 to 256 pixels from -3 to 10 m/s. Prints per signal-to-noise
ratio and carrier the share that is reported, errors in per cent, and the share of the reported ones within its bound.
"""

import argparse
import sys

import numpy as np

from mdgen import commandline

BOUNDS = dict(torso_speed=0.03, cadence_hz=0.03, max_foot_speed=0.08)
FACTORS = ("hip", "knee", "ankle", "shoulder", "elbow")


def parser():
    p = commandline.Parser(prog="measure_errors.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("walkers", type=int, nargs="?", default=300, metavar="WALKERS", help="how many (default: 300)")
    p.add_argument("seed", type=int, nargs="?", default=4242, metavar="SEED", help="of the walkers (default: 4242)")
    return p


def draw(rng):
    """(walker, radar, keyword arguments of radar_echo, of spectrogram, duration in s, start phase)."""
    from mdgen.radar import Radar, Walker

    u = rng.uniform
    walker = Walker(height=u(1.5, 1.95), speed=u(0.6, 2.0), cadence=u(0.9, 1.1), arm_swing=u(0.3, 1.5),
                    surge=u(-1.3, 1), asymmetry=u(-0.1, 0.1), build=u(0.85, 1.25), foot_lock=float(rng.random() < 0.5),
                    **{name: u(0.85, 1.15) for name in FACTORS})
    high = rng.random() < 0.65
    radar = Radar(77e9, u(12e3, 20e3)) if high else Radar(24e9, 7e3)
    duration, side = u(2.2, 4), int(rng.choice([64, 128, 256]))
    echo = dict(heading_deg=u(-15, 15), range_m=3 + walker.speed * duration + u(0, 6),
                points_per_segment=1 if rng.random() < 0.2 else 5, seed=int(rng.integers(2**31)),
                clutter_db=u(-15, 0) if rng.random() < 0.6 else None)
    image = dict(size=(side, side), velocity_span=(-3.0, 10.0), window_s=0.03 if high else u(0.06, 0.1))
    return walker, radar, echo, image, duration, rng.random()


def truth(walk, walker, radar, echo):
    """The figures that BOUNDS names: radial, of the torso's middle and of a foot's fastest scatterer."""
    from mdgen.radar.scatterers import along, dot, length, place

    ends = [place(walk.times, p, v, walk.times, radar, echo["range_m"], echo["heading_deg"])
            for p, v in ((walk.start, walk.start_velocity), (walk.end, walk.end_velocity))]

    def radial(points):
        position, velocity = along(ends, points)
        return -dot(position, velocity) / length(position)  # [S, K, G]

    feet = [walk.names.index(f"{side}_foot") for side in ("left", "right")]
    return dict(torso_speed=radial(1)[walk.names.index("torso")].mean(), cadence_hz=walker.step_rate_hz,
                max_foot_speed=radial(echo["points_per_segment"])[feet].max())


def read_back(walkers: int, seed: int) -> dict:
    """(SNR in dB, carrier in Hz) -> relative errors of the figures in BOUNDS, a list for each image; NaN: none read."""
    from mdgen.radar import gait_figures, radar_echo, simulate_walk, spectrogram

    rng, rows = np.random.default_rng(seed), {}
    for _ in range(walkers):
        walker, radar, echo, image, duration, phase = draw(rng)
        walk = simulate_walk(walker, radar.cell_times(duration), phase)
        true = truth(walk, walker, radar, echo)
        for snr in (0, 10, 20):
            result = spectrogram(radar_echo(walk, radar, snr_db=snr, duration_s=duration, **echo), radar, **image)
            found = gait_figures(result.image, result.velocity, result.time_s)
            rows.setdefault((snr, radar.carrier_hz), []).append([getattr(found, n) / true[n] - 1 for n in BOUNDS])
    return rows


def main(argv) -> int:
    args = parser().parse_args(argv)
    rows = read_back(args.walkers, args.seed)
    print("| SNR, dB | GHz | figure | N | reported | median | 95 % | most | within |\n|" + " --- |" * 9)
    for (snr, carrier), errors in sorted(rows.items()):
        for (name, bound), column in zip(BOUNDS.items(), np.abs(errors).T, strict=True):
            reported = column[np.isfinite(column)]
            line = f"| {snr} | {carrier / 1e9:.0f} | {name} | {len(column)} | {len(reported) / len(column):.0%} |"
            if len(reported):
                middle, most, worst = 100 * np.quantile(reported, [0.5, 0.95, 1])
                line += f" {middle:.1f} | {most:.1f} | {worst:.1f} | {np.mean(reported < bound):.0%} of {bound:.0%} |"
            print(line + ("" if len(reported) else " | | | |"))
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
