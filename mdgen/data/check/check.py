"""The check of a data folder: one survey, then every kind of finding; and the crop that the survey proposes."""

from pathlib import Path

from mdgen.config import DataConfig
from mdgen.data.check import doppler, files, looks, repeats
from mdgen.data.check.findings import DECISION, Finding
from mdgen.data.check.survey import Survey, survey


def check_folder(root: Path, data: DataConfig, progress=None) -> tuple[Survey, list[Finding]]:
    """Look at all images as `data` would have them read: (Survey, findings), those that need a decision first.

    RequestError where there are no users, or none of their images can be read.
    """
    found = survey(root, None if data.channels == "rgb" else data.colormap, data.crop, progress)
    return found, findings_of(found, data)


def findings_of(found: Survey, data: DataConfig) -> list:
    if not found.looks:
        return files.find(found)
    all_of_them = [*files.find(found), *looks.find(found, data.channels), *repeats.find(found, data),
                   *doppler.find(found)]
    return sorted(all_of_them, key=lambda finding: finding.level != DECISION)
