"""What the rows and columns of a folder's images stand for, where the folder says so."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mdgen.data.demo import TRUTH_FILE
from mdgen.data.image_io import shown
from mdgen.data.recorded_users import SHEET_FILE
from mdgen.errors import RequestError


@dataclass(frozen=True)
class ImageAxes:
    """Axes of images of any size in pixels.

    lowest, highest: velocity in m/s at the lower and upper edge, approaching positive. duration_s: seconds from the
    left to the right edge; None where it differs between images. dynamic_range_db: between intensity 1 and 0.
    """

    lowest: float
    highest: float
    duration_s: float | None = None
    dynamic_range_db: float = 40.0

    def velocity(self, height: int):
        """Velocity [height] in m/s of the rows' centres, falling."""
        return self.highest - (np.arange(height) + 0.5) * (self.highest - self.lowest) / height

    def time_s(self, width: int):
        """Time [width] in s of the columns' centres; ValueError where the duration is not known."""
        if self.duration_s is None:
            raise ValueError("these axes have no duration")
        return (np.arange(width) + 0.5) * self.duration_s / width


def find_axes(data_dir) -> ImageAxes | None:
    """The axes that data_dir/walkers.json (demo users) or data_dir/recordings.json (recorded users) tells.

    None where there is neither file. On a gait-normalised time axis every image has its own duration; duration_s is
    then None. Raises RequestError for a file that cannot be read.
    """
    for path in (Path(data_dir) / name for name in (TRUTH_FILE, SHEET_FILE)):
        if path.is_file():
            try:
                told = json.loads(path.read_text(encoding="utf-8"))["axes"]
                duration_s = None
                if "time_s" in told:
                    start, stop = edges(told["time_s"])
                    duration_s = stop - start
                return ImageAxes(*edges(told["velocity_m_s"][::-1]), duration_s, float(told["dynamic_range_db"]))
            except (OSError, ValueError, KeyError, TypeError, IndexError, ZeroDivisionError) as error:
                raise RequestError(f"{shown(path)} does not tell the images' axes ({type(error).__name__}: {error}); "
                                   "restore it, or remove it to judge the images without axes") from error
    return None


def edges(centres):
    """(first, last) edge of cells of one width from their rising centres [n >= 2]."""
    half = (centres[-1] - centres[0]) / (len(centres) - 1) / 2
    return float(centres[0] - half), float(centres[-1] + half)
