"""Generate images from a trained run: `python sample.py RUN --samples-per-user 10`.

Writes <output>/<user>/*.png, manifest.csv and contact_sheet.png; an interrupted command continues.
"""

from dataclasses import replace
from pathlib import Path

from mdgen import commandline
from mdgen.errors import RequestError

EXAMPLES = """examples:
  python sample.py runs/demo --samples-per-user 20
  python sample.py runs/mine --users ID_1 ID_7 --sampler ddim --steps 50 --cfg-scale 2 --output-dir generated/"""


def parser():
    p = commandline.Parser(description=__doc__, epilog=EXAMPLES)
    p.add_argument("run", type=Path, nargs="?", metavar="RUN", help="the output folder of train.py")
    p.add_argument("--model-dir", type=Path, help="the same as RUN, for old command lines")
    p.add_argument("--samples-per-user", type=int, default=10)
    p.add_argument("--output-dir", type=Path, help="default: RUN/samples; with enrolled persons samples_enrolled")
    p.add_argument("--users", nargs="+", metavar="USER", help="generate images of these users only")
    p.add_argument("--sampler", metavar="ddim|ddpm|dpm", help="default: the run's")
    p.add_argument("--steps", type=int, help="denoiser evaluations per image (default: the run's)")
    p.add_argument("--eta", type=float, help="DDIM's share of DDPM noise, 0 to 1")
    p.add_argument("--cfg-scale", "--guidance-scale", "--condition-scale", type=float,
                   help="classifier-free guidance: uncond + SCALE (cond - uncond); 1 is none (default: the run's)")
    p.add_argument("--cfg-interval", "--guidance-interval", type=float, nargs=2, metavar=("LOW", "HIGH"),
                   help="the shares of the noise levels between which it acts, 0 clean to 1 noise (default: the run's)")
    p.add_argument("--autoguidance-scale", type=float,
                   help="away from the run's early checkpoint, at all noise levels; 1 is none (default: the run's)")
    p.add_argument("--classifier-scale", type=float,
                   help="along the gradient of the classifier of train.py classifier; 0 is none (default: the run's)")
    p.add_argument("--format", choices=["png", "jpg", "npy"],
                   help="default: as the training files are, JPEG tables included; npy: float32 intensity from 0 to 1, "
                        "and dB where the dynamic range is known")
    p.add_argument("--size", type=int, nargs=2, metavar=("H", "W"),
                   help="pixels of the files (default: as the training files have)")
    p.add_argument("--reconstruct", type=Path, metavar="DIR",
                   help="generate nothing: write the real images of DIR as this run reads and writes them, with and "
                        "without its autoencoder")
    p.add_argument("--seed", type=int, default=0, help="the same seed, user and index give the same image")
    p.add_argument("--batch-size", type=int, help="images generated at once (default: the run's)")
    p.add_argument("--weights", default="ema", choices=["ema", "raw"],
                   help="averaged weights (the default), or those of the last step")
    p.add_argument("--stage", choices=["diffusion", "joint"],
                   help="whose weights generate (default: joint where the run has it)")
    p.add_argument("--overwrite", action="store_true", help="replace images generated with other settings")
    p.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    return p


def open_configured(args):
    """The run with the command line's sampling settings."""
    path = commandline.run_argument(args, "sample.py runs/demo")
    if args.samples_per_user < 1:
        raise RequestError(f"--samples-per-user is {args.samples_per_user}; expected 1 or more")
    from mdgen.runs.folder import RunFolder

    run = RunFolder.open(path)
    asked = {key: getattr(args, key) for key in ("sampler", "steps", "eta", "cfg_scale", "autoguidance_scale",
                                                 "classifier_scale", "batch_size")}
    asked["cfg_interval"] = args.cfg_interval and tuple(args.cfg_interval)
    sampling = replace(run.config.sampling, **{key: value for key, value in asked.items() if value is not None})
    config = replace(run.config, sampling=sampling)   # checks every value
    if args.eta and sampling.sampler != "ddim":
        raise RequestError(f"--eta is {args.eta}, but sampler {sampling.sampler} has none; add --sampler ddim")
    refuse_idle_guidance(args, run, sampling)
    if args.cfg_scale is not None:
        commandline.note_weaker_guidance(args.cfg_scale, run.config.sampling.cfg_scale, "this run")
    return replace(run, config=config)


def refuse_idle_guidance(args, run, sampling):
    """RequestError for a flag of guidance that would change no image."""
    from mdgen.schedulers import spaced_timesteps

    levels, (low, high) = run.config.diffusion.num_timesteps, sampling.cfg_interval
    if args.cfg_interval and sampling.cfg_scale == 1.0:
        raise RequestError("--cfg-interval changes nothing at --cfg-scale 1; give another scale, or leave it out")
    visited = spaced_timesteps(levels, sampling.steps, sampling.spacing) / levels
    if args.cfg_interval and not ((low <= visited) & (visited <= high)).any():
        raise RequestError(f"--cfg-interval {low:g} {high:g} holds none of the {sampling.steps} steps; give a wider "
                           "one, or more --steps")
    if args.autoguidance_scale not in (None, 1.0) and args.users and not set(args.users) & set(run.users.names):
        raise RequestError("--autoguidance-scale changes nothing for enrolled users, whom the early checkpoint does "
                           "not know; leave it out")


def asked_format(args, run):
    """The FileFormat that the flags ask for, by default that of the training files."""
    from mdgen.data.source_files import FileFormat

    files = run.file_format
    if args.size:
        if not all(0 < side < 65536 for side in args.size):
            raise RequestError(f"--size is {args.size[0]} {args.size[1]}; expected height and width in pixels")
        files = replace(files, height=args.size[0], width=args.size[1])
    kind = {"png": "PNG", "jpg": "JPEG", "npy": "NPY", None: files.kind}[args.format]
    if kind != files.kind:
        mode = {"I;16": "L"}.get(files.mode, files.mode) if kind == "JPEG" else files.mode
        files = FileFormat(kind, files.height, files.width, mode, depth=files.depth)
    return files


def write_reconstructions(args, run, device):
    """Real images through the reader, the writer and the autoencoder."""
    from mdgen import distributed
    from mdgen.runs.reconstruct import AUTOENCODED, READ_AND_WRITTEN, reconstruct
    from mdgen.training.log import ShowProgress

    files = asked_format(args, run)
    if args.output_dir is None:
        raise RequestError("--reconstruct needs --output-dir, a new folder for the images")
    if files.kind == "NPY":
        raise RequestError("--reconstruct writes pictures; give --format png or jpg, or leave it out")
    if distributed.is_main():
        count = reconstruct(run, args.reconstruct, args.output_dir, files, device=device, stage=args.stage,
                            progress=ShowProgress("reconstruct", "image"), reading=ShowProgress("read images"))
        print(f"{count} images in {args.output_dir / READ_AND_WRITTEN}, and through the autoencoder in "
              f"{args.output_dir / AUTOENCODED}")
    distributed.shut_down()
    return commandline.OK


def main(argv):
    args = parser().parse_args(argv)
    run = open_configured(args)
    from mdgen import distributed
    from mdgen.runs.draw import sample_users
    from mdgen.training.log import ShowProgress

    device = distributed.init_from_environment(args.device)
    if args.reconstruct is not None:
        return write_reconstructions(args, run, device)
    enrolled = set(args.users or ()) - set(run.users.names)
    files = asked_format(args, run)
    usual = f"samples{'_enrolled' * bool(enrolled)}{'_npy' * (files.kind == 'NPY')}"
    folder = args.output_dir or run.path / usual
    rows = sample_users(run, folder, per_user=args.samples_per_user, users=args.users, seed=args.seed,
                        overwrite=args.overwrite, device=device, progress=ShowProgress("generate", "image"),
                        weights=args.weights, stage=args.stage, files=files)
    if distributed.is_main():
        fake = f" --generated {folder}" if args.output_dir else ""
        partial = enrolled or args.users or files.kind == "NPY"   # no set that a report could be made of
        then = "" if partial else f"; next: python evaluate.py samples {run.path}{fake}"
        users = len({row.user for row in rows})
        print(commandline.worded(f"{len(rows)} images of {users} users in {folder}{then}"))
    distributed.shut_down()
    return commandline.OK
