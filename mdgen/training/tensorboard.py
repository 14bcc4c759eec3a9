"""What a run's log has, as TensorBoard reads it. Needs the extra `tensorboard`."""

import shutil
from pathlib import Path

from mdgen.errors import RequestError
from mdgen.training.log import read_log


def check_tensorboard() -> None:
    """RequestError where TensorBoard is not installed."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise RequestError("--tensorboard needs the package tensorboard; pip install 'mdgen[tensorboard]', or leave "
                           "the flag out: log.jsonl has the same figures") from None


def write_tensorboard(run_path: Path) -> None:
    """Write RUN/tensorboard anew from log.jsonl, if there is one: every figure as <stage>/<name> over the step."""
    from torch.utils.tensorboard import SummaryWriter

    if not (run_path / "log.jsonl").exists():
        return   # nothing was trained, and why is told elsewhere
    folder = run_path / "tensorboard"
    shutil.rmtree(folder, ignore_errors=True)
    with SummaryWriter(str(folder)) as writer:
        for entry in read_log(run_path / "log.jsonl"):
            for name, value in entry.items():
                if name not in ("time", "stage", "step") and isinstance(value, (int, float)):
                    writer.add_scalar(f"{entry['stage']}/{name}", value, entry["step"], walltime=entry["time"])
