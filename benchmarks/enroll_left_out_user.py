"""Does enrolment serve a person whom the training never saw? One user after the other is left out, then enrolled.

    python benchmarks/enroll_left_out_user.py --data-dir DATA --preset small --users ID_3 ID_7 --output-dir FOLDER

For each of --users, a run is trained on all others. Then the user joins it as by `train.py enroll`, from the first
--images of their training images, and --samples images are generated. Judges trained on the training images of
everybody compare these with the user's other images. The ceiling is real held-out images of the user: of --held-out,
or the held-out part of DATA. The floor is generated images of another user who pretends to be this one. FOLDER keeps
runs and judges: an interrupted command goes on.
"""

import argparse
import sys
from pathlib import Path

from mdgen import commandline
from mdgen.errors import RequestError


def parser():
    p = commandline.Parser(prog="enroll_left_out_user.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data-dir", type=Path, required=True, help="a folder with one folder of images per user")
    p.add_argument("--held-out", type=Path, help="other recordings of the same users (default: DATA's held-out part)")
    p.add_argument("--preset", default="small", help="of the runs (default: small)")
    p.add_argument("--users", nargs="+", required=True, metavar="USER", help="whom to leave out, one after the other")
    p.add_argument("--images", type=int, default=10, help="that a person is enrolled from (default: 10)")
    p.add_argument("--samples", type=int, default=40, help="generated images (default: 40)")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting of the run")
    p.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    p.add_argument("--output-dir", type=Path, required=True, metavar="FOLDER", help="keeps runs, images and judges")
    return p


def link(folder: Path, targets, root: Path) -> Path:
    """A folder with links to the targets, by their paths below root."""
    for target in targets:
        place = folder / target.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink():
            place.symlink_to(target.resolve())
    return folder


def train_without(user: str, everybody, config, folder: Path, device):
    """The RunFolder of a training on the images of all users but one; everybody: a Split."""
    from mdgen.data.windows import WINDOWS_FILE
    from mdgen.training.stages.run_stages import open_run, train_stages

    root = everybody.folders.root
    rest = [root / name for name in everybody.folders.users if name != user]
    windows = [path for path in (root / WINDOWS_FILE,) if path.exists()]
    run, split = open_run(config, link(folder / "data", rest + windows, root), folder / "run")
    train_stages(run, split, "all", device)
    return run


def judge_left_out(user: str, everybody, judges, held_out, args, config, device) -> dict:
    """Lines of the table: {name of the set of images: figures}."""
    from mdgen.data.user_folders import UserFolders
    from mdgen.runs.draw import sample_users
    from mdgen.training.stages.enrolment import enroll

    folder, place = args.output_dir / user, everybody.folders.users.index(user)
    run = train_without(user, everybody, config, folder, device)
    own = everybody.train[everybody.train_users == place][:args.images]
    images = link(folder / "images", [everybody.folders.paths[row] for row in own], everybody.folders.root / user)
    enroll(run, images, user, run.config.enroll_training, device)
    other = run.users.names[place % len(run.users.names)]
    sample_users(run, folder / "samples", per_user=args.samples, users=[user, other], device=device)
    generated = UserFolders(folder / "samples", height=config.data.height, width=config.data.width,
                            channels=run.users.channels, colormap=run.users.colormap or "auto", min_images=1)
    rows = {name: (generated.labels == generated.users.index(name)).nonzero()[:, 0] for name in (user, other)}
    return {"generated, enrolled": judges.claim(place, generated, rows[user], own),
            "real, held-out": judges.claim(place, *held_out(user), own),
            f"generated, {other} as {user}": judges.claim(place, generated, rows[other], own)}


def held_out_images(everybody, args, config):
    """A function of a user's name -> (UserFolders, rows in it) of the user's real images that no run is trained on."""
    import torch

    from mdgen.data.user_folders import UserFolders
    from mdgen.training.log import ShowProgress

    tree, rows = everybody.folders, everybody.validation
    if args.held_out:
        tree = UserFolders(args.held_out, height=config.data.height, width=config.data.width, min_images=1,
                           channels=tree.channels, colormap=tree.colormap or "auto", users=tree.users, crop=tree.crop,
                           progress=ShowProgress("read held-out images"))
        rows = torch.arange(len(tree))
    return lambda user: (tree, rows[tree.labels[rows] == tree.users.index(user)])


def main(argv) -> int:
    args = parser().parse_args(argv)
    from mdgen import distributed
    from mdgen.config import override
    from mdgen.config.presets import preset
    from mdgen.data.splits import Split
    from mdgen.training.stages.run_stages import read_users
    from mdgen.validation.judges.identity_claim import FIGURES, IdentityJudges

    config, device = override(preset(args.preset), args.set), distributed.init_from_environment(args.device)
    folders = read_users(config, args.data_dir, args.output_dir)
    everybody = Split.of(folders, config.data)
    if unknown := set(args.users) - set(folders.users):
        raise RequestError(f"--users has {min(unknown)}, who is not in {args.data_dir}; it has "
                           f"{', '.join(folders.users)}")
    held_out = held_out_images(everybody, args, config)
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
