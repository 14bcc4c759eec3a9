import io
import json
import math
from contextlib import closing

import pytest
import torch

from mdgen.training.log import Logger, Progress, duration, read_log


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Time that passes only when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def run_progress(stream, total, seconds_each, start=0, unit="step"):
    clock = Clock()
    with closing(Progress("vae", total, stream, start=start, unit=unit, clock=clock)) as progress:
        for done in range(start + 1, total + 1):
            clock.now += seconds_each
            progress.update(done, f"loss {1 / done:.2f}")
    return stream.getvalue()


def make_logger(path, stage="vae", total=100, resume_step=0, stream=None):
    return Logger(path, stage, total, stream or io.StringIO(), resume_step=resume_step)


def test_a_log_line_is_json_with_stage_step_and_floats(tmp_path):
    with closing(make_logger(tmp_path / "run" / "log.jsonl")) as logger:
        logger.log(10, loss=torch.tensor(0.5), learning_rate=1e-3, images=32)
    entry = json.loads((tmp_path / "run" / "log.jsonl").read_text())
    assert entry.pop("time") > 1.6e9
    assert entry == {"stage": "vae", "step": 10, "loss": 0.5, "learning_rate": 1e-3, "images": 32}


def test_numbers_that_json_lacks_become_null(tmp_path):
    with closing(make_logger(tmp_path / "log.jsonl")) as logger:
        logger.log(1, loss=math.nan, norm=torch.tensor(math.inf), ok=2.0)

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    entry = json.loads((tmp_path / "log.jsonl").read_text(), parse_constant=refuse)
    assert entry["loss"] is None and entry["norm"] is None and entry["ok"] == 2.0


def test_lines_are_on_disk_at_once(tmp_path):
    logger = make_logger(tmp_path / "log.jsonl")
    logger.log(1, loss=1.0)
    assert len(read_log(tmp_path / "log.jsonl")) == 1
    logger.close()


def test_resuming_forgets_later_lines_of_its_stage_only(tmp_path):
    path = tmp_path / "log.jsonl"
    with closing(make_logger(path, "vae")) as logger:
        for step in (10, 20, 30):
            logger.log(step, loss=1.0)
    with closing(make_logger(path, "diffusion")) as logger:
        for step in (10, 20, 30, 40):
            logger.log(step, loss=1.0)
    with closing(make_logger(path, "diffusion", resume_step=20)) as logger:
        for step in (30, 40):
            logger.log(step, loss=2.0)
    assert [(e["stage"], e["step"], e["loss"]) for e in read_log(path)] == [
        ("vae", 10, 1.0), ("vae", 20, 1.0), ("vae", 30, 1.0), ("diffusion", 10, 1.0), ("diffusion", 20, 1.0),
        ("diffusion", 30, 2.0), ("diffusion", 40, 2.0)]
    assert [e["step"] for e in read_log(path, "vae")] == [10, 20, 30]


def test_starting_anew_forgets_the_whole_stage(tmp_path):
    path = tmp_path / "log.jsonl"
    for loss in (1.0, 2.0):
        with closing(make_logger(path)) as logger:
            logger.log(0, loss=loss)
            logger.log(5, loss=loss)
    assert [(e["step"], e["loss"]) for e in read_log(path)] == [(0, 2.0), (5, 2.0)]


@pytest.mark.parametrize("cut", [1, 20])
def test_a_line_cut_short_by_a_kill_does_not_spoil_the_next(tmp_path, cut):
    path = tmp_path / "log.jsonl"
    with closing(make_logger(path)) as logger:
        logger.log(5, loss=1.0)
        logger.log(10, loss=1.0)
    path.write_bytes(path.read_bytes()[:-cut])
    with closing(make_logger(path, resume_step=10)) as logger:
        logger.log(15, loss=1.0)
    assert [e["step"] for e in read_log(path)] == ([5, 10, 15] if cut == 1 else [5, 15])


def test_the_log_is_not_rewritten_when_there_is_nothing_to_forget(tmp_path):
    path = tmp_path / "log.jsonl"
    with closing(make_logger(path)) as logger:
        logger.log(5, loss=1.0)
    inode = path.stat().st_ino
    make_logger(path, resume_step=5).close()
    assert path.stat().st_ino == inode and len(read_log(path)) == 1


def test_rate_and_time_left_follow_the_clock():
    clock, stream = Clock(), io.StringIO()
    progress = Progress("sample", 200, stream, unit="image", clock=clock)
    clock.now += 10
    progress.update(50)
    assert stream.getvalue() == "sample 50/200 25%  5 images/s  0:10 elapsed  0:30 left\n"


def test_slow_work_is_told_in_seconds_per_step():
    clock, stream = Clock(), io.StringIO()
    progress = Progress("vae", 1000, stream, clock=clock)
    clock.now += 40
    progress.update(10, "loss 0.25")
    assert stream.getvalue() == "vae 10/1000 1%  4 s/step  0:40 elapsed  1:06:00 left  loss 0.25\n"


def test_after_a_resume_only_this_process_counts_for_the_rate():
    clock, stream = Clock(), io.StringIO()
    progress = Progress("vae", 1000, stream, start=900, clock=clock)
    clock.now += 10
    progress.update(920)
    assert "920/1000 92%  2 steps/s" in stream.getvalue() and "0:40 left" in stream.getvalue()


def test_a_terminal_gets_one_line_redrawn_and_wholly_covered():
    clock, stream, notes = Clock(), Terminal(), ["short", "a longer note", "", "end"]
    with closing(Progress("vae", 4, stream, clock=clock)) as progress:
        for done, note in enumerate(notes, 1):
            clock.now += 1
            progress.update(done, note)
    text = stream.getvalue()
    assert text.count("\n") == 1 and text.endswith("\n")
    screen, frames = "", text.rstrip("\n").split("\r")[1:]
    assert len(frames) == 4
    for done, (frame, note) in enumerate(zip(frames, notes), 1):
        screen = frame + screen[len(frame):]  # the new frame over what was shown before
        wanted = [f"vae {done}/4 {25 * done}%", "1 steps/s", f"0:0{done} elapsed", f"0:0{4 - done} left"]
        assert screen.rstrip() == "  ".join([*wanted, note]).rstrip()


def test_fast_work_redraws_a_terminal_at_most_ten_times_a_second():
    text = run_progress(Terminal(), total=1000, seconds_each=0.001)
    assert 8 <= text.count("\r") <= 12 and "1000/1000" in text


def test_a_file_gets_plain_lines_at_sensible_intervals():
    short = run_progress(io.StringIO(), total=500, seconds_each=0.01).splitlines()
    assert len(short) == 2 and "500/500" in short[-1]
    long = run_progress(io.StringIO(), total=1000, seconds_each=5.0).splitlines()
    assert 80 <= len(long) <= 101 and not any("\r" in line for line in long)
    slow = run_progress(io.StringIO(), total=20, seconds_each=300.0).splitlines()
    assert len(slow) == 20


def test_work_that_fails_still_ends_its_terminal_line():
    stream = Terminal()
    with pytest.raises(KeyError):
        with closing(Progress("vae", 10, stream)) as progress:
            progress.update(1)
            raise KeyError
    assert stream.getvalue().endswith("\n")


def test_the_logger_shows_the_loss(tmp_path):
    stream = io.StringIO()
    with closing(make_logger(tmp_path / "log.jsonl", total=2, stream=stream)) as logger:
        logger.log(1, loss=0.123456)
        logger.tick(2)
    assert stream.getvalue().splitlines()[-1].startswith("vae 2/2 100%")
    assert stream.getvalue().splitlines()[-1].endswith("loss 0.1235")
    assert len(read_log(tmp_path / "log.jsonl")) == 1


def test_durations_read_as_clock_time():
    shown = [duration(seconds) for seconds in (0, 59.4, 59.6, 3599.6, 36000)]
    assert shown == ["0:00", "0:59", "1:00", "1:00:00", "10:00:00"]
