"""What an evaluation has found out already, kept by the content that it depends on."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np

from mdgen.runs.folder import write_text


class Cache:
    """A folder of results, each under a name and a key over everything that it was made from (`content_key`).

    A changed image, label, weight or setting changes the key, so that nothing stale is ever read; a file that cannot
    be read is made anew.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)

    def arrays(self, name: str, key: str, make) -> dict:
        """make() -> dict of arrays, or what an earlier call with this key has made."""
        path = self.folder / f"{name}_{key}.npz"
        try:
            with np.load(path, allow_pickle=False) as stored:
                return dict(stored)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            found = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")
        with open(partial, "wb") as file:
            np.savez(file, **found)
        os.replace(partial, path)
        return found

    def values(self, name: str, key: str, make):
        """make() -> what JSON holds, or what an earlier call with this key has made."""
        path = self.folder / f"{name}_{key}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(found))
        return found


def content_key(*parts) -> str:
    """16 hex digits of a SHA-256 over arrays (type, shape and bytes) and what JSON can hold, in order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype} {part.shape}\n".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(json.dumps(part, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()[:16]
