"""Judge what a run has drawn: `python evaluate.py samples RUN`.

Writes RUN/report/index.html, report.json and contact_sheet.png, and prints the figures with their floors and ceilings.
"""

import argparse
import sys
from pathlib import Path

from mdgen import commandline

TASKS = ("samples", "environment")
LATER = {"vae": "checking the autoencoder on its own", "check": "checking that the parts of a run fit together",
         "sweep": "sweeping guidance scale and interval"}

EXAMPLES = """examples:
  python evaluate.py samples runs/demo
  python evaluate.py samples runs/mine --fake drawn/ --report-dir report_drawn/
  python evaluate.py environment"""


def parser():
    p = commandline.Parser(prog="evaluate.py", description=__doc__, epilog=EXAMPLES,
                           formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("task", choices=[*TASKS, *LATER], help="samples: judge drawn images; environment: what is installed")
    p.add_argument("run", type=Path, nargs="?", metavar="RUN", help="the output folder of train.py")
    p.add_argument("--model-dir", type=Path, help="the same as RUN, for old command lines")
    p.add_argument("--real", type=Path, metavar="DIR", help="real user folders (default: those the run was trained on)")
    p.add_argument("--fake", type=Path, metavar="DIR", help="drawn user folders (default: RUN/samples)")
    p.add_argument("--report-dir", type=Path, help="default: RUN/report")
    p.add_argument("--inception-weights", type=Path,
                   help="the 2015 FID weights; environment says whether they are found")
    p.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    return p


def main(argv):
    args = parser().parse_args(argv)
    from mdgen.errors import RequestError

    if args.task in LATER:
        raise RequestError(f"evaluate.py {args.task} ({LATER[args.task]}) is not in this version; "
                           f"expected one of {', '.join(TASKS)}")
    if args.task == "environment":
        from mdgen.validation.environment import describe_environment
        print("\n".join(describe_environment(args.inception_weights)))
        return 0
    path = commandline.run_argument(args, "evaluate.py samples runs/demo")
    if args.inception_weights is not None:
        raise RequestError("--inception-weights is for evaluate.py environment; the report does not use Inception "
                           "features in this version, so leave the flag out")
    return judge_samples(args, path, " ".join(["evaluate.py", *argv]))


def judge_samples(args, path, command):
    from mdgen.run_folder import RunFolder
    from mdgen.training import distributed
    from mdgen.training.logger import ShowProgress
    from mdgen.validation.evaluate_samples import evaluate_samples, summary

    run = RunFolder.open(path)
    device = distributed.init_from_environment(args.device)
    report_dir = args.report_dir or run.path / "report"
    results = evaluate_samples(run, args.real or Path(run.users.data_dir), args.fake or run.samples, report_dir,
                               device=device, progress=ShowProgress, command=command)
    if distributed.is_main():
        print(summary(results))
        print(f"report: {report_dir / 'index.html'}")
    distributed.shut_down()
    return 0


if __name__ == "__main__":
    sys.exit(commandline.run(main))
