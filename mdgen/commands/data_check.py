"""What `evaluate.py data DIR` prints and writes, and what `train.py` says of its data before it trains."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from mdgen import commandline
from mdgen.errors import RequestError

REPORT = Path("data_report")
AUTO = "data.crop=auto"


def judge_data(args, command: str) -> int:
    """Look at a folder of users, print every finding in a line, write the page: the exit status."""
    from mdgen.config import DataConfig
    from mdgen.data.check.check import check_folder
    from mdgen.data.check.findings import to_decide
    from mdgen.training.log import ShowProgress
    from mdgen.validation.report.data_page import summary, write_data_report

    if args.run is None or args.model_dir:
        raise RequestError("data looks at a folder of users, not at a run; expected evaluate.py data DIR")
    if args.gap is not None and args.gap < 0:
        raise RequestError(f"--gap is {args.gap}; expected 0 or more")
    data, folder = DataConfig(), args.report_dir or REPORT
    data = data if args.gap is None else replace(data, gap=args.gap)
    found, findings = check_folder(args.run, data, ShowProgress("look at images"))
    write_data_report(found, findings, folder, command)
    print(commandline.worded("\n".join([*summary(found, findings), f"report: {folder / 'index.html'}"])))
    return commandline.FAILED if to_decide(findings) else commandline.OK


def warn_of_data(data_dir: Path, data, cache_dir: Path | None, *, strict: bool):
    """Print what needs a decision before training; RequestError instead where strict.

    Returns a function that keeps the findings in cache_dir, for when the run has begun.
    """
    from mdgen import distributed
    from mdgen.data.check.check import check_cached
    from mdgen.data.check.findings import to_decide
    from mdgen.training.log import ShowProgress

    findings, keep = check_cached(data_dir, data, cache_dir, ShowProgress("look at images"))
    findings = to_decide(findings)
    if strict and findings:
        more = f" ({len(findings) - 1} more: evaluate.py data {data_dir})" if len(findings) > 1 else ""
        raise RequestError(f"--strict-data refuses {data_dir}: {findings[0].line}{more}")
    if distributed.is_main():
        for finding in findings:
            print(commandline.worded(f"warning: {finding.line}"), file=sys.stderr)
    return keep


def with_crop(assignments: list, data_dir: Path | None, begun: Path) -> list:
    """`--set` assignments with numbers for data.crop=auto: those that the run was begun with, else what files show."""
    if AUTO not in (text.replace(" ", "") for text in assignments):
        return assignments
    from mdgen.data.check.check import find_crop
    from mdgen.runs.folder import read_config

    if begun.is_file():
        crop = read_config(begun).data.crop
    elif data_dir is None:
        raise RequestError(f"--set {AUTO} looks at your files; add --data-dir")
    else:
        crop = find_crop(data_dir)
    found = f"data.crop={json.dumps(list(crop))}"
    return [found if text.replace(" ", "") == AUTO else text for text in assignments]
