"""One process at a time writes to a run folder."""

import contextlib
import errno
import json
import os
import socket
from pathlib import Path

from mdgen import distributed
from mdgen.errors import RequestError
from mdgen.files import refuse_file

try:
    import fcntl
except ImportError:   # not on Windows, where nobody is kept out
    fcntl = None

LOCK_FILE = "train.lock"


@contextlib.contextmanager
def only_writer(folder: Path):
    """Context of the one training that writes to a run folder, which is made if need be, and goes if it stays empty.

    RequestError naming process and host where another one is at work. The system frees the lock of a process that has
    died, so that a file which it left behind keeps nobody out. Under torchrun the main process holds it for all.
    """
    refuse_file(folder)
    made, path = not folder.exists(), folder / LOCK_FILE
    file = take_lock(path) if distributed.is_main() else None
    if distributed.any_process(distributed.is_main() and file is None):
        raise RequestError(f"{folder} is being written by {holder(path)}; wait until it is done or stop it, or give "
                           "another --output-dir")
    try:
        yield
    finally:
        if file is not None:
            if not fcntl:
                file.close()   # Windows removes no open file
            path.unlink(missing_ok=True)
            file.close()
            with contextlib.suppress(OSError):   # it is not empty
                if made:
                    folder.rmdir()


def take_lock(path: Path):
    """The open, locked file with this process's name in it; None where another process holds it."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(path, "a+", encoding="utf-8")
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                break
            file.close()   # its last holder has just removed it
        except FileNotFoundError:
            continue       # its last holder has just removed it, or the folder
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES) and path.exists() and os.access(path, os.W_OK):
                file.close()
                return None
            if error.errno in (errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS):
                break      # a file system without locks, where nobody is kept out
            raise
    file.truncate(0)
    json.dump({"process": os.getpid(), "host": socket.gethostname()}, file)
    file.flush()
    return file


def holder(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return f"process {found['process']} on {found['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
