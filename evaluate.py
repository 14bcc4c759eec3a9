"""Judge a run and what it has drawn: `python evaluate.py samples RUN`.

samples writes RUN/report/index.html, report.json and contact_sheet.png, and prints the verdict and the figures with
their floors and ceilings. vae judges the autoencoder on its own, check whether the parts of a run fit together, sweep
draws and judges a few images at several strengths of guidance, environment says what is installed.
"""

import argparse
import sys
from pathlib import Path

from mdgen import commandline

# which flags a task reads; any other one is refused, since a flag that does nothing misleads
FLAGS = {"samples": {"real", "held_out", "fake", "report_dir", "threshold", "strict", "inception_weights",
                     "download_weights", "resize", "device"},
         "vae": {"real", "report_dir", "strict", "lpips_weights", "device"},
         "check": {"device"},
         "sweep": {"real", "report_dir", "guidance", "scales", "intervals", "samples_per_user", "device"},
         "environment": {"inception_weights", "lpips_weights"}}

EXAMPLES = """examples:
  python evaluate.py samples runs/demo
  python evaluate.py samples runs/mine --fake drawn/ --report-dir report_drawn/
  python evaluate.py samples runs/mine --held-out other_day/ --threshold copy_rate=0.01 --threshold fid=off --strict
  python evaluate.py vae runs/mine
  python evaluate.py check runs/mine
  python evaluate.py sweep runs/mine --scales 1 1.5 2 3 --intervals 0-1 0-0.8
  python evaluate.py environment"""


def parser():
    p = commandline.Parser(prog="evaluate.py", description=__doc__, epilog=EXAMPLES,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("task", choices=list(FLAGS), metavar="|".join(FLAGS))
    p.add_argument("run", type=Path, nargs="?", metavar="RUN", help="the output folder of train.py")
    p.add_argument("--model-dir", type=Path, help="the same as RUN, for old command lines")
    p.add_argument("--real", type=Path, metavar="DIR", help="real user folders (default: those the run was trained on)")
    p.add_argument("--held-out", type=Path, metavar="DIR",
                   help="other real recordings of the same users as the ceiling (default: the held-out part of --real)")
    p.add_argument("--fake", type=Path, metavar="DIR", help="drawn user folders (default: RUN/samples)")
    p.add_argument("--report-dir", type=Path, help="default: RUN/report")
    p.add_argument("--threshold", action="append", metavar="NAME=VALUE",
                   help="change a threshold of the verdict, or NAME=off; may be given several times")
    p.add_argument("--strict", action="store_true", default=None,
                   help="exit with status 1 unless the verdict is passed")
    p.add_argument("--inception-weights", type=Path, metavar="FILE",
                   help="the 2015 FID weights (default: environment variable, torch hub's cache)")
    p.add_argument("--download-weights", action="store_true", default=None,
                   help="fetch the FID weights where they are missing")
    p.add_argument("--resize", choices=["pytorch-fid", "clean-fid", "torch-fidelity"],
                   help="how images are brought to Inception's 299 pixels (default: pytorch-fid)")
    p.add_argument("--lpips-weights", type=Path, metavar="DIR", help="the LPIPS weights")
    p.add_argument("--guidance", choices=["free", "auto", "free+auto", "classifier"],
                   help="what sweep sweeps (default: the run's; of free+auto the first scale)")
    p.add_argument("--scales", type=float, nargs="+", metavar="SCALE",
                   help="default: 1 1.5 2 3, for a classifier 0 0.5 1 2")
    p.add_argument("--intervals", nargs="+", metavar="LOW-HIGH",
                   help="shares of the noise levels, 0 clean to 1 noise, at which guidance acts, of free+auto the first "
                        "part (default: 0-1 0-0.8)")
    p.add_argument("--samples-per-user", type=int, help="images of every user at each setting (default: 10)")
    p.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    return p


def main(argv):
    args = parser().parse_args(argv)
    from mdgen.errors import RequestError

    for flag in sorted(set().union(*FLAGS.values()) - FLAGS[args.task]):
        if getattr(args, flag) is not None:
            raise RequestError(f"--{flag.replace('_', '-')} is not for evaluate.py {args.task}, which would not read "
                               "it; leave it out")
    if args.task == "environment":
        from mdgen.validation.checks.environment import describe_environment
        print("\n".join(describe_environment(args.inception_weights, args.lpips_weights)))
        return commandline.OK
    path = commandline.run_argument(args, f"evaluate.py {args.task} runs/demo")
    passed = {"samples": judge_samples, "vae": judge_vae, "check": check, "sweep": sweep_guidance}[args.task](
        args, path, " ".join(["evaluate.py", *argv]))
    return commandline.FAILED if not passed and (args.strict or args.task == "check") else commandline.OK


def judge_samples(args, path, command) -> bool:
    from mdgen.errors import RequestError
    from mdgen.models.inception import find_inception_weights, load_inception
    from mdgen.runs.folder import RunFolder
    from mdgen import distributed
    from mdgen.training.log import ShowProgress
    from mdgen.validation.evaluate_samples import evaluate_samples, summary
    from mdgen.validation.report.verdict import PASSED, parse_thresholds

    thresholds = parse_thresholds(args.threshold)
    run = RunFolder.open(path)
    wanted = args.download_weights or find_inception_weights(args.inception_weights)
    if args.resize and not wanted:
        raise RequestError("--resize is for Inception features, but there are no weights; give --inception-weights, or "
                           "leave it out")
    inception = load_inception(args.inception_weights, download=bool(args.download_weights)) if wanted else None
    device = distributed.init_from_environment(args.device)
    report_dir = args.report_dir or run.path / "report"
    results = evaluate_samples(run, args.real or Path(run.users.data_dir), args.fake or run.samples, report_dir,
                               held_out_dir=args.held_out, inception=inception,
                               resize=args.resize or "pytorch-fid", thresholds=thresholds,
                               device=device, progress=ShowProgress, command=command)
    if distributed.is_main():
        print(summary(results))
        print(f"report: {report_dir / 'index.html'}")
    distributed.shut_down()
    return results["verdict"]["overall"] == PASSED


def judge_vae(args, path, command) -> bool:
    from mdgen.runs.folder import RunFolder
    from mdgen import distributed
    from mdgen.training.log import ShowProgress
    from mdgen.validation.evaluate_vae import evaluate_vae, vae_summary

    run = RunFolder.open(path)
    device = distributed.init_from_environment(args.device)
    report_dir = args.report_dir or run.path / "report"
    results = evaluate_vae(run, args.real or Path(run.users.data_dir), report_dir, lpips_weights=args.lpips_weights,
                           device=device, progress=ShowProgress, command=command)
    if distributed.is_main():
        print(vae_summary(results))
        print(f"report: {report_dir / 'vae.json'} and vae.png")
    distributed.shut_down()
    return all(criterion["passed"] for criterion in results["verdict"])


def sweep_guidance(args, path, command) -> bool:
    from mdgen.runs.folder import RunFolder
    from mdgen import distributed
    from mdgen.training.log import ShowProgress
    from mdgen.validation.sweep import parse_interval, sweep
    from mdgen.validation.report.sweep_page import sweep_summary

    intervals = args.intervals and [parse_interval(text) for text in args.intervals]
    run = RunFolder.open(path)
    device = distributed.init_from_environment(args.device)
    report_dir = args.report_dir or run.path / "report"
    per_user = 10 if args.samples_per_user is None else args.samples_per_user
    results = sweep(run, args.real or Path(run.users.data_dir), report_dir, device=device, guidance=args.guidance,
                    scales=args.scales, intervals=intervals, per_user=per_user, progress=ShowProgress, command=command)
    if distributed.is_main():
        print(sweep_summary(results))
        print(f"report: {report_dir / 'sweep.html'}")
    distributed.shut_down()
    return True


def check(args, path, command) -> bool:
    from mdgen import distributed
    from mdgen.validation.checks.run import check_run, check_summary

    findings = check_run(path, distributed.init_from_environment(args.device))
    if distributed.is_main():
        print(check_summary(findings))
    distributed.shut_down()
    return all(finding.ok for finding in findings)


if __name__ == "__main__":
    sys.exit(commandline.run(main))
