"""Built-in simulated users: a user-folder tree of walking spectrograms with known ground truth.

Each user is a Walker whose parameters stay fixed; each image is a recording of its own (speed jitter,
heading, start phase, range, noise), so no two images share a time window and any split is free of leaks.
"""

import json
import multiprocessing
import os
import shutil
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from PIL import Image

from mdgen.data.colormap import to_color
from mdgen.errors import RequestError, RunError
from mdgen.radar.echo import Radar
from mdgen.radar.gait import Walker
from mdgen.radar.spectrogram import simulate_image, walking_spectrogram

RADAR = Radar(carrier_hz=77e9, prf_hz=10000.0, height_m=1.0)
DURATION_S = 2.2  # about four steps
START_JITTER = 0.02  # deviation of a window's start from a heel strike, in gait cycles
VELOCITY_SPAN = (-1.5, 6.0)
NUM_USERS = 8
TRUTH_FILE = "walkers.json"
VERSION = 1  # raise it when the same request would draw other images
IMAGES_PER_WORKER = 24  # fewer do not repay a new process

# Lowest and highest value of each walker parameter among the users.
PERSONS = dict(height=(1.55, 1.92), speed=(0.95, 1.45), cadence=(0.92, 1.08), hip=(0.88, 1.12),
               knee=(0.85, 1.12), ankle=(0.8, 1.2), shoulder=(0.85, 1.15), elbow=(0.7, 1.3),
               arm_swing=(0.5, 1.5), sway=(0.8, 1.2), surge=(-1.3, -0.5), asymmetry=(-0.1, 0.1),
               build=(0.85, 1.25), phase_shift=(-0.02, 0.02))


def demo_walkers(num_users=NUM_USERS, seed=0):
    """num_users Walkers, no two equal in any parameter: each parameter takes evenly spaced values over its
    range in a random order (a Latin hypercube)."""
    rng = np.random.default_rng([seed, 0])
    share = {name: (rng.permutation(num_users) + 0.5) / num_users for name in PERSONS}
    return [Walker(**{name: round(float(low + (high - low) * share[name][user]), 4)
                      for name, (low, high) in PERSONS.items()}) for user in range(num_users)]


def demo_recording(walker, seed, user, index, size=64):
    """One image's own draw: (walker with jittered speed, keyword arguments of walking_spectrogram).

    Depends on (seed, user, index) alone, so neither the number of workers nor of images changes it. Windows begin
    near a heel strike of either foot, as data sets cut by gait detection do; a free phase would need more images.
    """
    rng = np.random.default_rng([seed, 1, user, index])
    jitter = 1 + 0.04 * np.clip(rng.standard_normal(), -2.5, 2.5)
    phase = (0.5 * rng.integers(2) + START_JITTER * rng.standard_normal()) % 1
    options = dict(duration_s=DURATION_S, start_phase=float(phase), range_m=float(rng.uniform(9, 14)),
                   heading_deg=float(rng.uniform(-10, 10)), snr_db=float(rng.uniform(20, 30)),
                   clutter_db=float(rng.uniform(-15, -5)), bursts=int(rng.random() < 0.05),
                   seed=[seed, 2, user, index], image=image_options(size))
    return replace(walker, speed=float(walker.speed * jitter)), options


def write_demo_users(root, *, num_users=NUM_USERS, images_per_user=60, size=64, seed=0, workers=None, progress=None):
    """Write root/ID_1 .. ID_<num_users>/<user>_<index>.png (8-bit RGB, jet) and root/walkers.json.

    size: image side in pixels; rows span -1.5 to 6 m/s (top = fastest approach), columns 2.2 s. workers:
    processes, None = one per core; the files do not depend on it. progress: called as progress(done, total).
    The tree appears whole or not at all; one that is there already with the same parameters is reused.
    Returns root as a Path. Raises RequestError where root holds anything else, RunError where a worker
    process dies.
    """
    root = Path(root)
    request = dict(version=VERSION, num_users=num_users, images_per_user=images_per_user, size=size,
                   seed=seed)
    check_request(request, workers)
    if holds_demo(root, request):
        return root
    walkers = demo_walkers(num_users, seed)
    places = [(user, index) for user in range(num_users) for index in range(images_per_user)]
    recordings = [demo_recording(walkers[user], seed, user, index, size) for user, index in places]
    jobs = [(walker, RADAR, options) for walker, options in recordings]
    partial = root.parent / f".{root.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for done, (place, image) in enumerate(zip(places, simulate(jobs, workers), strict=True), start=1):
            path = partial / image_name(*place)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(to_color(image, "jet")).save(path)
            if progress is not None:
                progress(done, len(jobs))
        truth = ground_truth(request, walkers, places, recordings)
        (partial / TRUTH_FILE).write_text(json.dumps(truth, indent=1), encoding="utf-8")
        if root.exists():
            root.rmdir()  # empty, or holds_demo had raised
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return root


def simulate(jobs, workers=None):
    """Images [size, size] of the jobs, in order. Fresh processes are spawned, never forked: the caller may
    already run threads of torch, and a spawned process needs no more than NumPy and SciPy."""
    useful = -(-len(jobs) // IMAGES_PER_WORKER) if workers is None else len(jobs)
    workers = min(workers or os.cpu_count() or 1, useful)
    if workers == 1:
        yield from map(simulate_image, jobs)
        return
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            yield from pool.map(simulate_image, jobs, chunksize=max(1, min(8, len(jobs) // workers)))
    except BrokenExecutor as error:
        raise RunError("a process that simulates demo images died; call from under "
                       "`if __name__ == '__main__':`, or use workers=1") from error


def check_request(request, workers):
    """RequestError unless the numbers make sense."""
    least = dict(version=1, num_users=1, images_per_user=1, size=16, seed=0, workers=1)
    for name, value in dict(request, **({} if workers is None else {"workers": workers})).items():
        if value < least[name]:
            raise RequestError(f"{name} is {value}; demo users need at least {least[name]}")


def holds_demo(root, request):
    """True where root is the complete tree of this request, False where it is free; RequestError
    otherwise."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    advice = "choose another folder, or delete this one first"
    try:
        found = json.loads((root / TRUTH_FILE).read_text(encoding="utf-8"))["request"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{root} exists and is no folder of demo users; {advice}") from error
    if found != request:
        raise RequestError(f"{root} holds demo users made with {found}, asked for {request}; {advice}")
    names = [image_name(user, index) for user in range(request["num_users"])
             for index in range(request["images_per_user"])]
    missing = sum(not (root / name).is_file() for name in names)
    if missing:
        raise RequestError(f"{root} lacks {missing} of its {len(names)} demo images; {advice}")
    return True


def ground_truth(request, walkers, places, recordings):
    """What walkers.json says: the request, radar, axes, and per user the walker and every image's own
    draw."""
    axes = walking_spectrogram(recordings[0][0], RADAR, **recordings[0][1])
    users = {f"ID_{user + 1}": dict(walker=asdict(walker), step_rate_hz=walker.step_rate_hz, images=[])
             for user, walker in enumerate(walkers)}
    for place, (walker, options) in zip(places, recordings, strict=True):
        own = {name: value for name, value in options.items() if name not in ("image", "duration_s")}
        users[f"ID_{place[0] + 1}"]["images"].append(dict(
            file=image_name(*place), speed=walker.speed, step_rate_hz=walker.step_rate_hz, **own))
    return dict(request=request, radar=asdict(RADAR), duration_s=DURATION_S,
                axes=dict(time_s=axes.time_s.tolist(), velocity_m_s=axes.velocity.tolist(),
                          doppler_hz=axes.doppler_hz.tolist(), dynamic_range_db=axes.dynamic_range_db),
                users=users)


def image_options(size):
    """Keyword arguments of spectrogram for a demo image of size x size."""
    return dict(size=(size, size), velocity_span=VELOCITY_SPAN)


def image_name(user, index):
    """Path of an image below the root; user and index count from 0."""
    return f"ID_{user + 1}/ID_{user + 1}_{index + 1:04d}.png"
