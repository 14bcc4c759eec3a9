"""New images of one user of a trained run, as an array and as PNG files.

    python examples/draw.py runs/demo ID_1 generated/ -n 8 --seed 0
"""

import argparse
import sys
from pathlib import Path

from PIL import Image

import mdgen
from mdgen.errors import RequestError


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run")
    p.add_argument("user")
    p.add_argument("output", type=Path)
    p.add_argument("-n", type=int, default=8)
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()

    try:
        run = mdgen.load(args.run)
        print("users:", ", ".join(run.users))
        images = run.draw(args.user, args.n, seed=args.seed)      # uint8 [n, H, W, 3]
    except RequestError as problem:                               # one line: what was wrong, and the remedy
        sys.exit(str(problem))
    args.output.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images):
        Image.fromarray(image).save(args.output / f"{args.user}_{index:03d}.png")
    print(f"{len(images)} images of {images.shape[1]} x {images.shape[2]} pixels in {args.output}")


if __name__ == "__main__":
    main()
