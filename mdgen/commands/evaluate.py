"""Judge a run and its generated images: `python evaluate.py samples RUN`.

samples writes RUN/report/index.html, report.json and contact_sheet.png, and prints the verdict and the figures with
their floors and ceilings. vae judges the autoencoder on its own, check whether the parts of a run fit together, sweep
generates and judges a few images at several strengths of guidance, usefulness says what generated images add to
identification (--honest: those of generators that have seen no more real images than the classifier), folders makes
the report of samples for images of any generator, without a run, environment says what is installed. data looks at a
folder of users for what is likely wrong with it, and writes data_report/index.html and data.json; its exit status is 1
where something needs a decision.
"""

from pathlib import Path

from mdgen import commandline
from mdgen.errors import RequestError

# which flags a task reads; any other one is refused, since a flag that does nothing misleads
JUDGED = {"real", "held_out", "generated", "report_dir", "threshold", "strict", "require", "inception_weights",
          "other_weights", "download_weights", "resize", "device"}
FLAGS = {"samples": JUDGED,
         "folders": JUDGED | {"reference", "save_reference", "size", "gap"},
         "vae": {"real", "report_dir", "strict", "lpips_weights", "device"},
         "check": {"device"},
         "sweep": {"real", "report_dir", "vary", "scales", "intervals", "samples_per_user", "device"},
         "usefulness": {"real", "held_out", "generated", "honest", "sizes", "samples_per_user", "lpips_weights",
                        "device"},
         "data": {"report_dir", "gap"},
         "environment": {"inception_weights", "lpips_weights"}}

EXAMPLES = """examples:
  python evaluate.py data data/
  python evaluate.py samples runs/demo
  python evaluate.py samples runs/mine --generated generated/ --report-dir report_generated/
  python evaluate.py samples runs/mine --held-out other_day/ --threshold copy_rate=0.01 --threshold fid=off --strict
  python evaluate.py vae runs/mine
  python evaluate.py check runs/mine
  python evaluate.py sweep runs/mine --scales 1 1.5 2 3 --intervals 0-1 0-0.8
  python evaluate.py usefulness runs/mine --honest --sizes 5 20
  python evaluate.py folders --real data/ --generated other/ --report-dir report_other/ --save-reference real.npz
  python evaluate.py folders --reference real.npz --generated third/ --report-dir report_third/
  python evaluate.py environment"""


def parser():
    p = commandline.Parser(description=__doc__, epilog=EXAMPLES)
    p.add_argument("task", choices=list(FLAGS), metavar="|".join(FLAGS))
    p.add_argument("run", type=Path, nargs="?", metavar="RUN",
                   help="the output folder of train.py; of data: a folder of users")
    p.add_argument("--model-dir", type=Path, help="the same as RUN, for old command lines")
    p.add_argument("--real", type=Path, metavar="DIR", help="real user folders (default: those the run was trained on)")
    p.add_argument("--held-out", type=Path, metavar="DIR",
                   help="other real recordings of the same users as the ceiling (default: the held-out part of --real)")
    p.add_argument("--generated", "--fake", type=Path, metavar="DIR",
                   help="generated user folders (default: RUN/samples)")
    p.add_argument("--reference", type=Path, metavar="FILE", help="of folders: what --save-reference kept, for --real")
    p.add_argument("--save-reference", type=Path, metavar="FILE",
                   help="of folders: keep the real images' statistics and the judges, and no image")
    p.add_argument("--size", type=int, nargs=2, metavar=("H", "W"),
                   help="of folders: pixels at which images are compared (default: those of the smaller, at most 128)")
    p.add_argument("--gap", type=int, metavar="N",
                   help="of folders and data: images this far apart may share samples, 0 for none (default: 4; "
                   "windows.csv knows better)")
    p.add_argument("--report-dir", type=Path, help="default: RUN/report; of data: data_report")
    add_verdict_flags(p)
    p.add_argument("--lpips-weights", type=Path, metavar="DIR", help="the LPIPS weights")
    add_study_flags(p)
    p.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    return p


def add_verdict_flags(p):
    """What decides between passed and failed, and the weights that FID needs."""
    p.add_argument("--threshold", action="append", metavar="NAME=VALUE",
                   help="change a threshold of the verdict, or NAME=off; may be given several times")
    p.add_argument("--strict", action="store_true", default=None,
                   help="exit with status 1 unless the verdict is passed; it may lack fid and inception_score")
    p.add_argument("--require", action="append", metavar="NAME",
                   help="a criterion without which the verdict is not passed, such as fid; may be given several times")
    p.add_argument("--inception-weights", type=Path, metavar="FILE",
                   help="the 2015 FID weights (default: environment variable, torch hub's cache)")
    p.add_argument("--other-weights", action="store_true", default=None,
                   help="take --inception-weights of another origin: their figures are no FID and are named so")
    p.add_argument("--download-weights", action="store_true", default=None,
                   help="fetch the FID weights where they are missing")
    p.add_argument("--resize", choices=["pytorch-fid", "clean-fid", "torch-fidelity"],
                   help="how images are brought to Inception's 299 pixels (default: pytorch-fid)")


def add_study_flags(p):
    """What sweep and usefulness vary."""
    p.add_argument("--vary", choices=["cfg", "autoguidance", "classifier"],
                   help="whose scale sweep varies (default: cfg, classifier-free guidance); the others stay the run's")
    p.add_argument("--scales", type=float, nargs="+", metavar="SCALE",
                   help="default: 1 1.5 2 3, for a classifier 0 0.5 1 2")
    p.add_argument("--intervals", nargs="+", metavar="LOW-HIGH",
                   help="shares of the noise levels, 0 clean to 1 noise, at which cfg acts (default: 0-1 0-0.8)")
    p.add_argument("--samples-per-user", type=int,
                   help="images of every user at each setting (default: 10), or of each of the --honest generators "
                        "(default: as many as RUN/samples has, else 30)")
    p.add_argument("--honest", action="store_true", default=None,
                   help="train a generator on few real images alone, for every size; says first what that costs")
    p.add_argument("--sizes", type=int, nargs="+", metavar="N",
                   help="real images of every user that a generator is trained on (default: 5 10 20 50)")


def main(argv):
    args = parser().parse_args(argv)
    for flag in sorted(set().union(*FLAGS.values()) - FLAGS[args.task]):
        if getattr(args, flag) is not None:
            raise RequestError(f"--{flag.replace('_', '-')} is not for evaluate.py {args.task}; leave it out")
    if args.task == "environment":
        from mdgen.validation.checks.environment import describe_environment
        print("\n".join(describe_environment(args.inception_weights, args.lpips_weights)))
        return commandline.OK
    if args.task == "data":
        from mdgen.commands.data_check import judge_data
        return judge_data(args, " ".join(["evaluate.py", *argv]))
    path = None if args.task == "folders" else commandline.run_argument(args, f"evaluate.py {args.task} runs/demo")
    if args.task == "folders":
        check_folders(args)
    from mdgen import distributed

    task = {"samples": judge_samples, "folders": judge_folders, "vae": judge_vae, "check": check,
            "sweep": sweep_guidance, "usefulness": measure_usefulness}[args.task]
    device = distributed.init_from_environment(args.device)
    said, passed = task(args, path, device, " ".join(["evaluate.py", *argv]))
    if distributed.is_main():
        print(commandline.worded("\n".join(said)))
    distributed.shut_down()
    return commandline.FAILED if not passed and (args.strict or args.task == "check") else commandline.OK


def opened(args, path):
    """(run, real images' folder, report's folder, progress) of the tasks that judge a run."""
    from mdgen.runs.folder import RunFolder
    from mdgen.training.log import ShowProgress

    run = RunFolder.open(path)
    return run, args.real or Path(run.users.data_dir), args.report_dir or run.path / "report", ShowProgress


def judge_samples(args, path, device, command):
    """Lines to print, and whether the verdict is passed; so too the other tasks."""
    from mdgen.validation.evaluate_samples import evaluate_samples

    shared = verdict_options(args) | inception_options(args)
    run, real, report_dir, progress = opened(args, path)
    results = evaluate_samples(run, real, args.generated or run.samples, report_dir, held_out_dir=args.held_out,
                               device=device, progress=progress, command=command, **shared)
    return reported(results, report_dir)


def check_folders(args):
    """RequestError where folders lacks one of its folders, or is given what it cannot use."""
    wanted = {"--generated": args.generated, "--report-dir": args.report_dir,
              "--real (or --reference)": args.real or args.reference}
    if args.run or args.model_dir:
        raise RequestError(f"folders judges images without a run, but was given {args.run or args.model_dir}; leave it "
                           "out, or use evaluate.py samples")
    if missing := [flag for flag, value in wanted.items() if value is None]:
        raise RequestError(f"{missing[0]} is missing; expected evaluate.py folders --real DIR --generated DIR "
                           "--report-dir DIR")
    useless = ("real", "held_out", "save_reference", "size", "gap", "inception_weights", "download_weights", "resize",
               "other_weights")
    if args.reference and (given := [flag for flag in useless if getattr(args, flag) is not None]):
        raise RequestError(f"--{given[0].replace('_', '-')} is not for --reference, which holds all of the real images "
                           "that it can; leave one out")


def judge_folders(args, path, device, command):
    from mdgen.training.log import ShowProgress
    from mdgen.validation.evaluate_folders import evaluate_against_reference, evaluate_folders

    shared = {**verdict_options(args), "device": device, "progress": ShowProgress, "command": command}
    if args.reference:
        results = evaluate_against_reference(args.reference, args.generated, args.report_dir, **shared)
    else:
        results = evaluate_folders(args.real, args.generated, args.report_dir, held_out_dir=args.held_out,
                                   size=args.size, gap=args.gap, save_reference=args.save_reference, **shared,
                                   **inception_options(args))
    return reported(results, args.report_dir)


def verdict_options(args) -> dict:
    from mdgen.validation.report.verdict import parse_required, parse_thresholds

    thresholds, required = parse_thresholds(args.threshold), parse_required(args.require)
    if contrary := [name for name in required if thresholds.get(name, 0) is None]:
        raise RequestError(f"--require {contrary[0]} and --threshold {contrary[0]}=off contradict each other; "
                           "leave one out")
    return {"thresholds": thresholds, "required": required}


def inception_options(args) -> dict:
    """The Inception network with its weights, where there are any, and how images are brought to its size."""
    from mdgen.models.inception import find_inception_weights, load_inception

    wanted = args.download_weights or find_inception_weights(args.inception_weights)
    for flag, value in (("resize", args.resize), ("other-weights", args.other_weights)):
        if value and not wanted:
            raise RequestError(f"--{flag} needs Inception features; give --inception-weights, or leave it out")
    inception = load_inception(args.inception_weights, download=bool(args.download_weights),
                               other=bool(args.other_weights)) if wanted else None
    return {"inception": inception, "resize": args.resize or "pytorch-fid"}


def reported(results: dict, report_dir):
    from mdgen.validation.report.summary import summary
    from mdgen.validation.report.verdict import PASSED

    return [summary(results), f"report: {report_dir / 'index.html'}"], results["verdict"]["overall"] == PASSED


def judge_vae(args, path, device, command):
    from mdgen.validation.evaluate_vae import evaluate_vae, vae_summary

    run, real, report_dir, progress = opened(args, path)
    results = evaluate_vae(run, real, report_dir, lpips_weights=args.lpips_weights, device=device, progress=progress,
                           command=command)
    return ([vae_summary(results), f"report: {report_dir / 'vae.json'} and vae.png"],
            all(criterion["passed"] for criterion in results["verdict"]))


def sweep_guidance(args, path, device, command):
    from mdgen.validation.report.sweep_page import sweep_summary
    from mdgen.validation.sweep import parse_interval, sweep

    intervals = args.intervals and [parse_interval(text) for text in args.intervals]
    run, real, report_dir, progress = opened(args, path)
    per_user = 10 if args.samples_per_user is None else args.samples_per_user
    results = sweep(run, real, report_dir, device=device, vary=args.vary or "cfg", scales=args.scales,
                    intervals=intervals, per_user=per_user, progress=progress, command=command)
    return [sweep_summary(results), f"report: {report_dir / 'sweep.html'}"], True


def measure_usefulness(args, path, device, command):
    from dataclasses import replace

    from mdgen import distributed
    from mdgen.validation.honest_usefulness import honest_usefulness
    from mdgen.validation.report.usefulness_table import honest_lines, study_lines

    for flag in ("sizes", "samples_per_user", "lpips_weights"):
        if getattr(args, flag) is not None and not args.honest:
            raise RequestError(f"--{flag.replace('_', '-')} is for evaluate.py usefulness --honest; add --honest")
    run, real, _, progress = opened(args, path)
    said, fake = [], args.generated or run.samples
    if args.honest:
        found = honest_usefulness(replace(run, lpips_weights=args.lpips_weights), real, device=device,
                                  held_out_dir=args.held_out, sizes=args.sizes, per_user=args.samples_per_user,
                                  progress=progress, command=command,
                                  say=lambda line: distributed.is_main() and print(line, flush=True))
        said = [*honest_lines(found), f"runs and result: {run.path / 'report' / 'honest'}, honest.json"]
    if args.generated or fake.is_dir() or not args.honest:
        said += study_lines(report_study(run, real, fake, args.held_out, device, progress))
    return said, True


def report_study(run, real, fake, held_out, device, progress):
    """The report's usefulness curve without the rest of the report, which shares what is kept of it."""
    from mdgen.files import digest
    from mdgen.validation.cache import Cache
    from mdgen.validation.evaluate_samples import SETS, study
    from mdgen.validation.honest_usefulness import refuse_without_seeds
    from mdgen.validation.image_sets import read_sets
    from mdgen.validation.judges.features import unjudged

    refuse_without_seeds(run)
    sets = [unjudged(part.folders, part.rows) for part in read_sets(run, real, fake, held_out, progress)[1]]
    hashes = {name: digest(s.images, s.users) for name, s in zip(SETS, sets)}
    return study(sets, run.config, hashes, Cache(run.path / "report" / "cache"), device, progress)


def check(args, path, device, command):
    from mdgen.validation.checks.run import check_run, check_summary

    findings = check_run(path, device)
    return [check_summary(findings)], all(finding.ok for finding in findings)
