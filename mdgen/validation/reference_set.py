"""A real set's statistics in one file, so that other generators can be compared with it later: no image is in it.

It holds what both judges and `ImageFacts` say of every training and held-out image, and the judges' weights, which say
the same of images that are generated later.
"""

import json
import zipfile
import zlib
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import torch

from mdgen.config import Config
from mdgen.data.image_axes import ImageAxes
from mdgen.errors import RequestError
from mdgen.files import digest, whole_file
from mdgen.models import SiameseNetwork, UserClassifier
from mdgen.runs.folder import RunFolder, Users
from mdgen.validation.evaluate_samples import SETS, Evidence, Judges
from mdgen.validation.image_facts import ImageFacts
from mdgen.validation.judges.features import JudgedSet

VERSION = 1
REAL = SETS[:2]
KEPT = [part.name for part in fields(JudgedSet) if part.name != "images"]


def write_reference(path: Path, evidence: Evidence) -> None:
    """Keep the training and the held-out set of some evidence in a file that `read_reference` reads."""
    run = evidence.run
    meta = {"version": VERSION, "config": json.loads(run.config.to_json()), "keys": evidence.judges.keys,
            "users": replace(run.users, data_dir="", training_images=[]).__dict__, "patches": list(evidence.patches),
            "axes": evidence.axes and asdict(evidence.axes),
            "hashes": {name: digest(s.images, s.users) for name, s in zip(REAL, evidence.judged)}}
    arrays = {"meta": np.array(json.dumps(meta))}
    for name, judged, facts in zip(REAL, evidence.judged, evidence.facts):
        arrays |= {f"{name}/{part}": getattr(judged, part) for part in KEPT}
        arrays |= {f"{name}/facts/{key}": values for key, values in facts.arrays().items()}
    for judge in ("classifier", "siamese"):
        state = getattr(evidence.judges, judge).state_dict()
        arrays |= {f"{judge}/{key}": values.cpu().numpy() for key, values in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)


def read_reference(path: Path, work: Path, device) -> tuple[Evidence, dict]:
    """The Evidence of a file, whose sets have no images and lack the generated one, and the hashes of its images.

    work: the folder of the run that the evidence names. Raises RequestError for what is no such file.
    """
    if not path.is_file():
        raise RequestError(f"--reference is {path}, where there is no file; give what --save-reference has written")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
        meta = json.loads(str(arrays.pop("meta")))
        if meta["version"] != VERSION:
            raise ValueError(f"version {meta['version']}, expected {VERSION}")
        users, axes = Users.of(meta["users"]), meta["axes"] and ImageAxes(**meta["axes"])
        channels = 1 if users.channels == "intensity" else 3
        judges = [filled(network, within(arrays, f"{name}/"), device) for name, network in
                  (("classifier", UserClassifier(channels, len(users.names))), ("siamese", SiameseNetwork(channels)))]
        sets = [JudgedSet(images=None, **{part: arrays[f"{name}/{part}"] for part in KEPT}) for name in REAL]
        facts = [ImageFacts.of_arrays(within(arrays, f"{name}/facts/")) for name in REAL]
        run = RunFolder(work, Config.from_json(json.dumps(meta["config"])), users)
        return Evidence(run, Judges(*judges, meta["keys"]), sets, facts, axes, tuple(meta["patches"])), meta["hashes"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError, zipfile.BadZipFile,
            zlib.error) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise RequestError(f"{path} is no reference of evaluate.py folders --save-reference ({reason}); "
                           "save it again, or give --real a folder") from None


def within(arrays: dict, prefix: str) -> dict:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}


def filled(network, arrays: dict, device):
    """The network with these weights, in evaluation mode."""
    network.load_state_dict({name: torch.from_numpy(np.asarray(values)) for name, values in arrays.items()})
    return network.to(device).eval()
