"""A run's training curves and its figures per user as a picture.

    python benchmarks/plot_run.py runs/demo docs/demo_run.png

Needs matplotlib (`python -m pip install -e ".[plots]"`) and a run that has been judged by evaluate.py samples.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from mdgen import commandline


def parser():
    p = commandline.Parser(prog="plot_run.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=Path, metavar="RUN", help="a run folder that has a report")
    p.add_argument("picture", type=Path, metavar="PICTURE", help="the file to write, such as docs/demo_run.png")
    p.add_argument("--dpi", type=int, default=90, help="pixels per inch of 13 x 3.6 inches (default: 90)")
    return p


def draw_curve(axis, entries, key: str, title: str) -> None:
    points = [(entry["step"], entry[key]) for entry in entries if key in entry]
    axis.plot(*zip(*points), color="#1f6f8b", label="training")
    held_out = [(e["step"], e["validation_error"]) for e in entries if "validation_error" in e]
    if held_out:
        axis.plot(*zip(*held_out), "o-", color="#c8502d", label="held-out")
    axis.set(title=title, xlabel="optimiser step")
    axis.legend(frameon=False)


def draw_users(axis, report: dict) -> None:
    """Per user, the share of real fine texture and the accuracy, generated beside held-out."""
    names, place = report["users"], np.arange(len(report["users"]))
    for side, shift, colour in (("held_out", -0.2, "#9aa5b1"), ("generated", 0.2, "#1f6f8b")):
        axis.bar(place + shift, report["recognition"][side]["accuracy_per_user"], 0.36, color=colour,
                 label=f"recognised, {side.replace('_', '-')}")
        axis.plot(place + shift, report["texture"][side]["per_user"], "D", color="#c8502d", markersize=4,
                  markeredgecolor=colour, label=f"fine texture, {side.replace('_', '-')}")
    axis.set(title="per user", xticks=place, xticklabels=names, ylim=(0, 1.6))
    axis.legend(frameon=False, fontsize=8, ncols=2)


def main(argv) -> int:
    args = parser().parse_args(argv)
    from matplotlib.figure import Figure

    from mdgen.training.log import read_log

    log, figure = args.run / "log.jsonl", Figure(figsize=(13, 3.6), layout="constrained")
    vae, diffusion, users = figure.subplots(1, 3)
    draw_curve(vae, read_log(log, "vae"), "reconstruction", "VAE: squared error")
    draw_curve(diffusion, read_log(log, "diffusion"), "error", "diffusion: error of v")
    draw_users(users, json.loads((args.run / "report" / "report.json").read_text(encoding="utf-8")))
    figure.savefig(args.picture, dpi=args.dpi)
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
