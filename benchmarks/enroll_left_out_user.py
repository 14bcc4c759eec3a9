"""Does enrolment draw a person whom the training never saw? One user after the other is left out, and then enrolled.

    python benchmarks/enroll_left_out_user.py --data-dir DATA --preset small --users ID_3 ID_7 --output-dir FOLDER

For each of --users, a run is trained on all others, the user joins it by `train.py enroll`'s means from the first
--images of their training images, and --samples images are drawn. Judges trained on the training images of everybody
compare them with the user's other images; beside them stand real held-out images of the user (of --held-out, or the
held-out part of DATA) as ceiling, and drawn images of another user who pretends to be this one as floor. FOLDER keeps
runs and judges: an interrupted command goes on.
"""

import argparse
import sys
from pathlib import Path

import torch

from mdgen import commandline
from mdgen.config import Config, override
from mdgen.data.splits import WINDOWS_FILE, Split
from mdgen.data.user_folders import UserFolders
from mdgen.errors import RequestError
from mdgen.config.presets import preset
from mdgen.runs.folder import RunFolder
from mdgen.runs.draw import sample_users
from mdgen import distributed
from mdgen.training.stages.enrolment import enroll
from mdgen.training.log import ShowProgress
from mdgen.training.stages.run_stages import open_run, read_users, train_stages
from mdgen.validation.judges.identity_claim import FIGURES, IdentityJudges


def parser():
    p = commandline.Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data-dir", type=Path, required=True, help="a folder with one folder of images per user")
    p.add_argument("--held-out", type=Path, help="other recordings of the same users (default: DATA's held-out part)")
    p.add_argument("--preset", default="small")
    p.add_argument("--users", nargs="+", required=True, metavar="USER", help="whom to leave out, one after the other")
    p.add_argument("--images", type=int, default=10, help="that a person is enrolled from (default: 10)")
    p.add_argument("--samples", type=int, default=40, help="drawn images (default: 40)")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting of the run")
    p.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    p.add_argument("--output-dir", type=Path, required=True)
    return p


def link(folder: Path, targets) -> Path:
    """A folder with links to the targets."""
    folder.mkdir(parents=True, exist_ok=True)
    for target in targets:
        if not (folder / target.name).is_symlink():
            (folder / target.name).symlink_to(target.resolve())
    return folder


def train_without(user: str, everybody: Split, config: Config, folder: Path, device) -> RunFolder:
    """A run trained on the images of all users but one."""
    root = everybody.folders.root
    rest = [root / name for name in everybody.folders.users if name != user]
    windows = [path for path in (root / WINDOWS_FILE,) if path.exists()]
    run, split = open_run(config, link(folder / "data", rest + windows), folder / "run")
    train_stages(run, split, "all", device)
    return run


def judge_left_out(user: str, everybody: Split, judges: IdentityJudges, held_out, args, config: Config, device):
    """Lines of the table: {name of the set of images: figures}."""
    folder, place = args.output_dir / user, everybody.folders.users.index(user)
    run = train_without(user, everybody, config, folder, device)
    own = everybody.train[everybody.train_users == place][:args.images]
    images = link(folder / "images", [everybody.folders.paths[row] for row in own])
    enroll(run, images, user, run.config.enroll_training, device)
    other = run.users.names[place % len(run.users.names)]
    drawn_in = folder / "samples"
    sample_users(run, drawn_in, per_user=args.samples, users=[user, other], device=device)
    drawn = UserFolders(drawn_in, height=config.data.height, width=config.data.width, channels=run.users.channels,
                        colormap=run.users.colormap or "auto", min_images=1)
    rows = {name: (drawn.labels == drawn.users.index(name)).nonzero()[:, 0] for name in (user, other)}
    return {"drawn, enrolled": judges.claim(place, drawn, rows[user], own),
            "real, held out": judges.claim(place, *held_out(user), own),
            f"drawn, {other} as {user}": judges.claim(place, drawn, rows[other], own)}


def main(argv) -> int:
    args = parser().parse_args(argv)
    config, device = override(preset(args.preset), args.set), distributed.init_from_environment(args.device)
    folders = read_users(config, args.data_dir, args.output_dir)
    everybody = Split.of(folders, config.data)
    if unknown := set(args.users) - set(folders.users):
        raise RequestError(f"--users has {min(unknown)}, who is not in {args.data_dir}; it has "
                           f"{', '.join(folders.users)}")
    tree, rows = folders, everybody.validation
    if args.held_out:
        tree = UserFolders(args.held_out, height=config.data.height, width=config.data.width, min_images=1,
                           channels=folders.channels, colormap=folders.colormap or "auto", users=folders.users,
                           progress=ShowProgress("read held-out images"))
        rows = torch.arange(len(tree))

    def held_out(user: str):
        return tree, rows[tree.labels[rows] == tree.users.index(user)]

    judges = IdentityJudges.of(everybody, config.evaluation, args.output_dir / "judges", seed=config.seed,
                               device=device)
    print(f"| user | images | n | recognised | confidence | {' | '.join(FIGURES)} |\n|{' --- |' * (5 + len(FIGURES))}")
    for user in args.users:
        for name, found in judge_left_out(user, everybody, judges, held_out, args, config, device).items():
            figures = " | ".join(f"{found[key]:.3f}" for key in ("recognised", "confidence", *FIGURES))
            print(f"| {user} | {name} | {found['n']} | {figures} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
