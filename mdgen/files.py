"""A folder that appears whole or not at all."""

import os
import shutil
from contextlib import contextmanager


@contextmanager
def whole_or_nothing(root):
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
