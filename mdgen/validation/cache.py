"""What an evaluation has found out already, kept by the content that it depends on."""

import json
import zipfile
from pathlib import Path

import numpy as np

from mdgen.files import whole_file, write_text


class Cache:
    """A folder of results, each under a name and a key over everything that it was made from (`mdgen.files.digest`).

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
        with whole_file(path, shared=True) as temporary, open(temporary, "wb") as file:
            np.savez(file, **found)
        return found

    def values(self, name: str, key: str, make):
        """make() -> what JSON holds, or what an earlier call with this key has made."""
        path = self.folder / f"{name}_{key}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(found), shared=True)
        return found
