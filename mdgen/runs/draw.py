"""Generate the wanted images of a run and write them as a user-folder tree with a manifest."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mdgen import distributed
from mdgen.config import SamplingConfig
from mdgen.data.colormap import to_color
from mdgen.data.image_axes import find_axes
from mdgen.data.image_io import EXTENSIONS, grid, read_picture, write_png
from mdgen.data.source_files import FileFormat
from mdgen.errors import RequestError
from mdgen.files import digest, named_seed, refuse_file, whole_file, write_text
from mdgen.runs.enrolled import enrolled_names, with_enrolled
from mdgen.runs.folder import RunFolder
from mdgen.runs.levels import LevelMap
from mdgen.runs.pictures import as_intensity, as_pixels
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
    format: str = ""   # `FileFormat.name`; of an older version, which had one format alone, none


def plan(users, per_user: int, seed: int, sampler: str, sampling: SamplingConfig, hashes: dict,
         files: FileFormat) -> list[Row]:
    """All images asked for, user by user; a row depends on its user and index alone, not on its neighbours.

    sampler: its name; hashes: of the weights that generate each user; files: what is written.
    """
    return [Row(f"{user}/{user}_{index:05d}{files.suffix}", user, named_seed(seed, user, index), sampler,
                sampling.steps, sampling.cfg_scale, hashes[user], files.name)
            for user in users for index in range(per_user)]


def sampler_name(sampling: SamplingConfig, guide_hashes=("", ""), levels: LevelMap | None = None) -> str:
    """The sampler with whatever else changes its images, such as "dpm autoguidance 1.4 0f3a within 0-0.8".

    guide_hashes: of the networks in Guides; levels: what images end with.
    """
    sampling, (weak, classifier) = sampling.canonical, guide_hashes
    low, high = sampling.cfg_interval
    parts = [sampling.sampler,
             f"eta {sampling.eta:g}" if sampling.eta else "",
             sampling.spacing if sampling.spacing != "trailing" else "",
             f"autoguidance {sampling.autoguidance_scale:g} {weak}" if sampling.autoguidance_scale != 1.0 else "",
             f"classifier {sampling.classifier_scale:g} {classifier}" if sampling.classifier_scale else "",
             f"within {low:g}-{high:g}" if (low, high) != (0, 1) else "",
             f"levels {digest(levels.knots)}" if levels else ""]
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
                                 float(r["guidance"]), r["run"], r.get("format") or "")) for r in rows]
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
    if not any(row.format for row in old):   # written by an older version, in the one format that it had
        old = [replace(row, format=rows[0].format) for row in old]
    wanted = {row.file: row for row in rows}
    setting = {(row.sampler, row.steps, row.guidance, row.run.partition("+")[0], row.format)
               for row in old + rows}
    people = {(row.user, row.run) for row in old + rows}   # who was enrolled anew is another
    if len(setting) == 1 and len(people) == len(dict(people)) and all(wanted.get(row.file, row) == row for row in old):
        return [*(row for row in old if row.file not in wanted), *rows]
    if not overwrite:
        first, asked = old[0], next((row for row in rows if row.user == old[0].user), rows[0])
        differ = [f"{key} {getattr(asked, key)}" for key in ("sampler", "steps", "guidance", "seed", "run", "format")
                  if getattr(asked, key) != getattr(first, key)]
        raise RequestError(f"{folder} holds {len(old)} images generated with {first.sampler}, {first.steps} steps, "
                           f"guidance {first.guidance}, run {first.run}; this request differs: {', '.join(differ)}. "
                           "Give another --output-dir, or --overwrite to replace them")
    for row in old:
        (folder / row.file).unlink(missing_ok=True)
    return rows


def sample_users(run: RunFolder, folder: Path, *, per_user: int, users: list[str] | None = None, seed: int = 0,
                 overwrite: bool = False, device="cpu", weights: str = "ema", stage: str | None = None,
                 files: FileFormat | None = None, progress: Callable[[int, int], None] | None = None) -> list[Row]:
    """Write folder/<user>/<user>_<index>.png, manifest.csv and contact_sheet.png; returns the manifest's rows.

    Images that are already there with the same settings are kept, so an interrupted command continues.
    weights, stage: see `load_pipeline`. files: how images are written; None: as the run's training files are.
    progress(done, total) is called after every batch.
    """
    names = choose_users(run, users)
    range_db = dynamic_range_db(run) if files and files.kind == "NPY" else None
    pipeline, index, hashes = with_enrolled(load_pipeline(run, device, weights, stage), names)
    files = files or run.file_format
    sampler = sampler_name(run.config.sampling, pipeline.guide_hashes, pipeline.levels)
    rows = plan(names, per_user, seed, sampler, run.config.sampling, hashes, files)
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
        size = files.height, files.width
        if files.kind == "NPY":
            for row, image in zip(batch, as_intensity(run, images, *size)):
                write_array(folder / row.file, image, range_db)
        else:
            for row, pixels in zip(batch, as_pixels(run, images, *size)):
                files.write(folder / row.file, pixels)
        if progress:
            progress(start + len(batch), len(mine))
    distributed.barrier()
    if distributed.is_main():
        write_sheet(folder, complete, names, run.users.colormap, run.depth)
    return complete


def write_array(path: Path, image, range_db: float | None) -> None:
    """Write intensity [1, H, W] in [-1, 1] as float32 [H, W] from 0 to 1, before it is rounded to levels; where the
    dynamic range is known, beside it as <name>_dB.npy: decibels below the strongest echo that an image can show."""
    intensity = ((image[0].float().cpu() + 1) / 2).numpy()
    found = {path: intensity}
    if range_db is not None:
        found[path.with_name(f"{path.stem}_dB.npy")] = (intensity - 1) * np.float32(range_db)
    for name, values in reversed(found.items()):   # the listed file last: who finds it finds the other one
        with whole_file(name) as temporary, open(temporary, "wb") as stream:
            np.save(stream, values)


def dynamic_range_db(run: RunFolder) -> float | None:
    """Of the run's intensities, where its data folder tells; RequestError for a run of colour images."""
    if run.users.channels != "intensity":
        raise RequestError("npy files hold intensity, but this run's images are rgb; give --format png or jpg")
    axes = find_axes(run.users.data_dir)
    return axes and axes.dynamic_range_db


def write_sheet(folder: Path, rows: list[Row], names: list[str], colormap: str | None, depth: int | None) -> None:
    """folder/contact_sheet.png: a line of images per user. depth: bits of 16-bit files, None where there are none."""
    def pixels_of(path):
        if path.suffix == ".npy":
            return to_color(np.load(path), colormap or "gray")
        return np.asarray(read_picture(path, depth=depth).convert("RGB"))   # Pillow alone would cut 16 bits off at 255

    lines = [[row.file for row in rows if row.user == name][:SHEET_COLUMNS] for name in names]
    columns = min(map(len, lines))
    pixels = np.stack([pixels_of(folder / file) for line in lines for file in line[:columns]])
    write_png(folder / "contact_sheet.png", grid(pixels, columns, 2 if pixels.shape[1] < 128 else 1))
