"""How much faster than real time the simulator is, on one core.

    OMP_NUM_THREADS=1 python benchmarks/simulator_speed.py

Medians over --repeats recordings of --seconds each: trajectories, echo and spectrogram apart, for one receiver at 77
and at 24 GHz, and for the range bins of one and of four receivers of an FMCW radar. Then a data set of --images demo
images, on one core and on all.
"""

import argparse
import os
import statistics
import sys
import time
from dataclasses import replace

from mdgen import commandline


def parser():
    p = commandline.Parser(prog="simulator_speed.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seconds", type=float, default=3.0, help="of a recording (default: 3)")
    p.add_argument("--repeats", type=int, default=9, help="recordings that a median is of (default: 9)")
    p.add_argument("--images", type=int, default=480, help="of the data set (default: 480)")
    return p


def timed(function):
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result


def recording(walker, chosen, duration_s, seed):
    """Seconds for (trajectories, echo, spectrogram)."""
    from mdgen.radar import radar_echo, simulate_walk, spectrogram
    from mdgen.radar.range_bins import near_body

    radar = chosen.radar
    walk_s, walk = timed(lambda: simulate_walk(walker, radar.cell_times(duration_s)))
    echo_s, signal = timed(lambda: radar_echo(walk, radar, range_m=9.0, snr_db=20.0, clutter_db=-10.0,
                                              duration_s=duration_s, seed=seed))

    def image():
        near = near_body(signal, chosen.range_bins, radar.prf_hz) if radar.bandwidth_hz else signal
        return spectrogram(near, radar, **chosen.image)

    return walk_s, echo_s, timed(image)[0]


def time_recordings(seconds: float, repeats: int) -> None:
    from mdgen.radar import PROFILES, Walker

    ti77 = PROFILES["ti77"]
    cases = {"77 GHz, one receiver": PROFILES["plain77"], "24 GHz, one receiver": PROFILES["cw24"],
             "77 GHz, range bins": replace(ti77, radar=replace(ti77.radar, receivers=1)),
             "77 GHz, range bins of four receivers": ti77}
    print(f"| | times real time | ms for {seconds:g} s: trajectories, echo, spectrogram |\n| --- | --- | --- |")
    for feet, walker in (("sliding feet", Walker()), ("planted feet", Walker(foot_lock=1.0))):
        for name, chosen in cases.items():
            recording(walker, chosen, seconds, 0)  # imports and allocations
            parts = [statistics.median(column) for column in
                     zip(*(recording(walker, chosen, seconds, seed) for seed in range(repeats)), strict=True)]
            total = sum(parts)
            shares = ", ".join(f"{1000 * part:.1f}" for part in parts)
            print(f"| {name}, {feet} | {seconds / total:.0f} | {shares} |")


def time_data_set(images: int) -> None:
    from mdgen.data.demo import simulate
    from mdgen.radar import PROFILES, Walker, draw_recording

    chosen = PROFILES["plain77"]
    draws = [draw_recording(chosen, Walker(foot_lock=0.7), [0, 1, i], (64, 64)) for i in range(images)]
    jobs = [(walker, chosen.radar, options) for walker, options in draws]
    for workers in (1, os.cpu_count()):
        seconds = timed(lambda: sum(1 for _ in simulate(jobs, workers)))[0]
        print(f"{images} demo images, {workers} processes: {images / seconds:.0f} images a second, "
              f"{images * chosen.duration_s / seconds:.0f} times real time, starting the processes included")


def main(argv) -> int:
    args = parser().parse_args(argv)
    time_recordings(args.seconds, args.repeats)
    time_data_set(args.images)
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
