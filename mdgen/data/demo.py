"""Simulated users with known ground truth, written as a user-folder tree.

    python -m mdgen.data.demo DATA --users 8 --images-per-user 60 --size 64 --profile plain77

Each user is a Walker whose parameters stay fixed; each image is a recording of its own (the person's variation,
heading, start phase, range, noise), so no two images share a time window and any split is free of leaks.
DATA/walkers.json says all of it for every image; `simulate_again` makes the image anew from that. DATA/data_sheet.md
describes the set.
"""

import argparse
import json
import multiprocessing
import os
import shlex
import sys
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from mdgen import commandline
from mdgen.data.colormap import COLORMAPS, to_color
from mdgen.data.data_sheet import data_sheet
from mdgen.errors import RequestError, RunError, check_number
from mdgen.files import whole_folder
from mdgen.radar.gait import Walker
from mdgen.radar.population import draw_walkers
from mdgen.radar.simulation import PROFILES, draw_recording, profile, simulate_image

NUM_USERS = 8
TRUTH_FILE, SHEET_FILE = "walkers.json", "data_sheet.md"
VERSION = 2  # raise it when the same request would give other images
IMAGES_PER_WORKER = 24  # fewer do not repay a new process
BOUNDS = dict(num_users=(1, 10_000), images_per_user=(1, 1_000_000), size=(16, 4096), seed=(0, 2**32 - 1),
              workers=(1, 1024))


def write_demo_users(root, *, num_users=NUM_USERS, images_per_user=60, size=64, seed=0, profile="plain77",
                     colormap="jet", workers=None, progress=None):
    """Write root/ID_1 .. ID_<num_users>/<user>_<index>.png (8-bit RGB), root/walkers.json and root/data_sheet.md.

    size: image side in pixels. profile: name of a radar and its images (radar/simulation.py). workers: processes, None
    = one per core; the files do not depend on it. progress: called as progress(done, total). The tree appears whole or
    not at all; one that is there already with the same parameters is reused. Returns root as a Path. Raises
    RequestError where root holds anything else, RunError where a worker process dies.
    """
    root = Path(root)
    request = dict(version=VERSION, num_users=num_users, images_per_user=images_per_user, size=size, seed=seed,
                   profile=profile, colormap=colormap)
    check_request(request, workers)
    if holds_demo(root, request):
        return root
    chosen, walkers = PROFILES[profile], draw_walkers(num_users, seed)
    places = image_places(request)
    # each draw depends on (seed, user, index) alone: neither the number of workers nor of images changes it
    recordings = [draw_recording(chosen, walkers[user], [seed, 1, user, index], (size, size))
                  for user, index in places.values()]
    jobs = [(walker, chosen.radar, options) for walker, options in recordings]
    with whole_folder(root) as partial:
        for done, (name, result) in enumerate(zip(places, simulate(jobs, workers), strict=True), start=1):
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(to_color(result.image, colormap)).save(path)
            if progress is not None:
                progress(done, len(jobs))
        truth = ground_truth(request, walkers, places, recordings, result.axes())
        (partial / TRUTH_FILE).write_text(json.dumps(truth, indent=1), encoding="utf-8")
        (partial / SHEET_FILE).write_text(data_sheet(truth), encoding="utf-8")
    return root


def simulate_again(root, file):
    """The Spectrogram of root/file, from what root/walkers.json says of it."""
    truth = json.loads((Path(root) / TRUTH_FILE).read_text(encoding="utf-8"))
    entries = {image["file"]: image for user in truth["users"].values() for image in user["images"]}
    if file not in entries:
        raise RequestError(f"{root} has no image {file}; expected one such as {next(iter(entries))}")
    entry = entries[file]
    return simulate_image((Walker(**entry["walker"]), profile(truth["request"]["profile"]).radar, entry["recording"]))


def simulate(jobs, workers=None):
    """Spectrograms of the jobs (walker, radar, keyword arguments of walking_spectrogram), in order.

    Processes are spawned, never forked, because the caller may already run threads of torch.
    """
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
    """RequestError unless the numbers and names make sense; workers may be None."""
    numbers = {**request, "workers": 1 if workers is None else workers}
    for name, bounds in BOUNDS.items():
        check_number(name, numbers[name], *bounds, whole=True)
    profile(request["profile"])
    if request["colormap"] not in COLORMAPS:
        raise RequestError(f"colormap is {request['colormap']!r}; expected one of {', '.join(COLORMAPS)}")


def holds_demo(root, request):
    """True where root is the complete tree of this request, False where it is free; RequestError otherwise."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    advice = "choose another folder, or delete this one first"
    try:
        found = json.loads((root / TRUTH_FILE).read_text(encoding="utf-8"))["request"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(f"{root} exists, but is no folder of demo users; {advice}") from error
    if found != request:
        asked = {key: value for key, value in request.items() if not isinstance(found, dict) or found.get(key) != value}
        raise RequestError(f"{root} holds demo users that were made otherwise, asked for {asked}; {advice}")
    missing = [name for name in [*image_places(request), SHEET_FILE]
               if not (root / name).is_file() or not (root / name).stat().st_size]
    if missing:
        raise RequestError(f"{root} lacks {len(missing)} of its files, such as {missing[0]}; {advice}")
    return True


def ground_truth(request, walkers, places, recordings, axes):
    """What walkers.json says: the request, the profile, axes, and per user the walker and every image's own draw.

    axes: of any image. With a gait-normalised time axis, column k of W is at (k + 0.5) / W of the image's duration.
    """
    chosen = PROFILES[request["profile"]]
    users = {f"ID_{user + 1}": dict(walker=asdict(walker), step_rate_hz=walker.step_rate_hz, stride_m=walker.stride_m,
                                    images=[]) for user, walker in enumerate(walkers)}
    for (name, (user, _)), (walker, options) in zip(places.items(), recordings, strict=True):
        duration = options["steps"] / walker.step_rate_hz if options["steps"] else options["duration_s"]
        users[f"ID_{user + 1}"]["images"].append(dict(
            file=name, speed=walker.speed, step_rate_hz=walker.step_rate_hz,
            heading_deg=options["heading_deg"], duration_s=duration, walker=asdict(walker), recording=options))
    if chosen.steps:  # every image has its own seconds
        del axes["time_s"]
    return dict(request=request, profile=asdict(chosen), axes=axes, users=users)


def image_places(request):
    """{path of an image below the root: (user, index)}, which count from 0."""
    return {f"ID_{user + 1}/ID_{user + 1}_{index + 1:04d}.png": (user, index)
            for user in range(request["num_users"]) for index in range(request["images_per_user"])}


# --- the command ---

def parser():
    p = commandline.Parser(prog="python -m mdgen.data.demo", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("root", type=Path, metavar="DATA", help="the folder to write, for train.py's --data-dir")
    p.add_argument("--users", type=int, default=NUM_USERS, help=f"simulated persons (default: {NUM_USERS})")
    p.add_argument("--images-per-user", type=int, default=60, help="default: 60")
    p.add_argument("--size", type=int, default=64, help="pixels of an image's side (default: 64)")
    p.add_argument("--profile", choices=list(PROFILES), default="plain77", help="radar and images (default: plain77)")
    p.add_argument("--colormap", choices=COLORMAPS, default="jet", help="default: jet")
    p.add_argument("--seed", type=int, default=0, help="of persons and recordings (default: 0)")
    p.add_argument("--workers", type=int, help="processes (default: one per core)")
    return p


def main(argv):
    args = parser().parse_args(argv)
    try:
        write_demo_users(args.root, num_users=args.users, images_per_user=args.images_per_user, size=args.size,
                         seed=args.seed, profile=args.profile, colormap=args.colormap, workers=args.workers,
                         progress=commandline.show_images)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; nothing was written") from None
    print(f"{args.root}: {args.users} users with {args.images_per_user} images each; {SHEET_FILE} describes them\n"
          f"next: python train.py --preset small --set data.gap=0 --data-dir {shlex.quote(str(args.root))}")
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
