"""Two trainings at once on one run folder: the second refuses, whatever became of the first."""

import errno
import os
import signal
import socket
import subprocess
import sys

import pytest

from mdgen.errors import RequestError
from mdgen.runs.lock import LOCK_FILE, fcntl, only_writer

HOLD = """
import sys, time
from pathlib import Path
from mdgen.runs.lock import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def first(tmp_path):
    """Another process that writes to tmp_path/run."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True,
                               env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_the_second_names_process_and_host_of_the_first_and_changes_nothing(first, tmp_path):
    before = (tmp_path / "run" / LOCK_FILE).read_bytes()
    with pytest.raises(RequestError) as refused, only_writer(tmp_path / "run"):
        pytest.fail("two writers at once")
    message = str(refused.value)
    assert f"process {first.pid} on {socket.gethostname()}" in message and "\n" not in message
    assert "--output-dir" in message and (tmp_path / "run" / LOCK_FILE).read_bytes() == before


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_lock_that_was_left_behind_keeps_nobody_out(first, tmp_path, ending):
    first.send_signal(ending)
    first.wait()
    assert (tmp_path / "run" / LOCK_FILE).exists() == (ending == signal.SIGKILL)
    with only_writer(tmp_path / "run"):
        assert str(os.getpid()) in (tmp_path / "run" / LOCK_FILE).read_text()


def test_a_refused_start_leaves_no_folder_and_a_run_keeps_no_lock(tmp_path):
    with pytest.raises(RequestError), only_writer(tmp_path / "new" / "run"):
        raise RequestError("the data cannot be used")
    assert not (tmp_path / "new" / "run").exists()
    with only_writer(tmp_path / "run"):
        (tmp_path / "run" / "config.json").write_text("{}")
    assert os.listdir(tmp_path / "run") == ["config.json"]


def test_two_trainings_at_once(tmp_path, trained, run_script, line_of, first):
    """The same through train.py: refused before anything is read or written."""
    line = line_of(run_script("train.py", "--preset", "demo", "--output-dir", tmp_path / "run"), 2)
    assert f"process {first.pid}" in line and os.listdir(tmp_path / "run") == [LOCK_FILE]
    assert first.poll() is None


@pytest.mark.skipif(fcntl is None, reason="no locks on this system")
def test_a_file_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with only_writer(tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()


def test_an_empty_folder_that_was_there_stays(tmp_path):
    with pytest.raises(RequestError), only_writer(tmp_path):
        raise RequestError("the data cannot be used")
    assert tmp_path.is_dir() and not os.listdir(tmp_path)
