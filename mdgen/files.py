"""Files that appear whole or not at all, and names by content: the one place for both."""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from mdgen.errors import RequestError


@contextlib.contextmanager
def whole_file(path: Path, *, shared: bool = False):
    """A path beside `path` to write to, which becomes `path` at the end or vanishes on an error.

    shared: other processes may write the same file at the same time. OSErrors name `path`.
    """
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part" if shared else path.name + ".part")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None
        with contextlib.suppress(OSError):   # the error that brought us here is the one to report
            temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_folder(root: Path):
    """A hidden folder beside root, which becomes root (absent or empty) at the end or vanishes on an error."""
    partial = root.parent / f".{root.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        if root.exists():
            root.rmdir()
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str, *, shared: bool = False) -> None:
    """Write UTF-8 whole or not at all; shared: see `whole_file`."""
    with whole_file(path, shared=shared) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, values: dict) -> None:
    """Write a record that people may read, whole or not at all."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False))


def read_json(path: Path, make, remedy: str):
    """make(content of a JSON file); RequestError with the remedy where that is not what make takes."""
    try:
        return make(json.loads(path.read_bytes()))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise RequestError(f"{path} is damaged; expected what train.py wrote there. {remedy}") from None


def refuse_file(path: Path) -> None:
    """RequestError if a file stands where a folder is to be written."""
    occupied = next((p for p in (path, *path.parents) if p.exists()), None)
    if occupied is not None and not occupied.is_dir():
        raise RequestError(f"{occupied} is a file; expected a folder to write to, or a name that is free; "
                           "give another --output-dir")


def digest(*parts) -> str:
    """16 hex digits of a SHA-256 over the parts, in order.

    Text (as UTF-8) and bytes count as they are, NumPy arrays with type and shape, all else as JSON.
    """
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype} {part.shape}\n".encode())
            found.update(np.ascontiguousarray(part).data)
        elif isinstance(part, (str, bytes)):
            found.update(part.encode() if isinstance(part, str) else part)
        else:
            found.update(json.dumps(part, sort_keys=True).encode() + b"\n")
    return found.hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """All 64 hex digits of a file's SHA-256."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def named_seed(*where) -> int:
    """A seed of its own for every place, such as (seed, user, index): 63 bits of a SHA-256 of "seed/user/index"."""
    found = hashlib.sha256("/".join(map(str, where)).encode()).digest()
    return int.from_bytes(found[:8], "big") >> 1
