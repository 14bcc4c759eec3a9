"""Generate the wanted images of a run and write them as a user-folder tree with a manifest."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mdgen import distributed
from mdgen.config import SamplingConfig
from mdgen.data.image_io import EXTENSIONS, grid, to_pixels, write_png
from mdgen.errors import RequestError
from mdgen.files import named_seed, refuse_file, write_text
from mdgen.runs.enrolled import enrolled_names, with_enrolled
from mdgen.runs.folder import RunFolder
from mdgen.runs.pipeline import load_pipeline

MANIFEST = "manifest.csv"
SHEET_COLUMNS = 8


@dataclass(frozen=True)
class Row:
    """One line of manifest.csv: what is needed to generate this image again."""

    file: str
    user: str
    seed: int
    sampler: str
    steps: int
    guidance: float
    run: str


def plan(users, per_user: int, seed: int, sampling: SamplingConfig, hashes: dict, guide_hashes=("", "")) -> list[Row]:
    """All images asked for, user by user; a row depends on its user and index alone, not on its neighbours.

    hashes: of the weights that generate each user; guide_hashes: of the networks in Guides.
    """
    sampler = sampler_name(sampling, guide_hashes)
    return [Row(f"{user}/{user}_{index:05d}.png", user, named_seed(seed, user, index), sampler, sampling.steps,
                sampling.cfg_scale, hashes[user])
            for user in users for index in range(per_user)]


def sampler_name(sampling: SamplingConfig, guide_hashes=("", "")) -> str:
    """The sampler with whatever else changes its images, such as "dpm autoguidance 1.4 0f3a within 0-0.8"."""
    sampling, (weak, classifier) = sampling.canonical, guide_hashes
    low, high = sampling.cfg_interval
    parts = [sampling.sampler,
             f"eta {sampling.eta:g}" if sampling.eta else "",
             sampling.spacing if sampling.spacing != "trailing" else "",
             f"autoguidance {sampling.autoguidance_scale:g} {weak}" if sampling.autoguidance_scale != 1.0 else "",
             f"classifier {sampling.classifier_scale:g} {classifier}" if sampling.classifier_scale else "",
             f"within {low:g}-{high:g}" if (low, high) != (0, 1) else ""]
    return " ".join(part for part in parts if part)


def of_version_1(row: Row) -> Row:
    """A row of a manifest from before guidance was three numbers, as this version writes it."""
    sampler = re.sub(r" free\+auto (\S+) (\w{16})", r" autoguidance \1 \2", row.sampler)
    if found := re.search(r" (auto|classifier) (\w{16})", sampler):
        kind, guide = {"auto": "autoguidance"}.get(found[1], found[1]), found[2]
        return replace(row, sampler=sampler.replace(found[0], f" {kind} {row.guidance:g} {guide}"), guidance=1.0)
    return replace(row, sampler=sampler)


def choose_users(run: RunFolder, wanted: list[str] | None) -> list[str]:
    """The users whose images are asked for, in the run's order; enrolled users follow, and only where named.

    Raises RequestError naming one that the run does not know.
    """
    known = [*run.users.names, *enrolled_names(run)]
    unknown = [name for name in wanted or [] if name not in known]
    if unknown:
        raise RequestError(f"user {unknown[0]} is not in this run; it knows {', '.join(known)}")
    return [name for name in known if name in wanted] if wanted else run.users.names


def read_manifest(folder: Path) -> list[Row]:
    """The rows of folder/manifest.csv, [] if there is none. Raises RequestError if it is damaged."""
    path = folder / MANIFEST
    if not path.exists():
        return []
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        rows = [of_version_1(Row(r["file"], r["user"], int(r["seed"]), r["sampler"], int(r["steps"]),
                                 float(r["guidance"]), r["run"])) for r in rows]
        if any(Path(row.file).parts[:-1] != (row.user,) or row.user == ".." for row in rows):
            raise ValueError("a file lies outside its user's folder")   # and --overwrite deletes what is listed
        return rows
    except (KeyError, TypeError, ValueError):
        raise RequestError(f"{path} is damaged; expected the manifest that sample.py wrote. Delete the folder "
                           "or give another --output-dir") from None


def write_manifest(folder: Path, rows: list[Row]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Row.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_text(folder / MANIFEST, text.getvalue())


def reconcile(folder: Path, rows: list[Row], overwrite: bool) -> list[Row]:
    """What to do about images that are already there; returns the rows of the complete folder.

    The same settings: they stay, and more users or images join them. Other settings would mix two experiments in
    one folder, so that is refused unless `overwrite`, which deletes what the old manifest lists and nothing else.
    """
    refuse_file(folder)
    old = read_manifest(folder)
    if not old:
        count = sum(path.suffix.lower() in EXTENSIONS for path in folder.glob("*/*"))
        if count:
            raise RequestError(f"{folder} has {count} images that sample.py did not list; give another --output-dir")
        return rows
    wanted = {row.file: row for row in rows}
    setting = {(row.sampler, row.steps, row.guidance, row.run.partition("+")[0]) for row in old + rows}
    people = {(row.user, row.run) for row in old + rows}   # who was enrolled anew is another
    if len(setting) == 1 and len(people) == len(dict(people)) and all(wanted.get(row.file, row) == row for row in old):
        return [*(row for row in old if row.file not in wanted), *rows]
    if not overwrite:
        first, asked = old[0], next((row for row in rows if row.user == old[0].user), rows[0])
        differ = [f"{key} {getattr(asked, key)}" for key in ("sampler", "steps", "guidance", "seed", "run")
                  if getattr(asked, key) != getattr(first, key)]
        raise RequestError(f"{folder} holds {len(old)} images generated with {first.sampler}, {first.steps} steps, "
                           f"guidance {first.guidance}, run {first.run}; this request differs: {', '.join(differ)}. "
                           "Give another --output-dir, or --overwrite to replace them")
    for row in old:
        (folder / row.file).unlink(missing_ok=True)
    return rows


def sample_users(run: RunFolder, folder: Path, *, per_user: int, users: list[str] | None = None, seed: int = 0,
                 overwrite: bool = False, device="cpu", weights: str = "ema",
                 stage: str | None = None, progress: Callable[[int, int], None] | None = None) -> list[Row]:
    """Write folder/<user>/<user>_<index>.png, manifest.csv and contact_sheet.png; returns the manifest's rows.

    Images that are already there with the same settings are kept, so an interrupted command continues.
    weights, stage: see `load_pipeline`.
    progress(done, total) is called after every batch.
    """
    names = choose_users(run, users)
    pipeline, index, hashes = with_enrolled(load_pipeline(run, device, weights, stage), names)
    rows = plan(names, per_user, seed, run.config.sampling, hashes, pipeline.guide_hashes)
    complete = reconcile(folder, rows, overwrite)
    for row in complete:
        (folder / row.file).parent.mkdir(parents=True, exist_ok=True)
    if distributed.is_main():
        write_manifest(folder, complete)
    missing = [row for row in complete if not (folder / row.file).exists()]
    distributed.barrier()   # every process has counted the same missing images before the first is generated
    mine = missing[distributed.rank()::distributed.world_size()]
    for start in range(0, len(mine), run.config.sampling.batch_size):
        batch = mine[start:start + run.config.sampling.batch_size]
        indices = torch.tensor([index[row.user] for row in batch], device=device)
        images = pipeline.generate(indices, [row.seed for row in batch])
        for row, pixels in zip(batch, to_pixels(images, run.users.colormap)):
            write_png(folder / row.file, pixels)
        if progress:
            progress(start + len(batch), len(mine))
    distributed.barrier()
    if distributed.is_main():
        write_sheet(folder, complete, names)
    return complete


def write_sheet(folder: Path, rows: list[Row], names: list[str]) -> None:
    """folder/contact_sheet.png: a line of images per user."""
    lines = [[row.file for row in rows if row.user == name][:SHEET_COLUMNS] for name in names]
    columns = min(map(len, lines))
    pixels = np.stack([np.asarray(Image.open(folder / file)) for line in lines for file in line[:columns]])
    write_png(folder / "contact_sheet.png", grid(pixels, columns))
