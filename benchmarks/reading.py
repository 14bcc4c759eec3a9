"""Seconds for reading pictures beside torchvision's ImageFolder, which resizes and gives uint8 tensors.

    python benchmarks/reading.py data/train --size 256

Both read the same files, one after the other, --repeats times, so that a machine that slows down slows down both. mdgen
decodes to intensity without its cache, in one thread per core; ImageFolder is read by one loop. A process of its own for
each reading: what the first finds out about colours is not there for the second. Prints medians and their ratio.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from mdgen import commandline

READ = {"mdgen": """
from mdgen.data.user_folders import UserFolders
began = time.perf_counter()
count = len(UserFolders(root, height=size, width=size))
""", "ImageFolder": """
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2
began = time.perf_counter()
folder = ImageFolder(root, transform=v2.Compose([v2.Resize((size, size)), v2.PILToTensor()]))
count = sum(1 for _ in folder)
"""}
FRAME = """
import sys, time
root, size = sys.argv[1], int(sys.argv[2])
{}
print(count, time.perf_counter() - began)
"""


def parser():
    p = commandline.Parser(prog="reading.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data_dir", type=Path, metavar="DIR", help="a folder of images per user")
    p.add_argument("--size", type=int, default=256, help="pixels of a side (default: 256)")
    p.add_argument("--repeats", type=int, default=5, help="readings that a median is of (default: 5)")
    return p


def reading(name: str, root: Path, size: int) -> tuple[int, float]:
    """(images, seconds) of one reading in a process of its own, imports left out."""
    done = subprocess.run([sys.executable, "-c", FRAME.format(READ[name]), str(root), str(size)], check=True,
                          capture_output=True, text=True)
    count, seconds = done.stdout.split()
    return int(count), float(seconds)


def main(argv) -> int:
    args = parser().parse_args(argv)
    found = {name: [reading(name, args.data_dir, args.size) for _ in (0,)] for name in READ}   # disk and bytecode
    found = {name: [] for name in found}
    for _ in range(args.repeats):
        for name in READ:
            found[name].append(reading(name, args.data_dir, args.size))
    medians = {name: statistics.median(seconds for _, seconds in rows) for name, rows in found.items()}
    for name, rows in found.items():
        print(f"{name:>12}: {rows[0][0]} images in {medians[name]:.2f} s, the least {min(s for _, s in rows):.2f}")
    print(f"mdgen takes {medians['mdgen'] / medians['ImageFolder']:.2f} times as long")
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
