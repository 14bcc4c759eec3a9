"""The check of a data folder: one survey, then every kind of finding; and the crop that the files ask for."""

import contextlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from mdgen.config import DataConfig
from mdgen.data.check import doppler, files, looks, repeats
from mdgen.data.check.findings import DECISION, Finding
from mdgen.data.check.survey import Survey, find_frames, survey
from mdgen.data.image_io import shown
from mdgen.data.user_folders import list_users
from mdgen.errors import RequestError
from mdgen.files import digest, write_text

VERSION = 1   # raise it when the same files would give other findings


def check_folder(root: Path, data: DataConfig, progress=None) -> tuple[Survey, list[Finding]]:
    """Look at all images as `data` would have them read: (Survey, findings), those that need a decision first.

    progress(done, total). RequestError for a folder without images of users.
    """
    found = survey(root, None if data.channels == "rgb" else data.colormap, data.crop, progress)
    findings = files.find(found)
    if found.looks:
        findings += [*looks.find(found, data.channels), *repeats.find(found, data), *doppler.find(found)]
    return found, sorted(findings, key=lambda finding: finding.level != DECISION)


def check_cached(root: Path, data: DataConfig, cache_dir: Path | None, progress=None):
    """(findings of `check_folder`, a function that keeps them in cache_dir), or what was kept there.

    It is kept until a file or a setting of `data` changes. Who refuses the data after all leaves no cache behind.
    """
    if cache_dir is None:
        return check_folder(root, data, progress)[1], lambda: None
    path, key = cache_dir / "data_check.json", digest([VERSION, str(Path(root).resolve()), asdict(data), *stats(root)])
    try:
        kept = json.loads(path.read_bytes())
        if kept["key"] == key:
            return [Finding(**values) for values in kept["findings"]], lambda: None
    except (OSError, ValueError, KeyError, TypeError):
        pass   # absent or damaged: look again
    findings = check_folder(root, data, progress)[1]

    def keep():
        with contextlib.suppress(OSError):   # then they are found again
            cache_dir.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps({"key": key, "findings": [asdict(finding) for finding in findings]}),
                       shared=True)

    return findings, keep


def stats(root: Path) -> list:
    """(path, size, time) of everything below a folder."""
    found = []
    for folder, _, names in os.walk(root):
        for path in (Path(folder) / name for name in names):
            if path.is_file():
                found.append((str(path.relative_to(root)), path.stat().st_size, path.stat().st_mtime_ns))
    return sorted(found)


def find_crop(root: Path) -> tuple:
    """Pixels (left, top, right, bottom) around the spectrogram that are the same in all images of a folder of users; ()
    where there are none. RequestError where the images of some users ask for another crop than those of others."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        frames = find_frames(list_users(Path(root), min_images=1, min_users=1), (), pool)
    crop = looks.common_crop({user: frame.crop if frame else () for user, frame in frames.items()})
    if crop is None:
        raise RequestError(f"data.crop is auto, but the users' images in {shown(root)} have different frames; make "
                           "them anew without, or give the numbers: --set data.crop=[left,top,right,bottom]")
    return crop
