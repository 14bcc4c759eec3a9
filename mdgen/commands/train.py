"""Train mdgen on a folder of users: `python train.py --preset small --data-dir DATA --output-dir RUN`.

The same command resumes. `--preset demo` needs no data: it simulates its users.
"""

from dataclasses import replace
from pathlib import Path

from mdgen import commandline
from mdgen.errors import RequestError

STAGES = ("all", "vae", "diffusion", "joint", "classifier", "enroll")
LATER = {"distill": "distillation to a few steps"}
ENROLL = ("run", "images", "user")                       # flags of this stage alone
ANY_STAGE = ("stage", "set", "device", "debug")

SAMPLE = 200              # files that are asked whether their columns were enlarged
PERCEPTUAL_WEIGHT = 0.1   # with --use-lpips, where the preset has none

EXAMPLES = """examples:
  python train.py --preset demo --output-dir runs/demo
  python train.py --preset small --data-dir data/ --output-dir runs/mine
  python train.py --preset standard --data-dir data/ --output-dir runs/mine128 --set unet.dropout=0.15
  python train.py --preset memory --data-dir data/ --dry-run
  python train.py --preset small --data-dir data/ --output-dir runs/tuned --init-from runs/simulated
  python train.py enroll runs/mine --images new/ID_32
  torchrun --nproc-per-node 2 train.py --preset small --data-dir data/ --output-dir runs/mine"""


def parser():
    p = commandline.Parser(description=__doc__, epilog=EXAMPLES)
    p.add_argument("stage", nargs="?", default="all", choices=[*STAGES, *LATER],
                   help="what to train (default: all, which is vae, diffusion and, where the preset says so, joint)")
    p.add_argument("run", nargs="?", type=Path, metavar="RUN", help="enroll: the run that a person joins")
    p.add_argument("--images", type=Path, metavar="DIR", help="enroll: a folder with 5 to 20 images of the person")
    p.add_argument("--user", metavar="NAME", help="enroll: the person's name (default: the folder's)")
    p.add_argument("--preset", help="demo, small, standard, memory or quality (default: small)")
    p.add_argument("--data-dir", type=Path, help="a folder with one folder of images per user")
    p.add_argument("--output-dir", type=Path, help="the run folder (default: runs/PRESET)")
    p.add_argument("--init-from", type=Path, metavar="RUN",
                   help="start from the weights of this run; its users are forgotten. The VAE is trained on, or kept "
                        "as it is with --set vae_training.steps=0")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                   help="change one setting, such as unet.dropout=0.1; may be repeated")
    p.add_argument("--dry-run", action="store_true",
                   help="print configuration, sizes, memory and time; do one step of every stage; write nothing")
    p.add_argument("--strict-data", action="store_true",
                   help="refuse data of which evaluate.py data says that something needs a decision")
    p.add_argument("--num-users", type=int, help="checked against the folders; may be left out")
    p.add_argument("--resolution", nargs="+", metavar="SIZE",
                   help="source, one number of pixels, or height and width (default: source, the size that most of the "
                        "files have, at most 256 pixels along the longer side)")
    p.add_argument("--no-columns", action="store_true",
                   help="learn pixels even where the files' columns were enlarged")
    p.add_argument("--batch-size", type=int,
                   help="images per micro-batch; the images per step stay at least the preset's")
    p.add_argument("--cfg-scale", "--guidance-scale", "--condition-scale", type=float,
                   help="scale of classifier-free guidance, kept in the run as sample.py's default; 1 is none")
    p.add_argument("--use-ema", action="store_true", help="accepted for old command lines: EMA is always kept")
    p.add_argument("--use-lpips", action="store_true",
                   help="perceptual loss by LPIPS, whose weights must be there (see evaluate.py environment)")
    p.add_argument("--lpips-weights", type=Path, metavar="DIR",
                   help="where they lie (default: see evaluate.py environment)")
    p.add_argument("--tensorboard", action="store_true", help="write the log for TensorBoard, too: RUN/tensorboard")
    p.add_argument("--seed", type=int, help="of initial weights, batches and noise (default: 0)")
    p.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    return p


def output_folder(args) -> Path:
    return args.output_dir or Path("runs") / (args.preset or "small")


def configure(args):
    """The preset with the command line's changes."""
    from mdgen.commands.data_check import with_crop
    from mdgen.config import override
    from mdgen.config.presets import preset
    from mdgen.config.resolution import at_resolution
    from mdgen.runs.folder import read_config
    from mdgen.training.stages.run_stages import with_batch_size
    from mdgen.training.stages.warm_start import with_source

    begun = output_folder(args) / "config.json"
    args.set = with_crop(args.set, args.data_dir, begun)
    config = preset(args.preset or "small")
    if not args.preset and args.output_dir and begun.is_file():
        config = read_config(begun)   # what a run was begun with need not be said again
    if named := [assignment for assignment in args.set if assignment.strip().startswith(("init_from", "retired"))]:
        raise RequestError(f"--set {named[0]} names weights without taking them; give --init-from RUN")
    if args.init_from is not None:
        config = with_source(config, args.init_from, output_folder(args))
    if size := wanted_size(args, config, begun):
        config = at_resolution(config, *size)
    if args.batch_size is not None:
        config = with_batch_size(config, args.batch_size)
    if args.cfg_scale is not None:
        config = replace(config, sampling=replace(config.sampling, cfg_scale=args.cfg_scale))
    if args.seed is not None:
        config = replace(config, seed=args.seed)
    config = override(with_lpips(config, args.lpips_weights) if args.use_lpips else config, args.set)
    if args.cfg_scale is not None:
        before = preset(config.preset).sampling.cfg_scale
        commandline.note_weaker_guidance(config.sampling.cfg_scale, before, f"preset {config.preset}")
    if args.lpips_weights and not config.vae.perceptual_weight:
        raise RequestError(f"--lpips-weights {args.lpips_weights} is for a perceptual loss; add --use-lpips")
    return config


def wanted_size(args, config, begun: Path):
    """(height, width, columns) of the images to train on; None where the preset decides."""
    from mdgen.config import override
    from mdgen.config.resolution import fitting_size
    from mdgen.data.source_files import FileFormat
    from mdgen.data.user_folders import list_users
    from mdgen.runs.folder import read_config

    asked = args.resolution or ["source"]
    if asked != ["source"]:
        if len(asked) > 2 or not all(word.isascii() and word.isdigit() and 0 < int(word) < 65536 for word in asked):
            raise RequestError(f"--resolution is {' '.join(asked)}; expected source, pixels such as 128, or height and "
                               "width such as 128 64")
        return int(asked[0]), int(asked[-1]), 0
    before = [begun, *([args.init_from / "config.json"] if args.init_from else [])]
    if args.resolution is None and (known := [path for path in before if path.is_file()]):
        data = read_config(known[0]).data
        return data.height, data.width, data.columns
    if args.data_dir is None:
        if args.resolution:
            raise RequestError("--resolution source is the size of your files; add --data-dir")
        return None
    files = [path for paths in list_users(args.data_dir).values() for path in paths]
    data = override(config, args.set).data   # whose crop and colours may be named
    found = FileFormat.of_most(files, data.crop)
    if found is None:
        return None   # who decodes them says why
    size = fitting_size(config, found.height, found.width)
    return *size, 0 if args.no_columns or data.channels == "rgb" else enlarged_from(files, size, data)


def enlarged_from(files, size, data) -> int:
    """The most columns that files of a folder were enlarged from, by a sample of them; 0 where they were not."""
    import numpy as np

    from mdgen.data.columns import longest
    from mdgen.data.image_io import decode_all

    rows = np.unique(np.linspace(0, len(files) - 1, min(len(files), SAMPLE)).round().astype(int))
    settings = {"height": size[0], "width": size[1], "channels": data.channels, "colormap": data.colormap,
                "crop": data.crop}
    pixels, channels, _ = decode_all([files[row] for row in rows], settings, None, None)
    return longest(pixels) if channels == "intensity" else 0


def with_lpips(config, weights):
    """The configuration with a perceptual loss by the LPIPS weights there are; RequestError where there are none."""
    from mdgen.losses.perceptual import load_lpips
    from mdgen.training.stages.image_loss import lpips_nets

    weight = config.vae.perceptual_weight or PERCEPTUAL_WEIGHT
    name = f"lpips_{load_lpips(weights, lpips_nets()).net}"
    return replace(config, vae=replace(config.vae, perceptual=name, perceptual_weight=weight))


def main(argv):
    args = parser().parse_args(argv)
    if args.stage in LATER:
        raise RequestError(f"train.py {args.stage} ({LATER[args.stage]}) is not in this version; "
                           f"expected one of {', '.join(STAGES)}")
    refuse_idle_flags(args)
    from mdgen import distributed

    act = enroll if args.stage == "enroll" else dry_run if args.dry_run else train
    said = act(args, distributed.init_from_environment(args.device))
    if distributed.is_main():
        print(commandline.worded(said))
    distributed.shut_down()
    return commandline.OK


def refuse_idle_flags(args):
    """RequestError for a flag that the stage would not look at."""
    given = [name for name, value in vars(args).items()
             if value is not None and value is not False and value != [] and name not in ANY_STAGE]
    idle = [name for name in given if (name in ENROLL) != (args.stage == "enroll")]
    if idle:
        name = {"run": str(args.run)}.get(idle[0], "--" + idle[0].replace("_", "-"))
        expected = ("RUN --images DIR [--user NAME] [--set enroll_training.KEY=VALUE] [--device DEVICE]"
                    if args.stage == "enroll" else "the run folder as --output-dir; see --help")
        raise RequestError(f"train.py {args.stage} makes no use of {name}; leave it out. Expected: {expected}")


def train(args, device):
    """What to print at the end; so too the other two."""
    from mdgen import distributed
    from mdgen.commands.data_check import warn_of_data
    from mdgen.runs.folder import RunFolder
    from mdgen.runs.lock import only_writer
    from mdgen.training.stages.run_stages import open_run, refuse_place, train_stages
    from mdgen.training.tensorboard import check_tensorboard, write_tensorboard

    config, output_dir = configure(args), output_folder(args)
    data_dir = args.data_dir
    if data_dir is None and not args.preset and (output_dir / "users.json").is_file():
        known = Path(RunFolder.open(output_dir).users.data_dir)
        data_dir = None if known == (output_dir / "demo_users").resolve() else known   # simulated as they are needed
    if args.tensorboard:
        check_tensorboard()
    with only_writer(output_dir):
        refuse_place(data_dir, output_dir)
        keep = data_dir and warn_of_data(data_dir, config.data, output_dir / "cache", strict=args.strict_data)
        run, split = open_run(config, data_dir, output_dir, args.num_users, args.lpips_weights)
        if keep and distributed.is_main():
            keep()
        if distributed.is_main():
            print(f"{run.path}: {len(run.users.names)} users, {split.summary} "
                  f"({run.users.channels}{f', {run.users.colormap}' if run.users.colormap else ''}), "
                  f"preset {config.preset}, device {device}", flush=True)
        try:
            train_stages(run, split, args.stage, device)
        finally:
            if args.tensorboard and distributed.is_main():
                write_tensorboard(run.path)
    return f"trained; previews in {run.path / 'previews'}; next: python sample.py {run.path} --samples-per-user 10"


def enroll(args, device):
    from mdgen.config import override
    from mdgen.runs.folder import RunFolder
    from mdgen.runs.lock import only_writer
    from mdgen.training.log import read_log
    from mdgen.training.stages.enrolment import enroll

    if args.run is None or args.images is None:
        missing = "RUN" if args.run is None else "--images DIR"
        raise RequestError(f"{missing} is missing; give both, as in train.py enroll runs/mine --images new/ID_32")
    if idle := [assignment for assignment in args.set if not assignment.strip().startswith("enroll_training.")]:
        raise RequestError(f"--set {idle[0]} changes nothing here: the run stays as it is; set enroll_training.KEY")
    run = RunFolder.open(args.run)
    with only_writer(run.path):
        name = enroll(run, args.images, args.user, override(run.config, args.set).enroll_training, device)
    found = read_log(run.path / "enrolled" / "log.jsonl", name)[-1]
    return (f"enrolled {name}: error {found['validation_error']:.4f} on the images, "
            f"{found['validation_error_as_nearest_user']:.4f} as the nearest known user; next: python sample.py "
            f"{run.path} --users {name}")


def dry_run(args, device):
    from mdgen.commands.data_check import warn_of_data
    from mdgen.runs.folder import Users
    from mdgen.training.stages.dry_run import dry_run
    from mdgen.training.stages.run_stages import read_users
    from mdgen.training.stages.warm_start import check_source

    config, users = configure(args), None
    if args.num_users is not None and args.num_users < 1:
        raise RequestError(f"--num-users is {args.num_users}; expected 1 or more, or leave the flag out")
    check_source(config, output_folder(args))
    if args.data_dir is not None:
        warn_of_data(args.data_dir, config.data, None, strict=args.strict_data)
        folders = read_users(config, args.data_dir, None, args.num_users)
        users = Users(folders.users, str(args.data_dir), folders.channels, folders.colormap)
    if args.stage == "joint":
        config = replace(config, joint=replace(config.joint, in_all=True))
    return "\n".join(dry_run(config, users, args.num_users, device))
