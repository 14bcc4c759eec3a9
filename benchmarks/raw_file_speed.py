"""How fast the files of radars are read from a warm cache, and how much memory a long one takes.

    OMP_NUM_THREADS=1 python benchmarks/raw_file_speed.py
    python benchmarks/raw_file_speed.py --sparse 20

A file of --size MB in every order that is mapped is read in windows of --window MB, as recordings are. Prints GB of the
file per second of processor time, and on the clock, which other work on the machine slows down: medians of --repeats
turns through the file, all kinds in turn. --sparse GB reads instead a capture of that length, a hole in the file
system, window by window to its end, and prints the most memory that the process has had, mapped pages included.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from mdgen import commandline

ADC_SAMPLES, RECEIVERS, CHIRPS = 256, 4, 128
MB = 2**20


def parser():
    p = commandline.Parser(prog="raw_file_speed.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", type=int, default=256, metavar="MB", help="of each file (default: 256)")
    p.add_argument("--window", type=int, default=8, metavar="MB", help="that is read at once (default: 8)")
    p.add_argument("--repeats", type=int, default=9, help="turns through a file (default: 9)")
    p.add_argument("--sparse", type=int, metavar="GB", help="measure memory with one file of that length")
    return p


def opened(path, kind, layout="xwr16xx", real_adc=False):
    """The array of a file, as the command opens it."""
    from mdgen.radar.recording_formats import open_file

    options = dict(adc_samples=ADC_SAMPLES, receivers=RECEIVERS, chirps=CHIRPS, layout=layout, real_adc=real_adc)
    return open_file(path, kind=kind, options=options if kind == "dca1000" else {}).arrays[0]


def arrays(folder, size):
    """{name: array in a file of `size` bytes} of every order that is mapped."""
    import numpy as np

    data = folder / "walk.sigmf-data"
    data.write_bytes(np.random.default_rng(0).standard_normal(size // 4, np.float32).tobytes())
    (folder / "capture.bin").symlink_to(data)
    found = {f"dca1000, {layout}{', real' if real else ''}": opened(folder / "capture.bin", "dca1000", layout, real)
             for layout in ("xwr14xx", "xwr16xx") for real in (False, True)}
    found |= {kind: opened(folder / "capture.bin", kind) for kind in ("iq-int16", "iq-float32")}
    for datatype in ("cf32_le", "cf32_be", "ci16_le", "cu8"):
        meta = folder / "walk.sigmf-meta"
        meta.write_text(json.dumps({"global": {"core:datatype": datatype}, "captures": []}))
        found[f"SigMF {datatype}"] = opened(meta, "iq")
    return found


def read(array, window):
    """Reads an array to its end, `window` bytes of the file at once; returns the bytes that the file has."""
    stored = array.offset + array.stored_dtype.itemsize
    for length in array.stored:
        stored *= length
    step = max(1, array.shape[0] * window // stored)
    for first in range(0, array.shape[0], step):
        array[(slice(first, first + step),) + (slice(None),) * (array.ndim - 1)]
    return stored


def time_kinds(size, window, repeats):
    with tempfile.TemporaryDirectory() as folder:
        found = arrays(Path(folder), size * MB)
        rates = {name: [] for name in found}
        for repeat in range(repeats + 1):
            for name, array in found.items():
                began = time.process_time(), time.perf_counter()
                read(array, window * MB)
                took = time.process_time() - began[0], time.perf_counter() - began[1]
                if repeat:   # the first turn fills the cache
                    rates[name].append([size * MB / 1e9 / seconds for seconds in took])
    print("| | GB/s of processor time | GB/s on the clock |\n| --- | --- | --- |")
    for name, found in rates.items():
        medians = [f"{statistics.median(column):.2f}" for column in zip(*found, strict=True)]
        print(f"| {name} | {' | '.join(medians)} |")


def measure_memory(length, window):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.bin"
        with open(path, "wb") as file:
            file.truncate(length * 2**30)
        array = opened(path, "dca1000")
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        stored = read(array, window * MB)
        most, took = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter() - began
        print(f"{stored / 2**30:.1f} GB in windows of {window} MB: {took:.0f} s, at most {most / 1024:.0f} MB, "
              f"{(most - before) / 1024:.0f} more than before")


def main(argv) -> int:
    args = parser().parse_args(argv)
    if args.sparse:
        measure_memory(args.sparse, args.window)
    else:
        time_kinds(args.size, args.window, args.repeats)
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
