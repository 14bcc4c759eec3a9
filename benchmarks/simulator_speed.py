"""How much faster than real time the simulator is, on one core.

    OMP_NUM_THREADS=1 python benchmarks/simulator_speed.py

Medians over REPEATS recordings of SECONDS each: trajectories, echo and spectrogram apart, for one receiver at 77 and at
24 GHz, and for the range bins of one and of four receivers of an FMCW radar. Then a data set of demo images on one core
and on all.
"""

import os
import statistics
import time
from dataclasses import replace

from mdgen.data.demo import simulate
from mdgen.radar import PROFILES, Walker, draw_recording, radar_echo, simulate_walk, spectrogram
from mdgen.radar.range_bins import near_body

SECONDS, REPEATS, IMAGES = 3.0, 9, 480


def timed(function):
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result


def recording(walker, chosen, seed):
    """Seconds for (trajectories, echo, spectrogram)."""
    radar = chosen.radar
    walk_s, walk = timed(lambda: simulate_walk(walker, radar.cell_times(SECONDS)))
    echo_s, signal = timed(lambda: radar_echo(walk, radar, range_m=9.0, snr_db=20.0, clutter_db=-10.0,
                                              duration_s=SECONDS, seed=seed))

    def image():
        near = near_body(signal, chosen.range_bins, radar.prf_hz) if radar.bandwidth_hz else signal
        return spectrogram(near, radar, **chosen.image)

    return walk_s, echo_s, timed(image)[0]


def main() -> None:
    ti77 = PROFILES["ti77"]
    cases = {"77 GHz, one receiver": PROFILES["plain77"], "24 GHz, one receiver": PROFILES["cw24"],
             "77 GHz, range bins": replace(ti77, radar=replace(ti77.radar, receivers=1)),
             "77 GHz, range bins of four receivers": ti77}
    print(f"| | times real time | ms for {SECONDS:g} s: trajectories, echo, spectrogram |\n| --- | --- | --- |")
    for feet, walker in (("sliding feet", Walker()), ("planted feet", Walker(foot_lock=1.0))):
        for name, chosen in cases.items():
            recording(walker, chosen, 0)  # imports and allocations
            parts = [statistics.median(column) for column in
                     zip(*(recording(walker, chosen, seed) for seed in range(REPEATS)), strict=True)]
            total = sum(parts)
            shares = ", ".join(f"{1000 * part:.1f}" for part in parts)
            print(f"| {name}, {feet} | {SECONDS / total:.0f} | {shares} |")
    chosen = PROFILES["plain77"]
    draws = [draw_recording(chosen, Walker(foot_lock=0.7), [0, 1, i], (64, 64)) for i in range(IMAGES)]
    jobs = [(walker, chosen.radar, options) for walker, options in draws]
    for workers in (1, os.cpu_count()):
        seconds = timed(lambda: sum(1 for _ in simulate(jobs, workers)))[0]
        print(f"{IMAGES} demo images, {workers} processes: {IMAGES / seconds:.0f} images a second, "
              f"{IMAGES * chosen.duration_s / seconds:.0f} times real time, starting the processes included")


if __name__ == "__main__":
    main()
