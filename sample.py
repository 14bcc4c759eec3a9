"""Draw images from a trained run: `python sample.py RUN --samples-per-user 10`.

Writes <output>/<user>/*.png, manifest.csv and contact_sheet.png; an interrupted command continues.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from mdgen import commandline

EXAMPLES = """examples:
  python sample.py runs/demo --samples-per-user 20
  python sample.py runs/mine --users ID_1 ID_7 --sampler ddim --steps 50 --guidance-scale 2 --output-dir drawn/"""


def parser():
    p = commandline.Parser(prog="sample.py", description=__doc__, epilog=EXAMPLES,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=Path, nargs="?", metavar="RUN", help="the output folder of train.py")
    p.add_argument("--model-dir", type=Path, help="the same as RUN, for old command lines")
    p.add_argument("--samples-per-user", type=int, default=10)
    p.add_argument("--output-dir", type=Path, help="default: RUN/samples; with enrolled persons samples_enrolled")
    p.add_argument("--users", nargs="+", metavar="USER", help="draw these users only")
    p.add_argument("--sampler", choices=["ddim", "ddpm", "dpm"], help="default: the run's")
    p.add_argument("--steps", type=int, help="denoiser evaluations per image (default: the run's)")
    p.add_argument("--eta", type=float, help="DDIM's share of DDPM noise, 0 to 1")
    p.add_argument("--guidance", choices=["free", "auto", "free+auto", "classifier"],
                   help="away from the null user, from an early checkpoint, from both, or along a classifier's gradient "
                        "(default: the run's)")
    p.add_argument("--guidance-scale", "--condition-scale", type=float, dest="guidance_scale",
                   help="uncond + SCALE (cond - uncond); 1 is plain, for a classifier 0; of free+auto the first part "
                        "alone (default: the run's)")
    p.add_argument("--auto-scale", type=float, help="of free+auto: how far from the early checkpoint, at all noise "
                   "levels; 1 is none (default: the run's)")
    p.add_argument("--guidance-interval", type=float, nargs=2, metavar=("LOW", "HIGH"),
                   help="guide between these shares of the noise levels alone, 0 clean to 1 noise; of free+auto the first "
                        "part alone (default: the run's)")
    p.add_argument("--seed", type=int, default=0, help="the same seed, user and index give the same image")
    p.add_argument("--batch-size", type=int, help="images drawn at once (default: the run's)")
    p.add_argument("--weights", default="ema", metavar="ema|raw|ema:DECAY",
                   help="averaged weights (the default), those of the last step, or an average of another decay, if "
                        "the run kept one: --stage diffusion, diffusion_training.extra_ema_decays")
    p.add_argument("--stage", choices=["diffusion", "joint"],
                   help="whose weights draw (default: joint where the run has it)")
    p.add_argument("--overwrite", action="store_true", help="replace images drawn with other settings")
    p.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    return p


def open_configured(args):
    """The run with the command line's sampling settings."""
    from mdgen.errors import RequestError
    from mdgen.runs.folder import RunFolder

    path = commandline.run_argument(args, "sample.py runs/demo")
    if args.samples_per_user < 1:
        raise RequestError(f"--samples-per-user is {args.samples_per_user}; expected 1 or more")
    run = RunFolder.open(path)
    asked = {key: getattr(args, key) for key in ("sampler", "steps", "eta", "guidance", "guidance_scale",
                                                   "auto_scale", "batch_size")}
    asked["guidance_interval"] = args.guidance_interval and tuple(args.guidance_interval)
    sampling = replace(run.config.sampling, **{key: value for key, value in asked.items() if value is not None})
    if sampling.steps > run.config.diffusion.num_timesteps:
        raise RequestError(f"--steps is {sampling.steps}; the run has {run.config.diffusion.num_timesteps} noise "
                           "levels; ask for at most that many")
    config = replace(run.config, sampling=sampling)   # checks every value
    if args.eta and sampling.sampler != "ddim":
        raise RequestError(f"--eta is {args.eta}, but sampler {sampling.sampler} has no such setting; add --sampler "
                           "ddim, or leave --eta out")
    run = replace(run, config=config)
    refuse_idle_guidance(args, run)
    return run


def not_trained(args, run) -> set:
    """Those of --users whom the run was not trained with."""
    return set(args.users or ()) - set(run.users.names)


def refuse_idle_guidance(args, run):
    """RequestError for a kind or an interval of guidance at the scale that does not guide, or where no step would."""
    from mdgen.diffusion.guidance import interval_idle, is_plain
    from mdgen.errors import RequestError
    from mdgen.schedulers import spaced_timesteps

    sampling, levels = run.config.sampling, run.config.diffusion.num_timesteps
    with_auto = sampling.guidance == "free+auto"
    if args.auto_scale is not None and not with_auto:
        raise RequestError(f"--auto-scale changes nothing in guidance {sampling.guidance}; add --guidance free+auto, or "
                           "leave it out")
    if args.auto_scale is not None and args.users and not_trained(args, run) == set(args.users):
        raise RequestError("--auto-scale changes nothing for enrolled persons, whom the early checkpoint does not know; "
                           "leave it out")
    given = ["--guidance-interval"] if args.guidance_interval else []
    asks_for_none = args.guidance == "free" and is_plain(sampling)
    if args.guidance and not asks_for_none and not (with_auto and sampling.by_early):   # that acts at every level
        given.insert(0, "--guidance")
    if given and interval_idle(sampling):
        raise RequestError(f"{given[0]} changes nothing at guidance scale {sampling.guidance_scale:g}, which is plain "
                           f"for guidance {sampling.guidance}; give another scale, or leave it out")
    if args.guidance_scale is not None and not interval_idle(sampling):
        given.append("--guidance-scale")
    low, high = sampling.guidance_interval
    visited = spaced_timesteps(levels, sampling.steps, sampling.spacing) / levels
    if given and not ((low <= visited) & (visited <= high)).any():
        raise RequestError(f"{given[0]} changes nothing: none of the {sampling.steps} steps lies within the guidance "
                           f"interval {low:g} to {high:g}; give more --steps or another --guidance-interval")


def main(argv):
    args = parser().parse_args(argv)
    run = open_configured(args)
    from mdgen.runs.draw import sample_users
    from mdgen import distributed
    from mdgen.training.log import ShowProgress

    device = distributed.init_from_environment(args.device)
    enrolled = not_trained(args, run)
    folder = args.output_dir or (run.path / "samples_enrolled" if enrolled else run.samples)
    rows = sample_users(run, folder, per_user=args.samples_per_user, users=args.users, seed=args.seed,
                        overwrite=args.overwrite, device=device, progress=ShowProgress("draw", "image"),
                        weights=args.weights, stage=args.stage)
    if distributed.is_main():
        then = "" if enrolled else f"; next: python evaluate.py samples {run.path}"
        print(f"{len(rows)} images of {len({row.user for row in rows})} users in {folder}{then}")
    distributed.shut_down()
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
