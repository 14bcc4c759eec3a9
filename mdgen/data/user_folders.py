"""A folder of images per user -> one dataset in memory.

    root/ID_1/*.png|jpg|tif|bmp|webp, root/ID_2/day1/slow/*.png, ...        the outermost folder's name is the label

Below a user's folder there may be any tree: every image in it is the user's, and the path of its folder names the
recording. Users, recordings and files stand in natural order (ID_2 before ID_10), a folder's own images before those
of the folders in it. Hidden files and folders, __MACOSX, loose files beside the user folders and other file types are
left alone.
"""

import copy
import os
import re
import unicodedata
from functools import partial
from pathlib import Path

import torch

from mdgen.data.colormap import COLORMAPS
from mdgen.data.columns import canvases
from mdgen.data.image_io import DEPTHS, EXTENSIONS, cached, decode_all, shown, to_floats
from mdgen.errors import RequestError

MAX_NAME_BYTES = 200   # file systems allow 255, and "<user>_00000.png.part" must fit
ARCHIVE_RESIDUE = "__MACOSX"
PARTS = ("train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval", "evaluation")
PERSON = re.compile(r"(id|users?|persons?|people|subjects?|participants?|volunteers?)[ _-]*\d+", re.IGNORECASE)


class UserFolders(torch.utils.data.Dataset):
    """All images of all users, decoded to one size.

    images: uint8 [N, C, H, W], also as pictures; labels: int64 [N], an index into users (names in natural order);
    paths: list; channels: "intensity" (C = 1, 0 weakest to 255 strongest) or "rgb" (C = 3); colormap: the map's name,
    or None when the colours are no known map.

    height, width: size in pixels. Colours become intensity at the native size; then shrinking averages areas
    (box), enlarging interpolates linearly, which cannot leave the range. Grey images (L, 1, LA, RGB without
    chroma, 16 bit) are intensities already. What is transparent is the floor.
    channels: "intensity", "rgb", or "auto": intensity if the colour map is known or detected, else rgb.
    crop: pixels cut from every file before anything else (left, top, right, bottom); () none.
    depth: bits that the values of 16-bit files fill; None: what the greatest of all of them needs (`depth_of`).
    users: only these folder names. min_images: the fewest images that a user may have.
    cache_dir: keeps the decoded images until a file or a setting changes. workers: threads, by default one
    per core. progress: called as progress(done, total) after every image.
    Raises RequestError for folders or images that cannot be used, RunError if the cache cannot be written.
    """

    def __init__(self, root: str | Path, *, height: int = 64, width: int = 64, channels: str = "intensity",
                 colormap: str = "auto", crop: tuple = (), depth: int | None = None, users: list[str] | None = None,
                 min_images: int = 2, cache_dir: str | Path | None = None, workers: int | None = None, progress=None):
        settings = _checked(height=height, width=width, channels=channels, colormap=colormap, crop=crop, depth=depth)
        self.root, self.crop = Path(root), crop
        folders = list_users(self.root, users, min_images)
        self.users = list(folders)
        self.paths = [path for files in folders.values() for path in files]
        counts = torch.tensor([len(files) for files in folders.values()])
        self.labels = torch.arange(len(folders)).repeat_interleave(counts)
        decode = partial(decode_all, self.paths, settings, workers, progress)
        pixels, self.channels, self.colormap = decode() if cache_dir is None else cached(
            Path(cache_dir), self.root, self.paths, settings | {"users": self.users}, decode)
        self.images = self.pictures = torch.from_numpy(pixels)

    def by_columns(self, room: int, cache_dir: Path | None = None) -> "UserFolders":
        """The same files as the columns that they were enlarged from (`mdgen.data.columns`): images [N, 1, H, room].

        pictures stays what the files show. RequestError for colours, which are no intensities.
        """
        if self.channels != "intensity":
            raise RequestError(f"the images of {shown(self.root)} are {self.channels}, which cannot be learnt by "
                               "columns; add --no-columns")
        found = copy.copy(self)
        found.images = torch.from_numpy(canvases(self.pictures.numpy(), room, cache_dir))
        return found

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index: int):
        """(image [C, H, W] float32 in [-1, 1], user int)."""
        return self.floats(index), int(self.labels[index])

    def floats(self, indices):
        """Images of an index, a list or a LongTensor of indices: float32 [..., C, H, W] in [-1, 1]."""
        return to_floats(self.images[indices])


def read_folder(folder: str | Path, *, height: int, width: int, channels: str, colormap: str, crop: tuple = (),
                depth: int | None = None, progress=None):
    """All images of one person's tree in natural order, uint8 [N, C, H, W]; settings and errors as of UserFolders."""
    settings = _checked(height=height, width=width, channels=channels, colormap=colormap, crop=crop, depth=depth)
    pixels, *_ = decode_all(_images_of(Path(folder), 1), settings, None, progress)
    return torch.from_numpy(pixels)


def expect_users(root: Path, users: list[str], num: int) -> None:
    """Raise RequestError unless there are num users."""
    if num != len(users):
        raise RequestError(f"--num-users is {num}, but {shown(root)}/ has {len(users)} user folders ({_span(users)}). "
                           f"Leave the flag out, or point --data-dir at the folder that holds all {num}.")


def natural_key(name: str):
    """Sort key under which ID_2 stands before ID_10; case counts only between otherwise equal names."""
    pieces = re.split(r"(\d+)", name)
    return [int(piece) if i % 2 else piece.casefold() for i, piece in enumerate(pieces)], name


def list_users(root: Path, users=None, min_images: int = 2, min_users: int = 2) -> dict:
    """{user folder's name: image paths}, both in natural order. Raises RequestError as UserFolders does."""
    expected = "expected a folder with one folder of images per user"
    if not root.is_dir():
        state = "is not a folder" if root.exists() else "does not exist"
        raise RequestError(f"data folder {shown(root)} {state}; {expected}. Point --data-dir at it.")
    entries = sorted(entries_of(root), key=lambda entry: natural_key(entry.name))
    names = [entry.name for entry in entries if _is_folder(entry)]
    if not names:
        loose = sum(_is_image(entry) for entry in entries)
        state = "holds no user folders" if entries else "is empty"
        state = f"holds {_count(loose)} directly" if loose else state
        raise RequestError(f"data folder {shown(root)} {state}; {expected}. Make one folder per user, "
                           "or point --data-dir elsewhere.")
    names = names if users is None else _chosen(users, names, root)
    check_names(names)
    folders = {name: _images_of(root / name, min_images) for name in names}
    if len(names) < min_users:
        inner = _inner_folders(root / names[0], folders[names[0]])
        remedy = (f", or, if {_span(inner)} in it are the users, point --data-dir at {shown(root / names[0])}"
                  if inner else "")
        raise RequestError(f"data folder {shown(root)} gives one user ({names[0]}), but at least 2 are "
                           f"needed to tell users apart; add a folder per user{remedy}")
    return folders


def _chosen(users, names, root):
    if isinstance(users, str) or not users:
        raise ValueError(f"users is {users!r}, expected a list of folder names")
    missing = sorted(set(users) - set(names), key=natural_key)
    if missing:
        raise RequestError(f"{shown(root)} has no user folder {', '.join(map(shown, missing))}; it has "
                           f"{_span(names)}. Correct the name, or point --data-dir at the folder with it")
    return [name for name in names if name in set(users)]


def check_names(names):
    """Names become output folders, so they must stay apart on every file system."""
    seen = {}
    for name in names:
        if not name.isprintable():
            raise RequestError(f"user folder {shown(name)} has a character that cannot be printed; rename it")
        if name in ("", ".", "..") or "/" in name or "\\" in name:
            raise RequestError(f"user {name!r} is no name for a folder; rename it")
        if len(name.encode()) > MAX_NAME_BYTES:
            raise RequestError(f"user folder {name[:40]}… has a name of {len(name.encode())} bytes; expected at most "
                               f"{MAX_NAME_BYTES}, since its images are named after it. Rename it")
        plain = unicodedata.normalize("NFKC", name).casefold().strip(" .")
        if plain in seen:
            raise RequestError(f"user folders '{seen[plain]}' and '{name}' differ only in case, accents' "
                               "encoding or outer spaces and dots, which not every system keeps; rename one")
        seen[plain] = name


def _images_of(folder, min_images):
    files = files_below(folder)
    if not files:
        raise RequestError(f"user folder {shown(folder)} holds no images ({', '.join(EXTENSIONS)}), nor do folders in "
                           "it; fill or remove it")
    _refuse_set_of_users(folder, files)
    if len(files) < min_images:
        raise RequestError(f"user folder {shown(folder)} has {_count(len(files))}, but at least {min_images} "
                           "are needed to split into training and validation; add images or remove it")
    return files


def files_below(folder: Path, around=()) -> list[Path]:
    """All images of a tree: those of a folder, then those of the folders in it, each in natural order.

    around: what tells the folders apart that it lies in. RequestError for a link to one of them.
    """
    entries = sorted(entries_of(folder), key=lambda entry: natural_key(entry.name))
    found = folder.stat()
    here = found.st_dev, found.st_ino
    if here in around:
        raise RequestError(f"folder {shown(folder)} is a link to a folder that it lies in, so that its images would be "
                           "read without end; remove the link")
    files = [folder / entry.name for entry in entries if _is_image(entry)]
    for entry in entries:
        if _is_folder(entry):
            files += files_below(folder / entry.name, (*around, here))
    return files


def _inner_folders(folder, files):
    """Names of the folders in a folder that lead to files; none where it holds files itself."""
    if any(path.parent == folder for path in files):
        return []
    return list(dict.fromkeys(path.relative_to(folder).parts[0] for path in files))


def _refuse_set_of_users(folder, files):
    """A folder of folders of persons would pass for a person with these as recordings: data/train/ID_1/*.png."""
    inner = _inner_folders(folder, files)
    if inner and folder.name.casefold() in PARTS or (
            len(inner) > 1 and all(map(PERSON.fullmatch, inner)) and not PERSON.fullmatch(folder.name)):
        raise RequestError(f"user folder {shown(folder)} holds no images itself but folders ({_span(inner)}), as a set "
                           "of users does; if those are the users, point --data-dir at it, or put them outermost "
                           f"({shown(inner[0])}/{shown(folder.name)}); if it is one user, rename it and them")


def entries_of(folder):
    try:
        with os.scandir(folder) as found:
            return [entry for entry in found if not entry.name.startswith(".")]
    except OSError as error:
        raise RequestError(f"folder {shown(folder)} cannot be read ({error.strerror}); "
                           "check its permissions") from None


def _is_folder(entry):
    return entry.is_dir() and entry.name != ARCHIVE_RESIDUE


def _is_image(entry):
    return entry.name.lower().endswith(EXTENSIONS) and entry.is_file()


def _checked(**settings):
    """The settings of decoding; RequestError unless they make sense."""
    maps = [*COLORMAPS, *(f"{name}_r" for name in COLORMAPS)]
    known = {"channels": ("intensity", "rgb", "auto"), "colormap": (*maps, "auto"), "depth": (*DEPTHS, None)}
    for what, choices in known.items():
        if settings[what] not in choices:
            raise RequestError(f"{what} is {settings[what]!r}, expected one of {', '.join(map(str, choices))}")
    if settings["height"] < 1 or settings["width"] < 1:
        raise RequestError(f"image size is {settings['height']}x{settings['width']}, expected at least 1x1")
    return settings


def _count(images):
    return "1 image" if images == 1 else f"{images} images"


def _span(names):
    return ", ".join(map(shown, names)) if len(names) < 3 else f"{shown(names[0])} … {shown(names[-1])}"
