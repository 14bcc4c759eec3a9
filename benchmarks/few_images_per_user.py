"""How few images per user are enough, and does it help to start from a run of simulated walkers or of other people?

    python benchmarks/few_images_per_user.py --data-dir DATA --images 5 20 all --init-from RUN --output-dir FOLDER

For every number N of --images, a run is trained on the first N images of each user; one more watches the training.
With --init-from, a second run starts from RUN's weights and takes the same steps. --samples images per user are then
generated. The judge that was trained on all training images says how many it takes for the right user, their Fréchet
distance to all training images, their diversity and fine texture over the held-out ones', and how many are copies of
the few. Last comes what they teach the report's small classifiers: accuracy on held-out images after the few real
ones, after the generated ones, after both. The report takes another random block of real images for every seed; here
all seeds have those that the run was trained on. FOLDER keeps runs and judge: an interrupted command goes on.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from mdgen import commandline
from mdgen.errors import RequestError

COLUMNS = ("recognised", "distance", "diversity, features", "diversity, pixels", "fine texture", "copies",
           "real alone", "generated alone", "both")


def parser():
    p = commandline.Parser(prog="few_images_per_user.py", description=__doc__,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data-dir", type=Path, required=True, help="a folder with one folder of images per user")
    p.add_argument("--preset", default="small", help="of the runs (default: small)")
    p.add_argument("--images", nargs="+", default=["5", "20", "all"], metavar="N",
                   help="per user, or all (default: 5 20 all)")
    p.add_argument("--init-from", type=Path, metavar="RUN", help="a finished run to start from as well")
    p.add_argument("--samples", type=int, default=30, help="generated images per user (default: 30)")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting of the runs")
    p.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    p.add_argument("--output-dir", type=Path, required=True, metavar="FOLDER", help="keeps runs, images and the judge")
    return p


def few(everybody, count: int, folder: Path):
    """A folder with links to the first `count` + 1 training images of every user, and the rows of all but the last.

    everybody: a Split.
    """
    import torch

    own = [everybody.train[everybody.train_users == user][:count + 1] for user in range(len(everybody.folders.users))]
    if (least := min(map(len, own))) <= count:
        raise RequestError(f"--images has {count}, but one user has {least} training images; ask for fewer, or all")
    for row in torch.cat(own).tolist():
        target = everybody.folders.paths[row]
        link = folder / target.parent.name / target.name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(target.resolve())
    return folder, torch.cat([rows[:count] for rows in own])


def counts_of(words) -> list:
    """--images as integers and None for all."""
    if bad := [word for word in words if word != "all" and not (word.isdecimal() and int(word))]:
        raise RequestError(f"--images has {bad[0]}; expected numbers from 1, or all")
    return [None if word == "all" else int(word) for word in words]


def check_unseen(everybody, source: Path) -> None:
    """RequestError where the run to start from has learnt what is held out here."""
    from mdgen.runs.folder import RunFolder

    if seen := everybody.seen_in(RunFolder.open(source).users.training_images):
        raise RequestError(f"--init-from {source} was trained on {seen} of the images that are held out here; give "
                           "another run")


def train_run(config, data: Path, folder: Path, source: Path | None, device):
    """The RunFolder of a training on the users in data, from the weights of source where there is one."""
    from mdgen.training.stages.run_stages import open_run, train_stages
    from mdgen.training.stages.warm_start import with_source

    if source is not None:
        config = with_source(config, source, folder)
    run, split = open_run(config, data, folder)
    train_stages(run, split, "all", device)
    return run


def generate(run, data, per_user: int, device):
    """(UserFolders of the run's generated images, rows of the first per_user of every user); data: the real ones."""
    import torch

    from mdgen.data.user_folders import UserFolders
    from mdgen.runs.draw import sample_users

    sample_users(run, run.path / "samples", per_user=per_user, device=device)
    generated = UserFolders(run.path / "samples", height=run.config.data.height, width=run.config.data.width,
                            channels=data.channels, colormap=data.colormap or "auto", min_images=1)
    users = range(len(data.users))
    return generated, torch.cat([(generated.labels == user).nonzero()[:per_user, 0] for user in users])


def judged(run, everybody, rows, judge, per_user: int, device) -> tuple:
    """COLUMNS of the run's images; rows: those of everybody's tree that it was trained on."""
    from mdgen.validation.distribution import compare
    from mdgen.validation.evaluate_samples import diversity, texture
    from mdgen.validation.judges.features import judge_images
    from mdgen.validation.judges.usefulness import usefulness
    from mdgen.validation.judges.user_classifier import recognition
    from mdgen.validation.memorization import originality

    data, config = everybody.folders, run.config
    training, held_out, seen = (judge_images(judge, data, part, device)
                                for part in (everybody.train, everybody.validation, rows))
    users, fake = range(len(data.users)), judge_images(judge, *generate(run, data, per_user, device), device)
    sets = training, held_out, fake
    counts = [min(len(s.of_user(user)) for s in sets) for user in users]
    spread = [diversity(*sets, len(users), what)["generated"]["overall"] for what in ("features", "images")]
    taught = usefulness(seen, held_out, fake, len(users), sizes=(None,), seeds=config.evaluation.usefulness_seeds,
                        steps=config.evaluation.usefulness_steps, device=device)
    return (recognition(fake.probabilities, fake.users)["accuracy"],
            compare(*sets, counts)["fd"]["against_training"]["generated"], *spread,
            texture(*sets, len(users))["generated"]["overall"], originality(seen, held_out, fake)["copy_rate"],
            taught["curve"][0]["real"]["mean"], taught["tstr"]["mean"], taught["curve"][0]["both"]["mean"])


def main(argv) -> int:
    args = parser().parse_args(argv)
    from mdgen import distributed
    from mdgen.config import override
    from mdgen.config.presets import preset
    from mdgen.data.splits import Split
    from mdgen.training.stages.run_stages import read_users
    from mdgen.training.stages.warm_start import check_source, with_source
    from mdgen.validation.judges.user_classifier import train_judge

    config, device = override(preset(args.preset), args.set), distributed.init_from_environment(args.device)
    wanted = counts_of(args.images)
    everybody = Split.of(read_users(config, args.data_dir, args.output_dir), config.data)
    if args.init_from:
        check_unseen(everybody, args.init_from)
        check_source(with_source(config, args.init_from, args.output_dir), args.output_dir, everybody.folders.channels)
    judge, _ = train_judge(everybody, config.evaluation, args.output_dir / "judges", seed=config.seed, device=device)
    print(f"| images | start | {' | '.join(COLUMNS)} |\n|{' --- |' * (2 + len(COLUMNS))}")
    for name, count in zip(args.images, wanted):
        data, split, rows = args.data_dir, config.data, everybody.train
        if count:
            data, rows = few(everybody, count, args.output_dir / name / "data")
            split = replace(config.data, validation_fraction=0.25 / count, gap=0,   # one of count + 1
                            channels=everybody.folders.channels, colormap=everybody.folders.colormap or "auto")
        for start in (None, args.init_from) if args.init_from else (None,):
            folder = args.output_dir / name / ("tuned" if start else "new")
            run = train_run(replace(config, data=split), data, folder, start, device)
            figures = judged(run, everybody, rows, judge, args.samples, device)
            figures = ("-" if value is None else f"{value:.3f}" for value in figures)
            print(f"| {name} | {folder.name} | {' | '.join(figures)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
