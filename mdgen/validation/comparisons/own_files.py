"""The three sets as files: what an evaluation knows of them, handed to `judges.own_files`."""

import hashlib
import io
from dataclasses import asdict

import torch
from PIL import Image

from mdgen.data.image_io import cut
from mdgen.data.source_files import FileFormat
from mdgen.files import digest
from mdgen.runs.checkpoint import fingerprint
from mdgen.runs.folder import RunFolder
from mdgen.runs.pictures import as_learnt
from mdgen.runs.pipeline import load_pipeline
from mdgen.validation.cache import Cache
from mdgen.validation.judges.own_files import autoencoded, own_files, rewritten, sizes_for

VERSION = 1   # raise it when the figures change for the same files


def in_own_files(run: RunFolder, parts, cache: Cache, device, progress=None) -> dict:
    """`own_files` of training, held-out and generated ImageSets, with the name of the training files' format.

    The held-out files also as the run reads and writes them, which is the ceiling of any generator of its size, and
    through its autoencoder where it has one. What generated files teach is left out where a run leaves usefulness out.
    """
    evaluation = run.config.evaluation
    settings = {"steps": evaluation.usefulness_steps, "seeds": max(evaluation.usefulness_seeds, 1),
                "study": bool(evaluation.usefulness_seeds)}
    training, held_out, generated = parts
    form = FileFormat.of_most([training.folders.paths[row] for row in training.rows], training.folders.crop)
    vae = load_pipeline(run, device, guided=False).vae if run.has("vae") else None
    files = [listed(part) for part in parts]
    key = digest([settings, form.to_values(), vae and fingerprint(vae.state_dict()), VERSION, asdict(run.config.data)],
                 *(content(*part) for part in files))

    def measured():
        real = as_learnt(run, held_out.folders).floats(held_out.rows)
        kinds = {"held_out": files[1][0], "read_and_written": rewritten(run, real, form)}
        if vae is not None:
            kinds["autoencoded"] = rewritten(run, autoencoded(vae, real, device), form)
        return own_files(files[0], kinds | {"users": files[1][1]}, files[2], len(run.users.names), sizes_for(form),
                         **settings, device=device, progress=progress)

    return {"format": form.name, **cache.values("own_files", key, measured)}


def listed(part):
    """An ImageSet as (paths, users [N]); what a run cuts from its files is cut here, too: bytes instead of paths."""
    rows, crop = part.rows.tolist(), part.folders.crop
    paths = [part.folders.paths[row] for row in rows]
    return [without(path, crop) for path in paths] if crop else paths, part.folders.labels[torch.tensor(rows)].tolist()


def without(path, crop) -> bytes:
    """A picture file less its crop, as one of PNG."""
    stream = io.BytesIO()
    with Image.open(path) as image:
        cut(image, crop).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()


def content(paths, users) -> str:
    """A digest over files and whose they are."""
    seen = hashlib.sha256(repr(users).encode())
    for path in paths:
        seen.update(path if isinstance(path, bytes) else path.read_bytes())
    return seen.hexdigest()
