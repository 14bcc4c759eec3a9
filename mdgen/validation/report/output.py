"""The folder that a report is written to, and figures as JSON."""

import contextlib
import json
import math
from pathlib import Path

import numpy as np

from mdgen.errors import RunError


@contextlib.contextmanager
def report_folder(folder: Path):
    """Context in which files are written to a folder that is made if need be; RunError where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise RunError(f"the report cannot be written to {folder} ({error.strerror or error}); make room, "
                       "or give another --report-dir") from None


def to_json(results: dict) -> str:
    """JSON without NaN or infinity, which are no JSON: they become null."""
    return json.dumps(plain(results), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value):
    """NumPy and nested values as what JSON knows."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
