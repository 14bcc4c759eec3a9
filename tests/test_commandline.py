import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mdgen.commandline import Parser, run
from mdgen.errors import RequestError, RunError
from mdgen.training.interrupt import InterruptGuard


def make_parser():
    parser = Parser(prog="train.py")
    parser.add_argument("--data-dir")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--samples-per-user", "--per-user", type=int, default=1)
    return parser


def fail_with(error):
    def main(argv):
        raise error
    return main


@pytest.mark.parametrize("argv", ["--data-dir a_b", "--data_dir a_b", "--data_dir=a_b", "--data-dir=a_b"])
def test_underscores_and_hyphens_are_the_same_flag_and_values_stay(argv):
    assert make_parser().parse_args(argv.split()).data_dir == "a_b"


def test_underscores_in_assignments_and_aliases():
    argv = ["--set", "vae_training.steps=3", "--set=vae.latent_channels=4", "--per_user", "7"]
    args = make_parser().parse_args(argv)
    assert args.set == [argv[1], "vae.latent_channels=4"] and args.samples_per_user == 7


def test_words_after_a_lone_double_hyphen_stay():
    parser = Parser()
    parser.add_argument("words", nargs="*")
    assert parser.parse_args(["--", "--a_b"]).words == ["--a_b"]


@pytest.mark.parametrize("argv, parts", [
    (["--data-dirr", "x"], ["--data-dirr", "did you mean --data-dir?"]),
    (["--sampels_per_user=3"], ["did you mean --samples-per-user?"]),
    (["--samples-per-user", "many"], ["invalid int value: 'many'"]),
    (["--samples", "3"], ["did you mean --samples-per-user?"]),
    (["surplus"], ["surplus is not a flag or value expected here"]),
])
def test_a_wrong_flag_is_one_line_and_status_2(capsys, argv, parts):
    with pytest.raises(SystemExit) as stopped:
        make_parser().parse_args(argv)
    text = capsys.readouterr().err
    assert stopped.value.code == 2 and text.count("\n") == 1 and text.startswith("train.py: ")
    assert all(part in text for part in parts)


def test_a_misspelt_flag_is_named_rather_than_its_value(capsys):
    parser = make_parser()
    parser.add_argument("stage", nargs="?", choices=["vae", "diffusion"])
    with pytest.raises(SystemExit):
        parser.parse_args(["--data_dirr", "folder"])
    assert "--data-dirr is not a flag" in capsys.readouterr().err


@pytest.mark.parametrize("error, status, part", [
    (RequestError("--num-users is 31, but data/ has 10"), 2, "--num-users is 31, but data/ has 10"),
    (RunError("the loss became nan\nat update 3"), 1, "the loss became nan at update 3"),
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "log.jsonl"), 1, "make space on that disk"),
    (PermissionError(errno.EACCES, "Permission denied", "out"), 1, "Permission denied: 'out'; check that"),
    (MemoryError(), 1, "out of memory"),
    (KeyboardInterrupt(), 130, "run the same command again"),
    (KeyboardInterrupt("stopped at vae step 5"), 130, "stopped at vae step 5"),
    (ZeroDivisionError("by zero"), 1, "unexpected ZeroDivisionError: by zero; run again with --debug"),
])
def test_every_failure_is_one_line_with_its_status(capsys, error, status, part):
    assert run(fail_with(error), ["--seed", "1"]) == status
    text = capsys.readouterr().err
    assert text.count("\n") == 1 and part in text and "Traceback" not in text


def test_debug_shows_the_traceback_and_keeps_the_status(capsys):
    assert run(fail_with(RequestError("the planted fault")), ["--debug"]) == 2
    text = capsys.readouterr().err
    assert "Traceback" in text and "in main" in text and text.splitlines()[-1].endswith("the planted fault")


def test_success_returns_zero_or_the_status_of_main():
    seen = []
    assert run(seen.append, ["a", "b"]) == 0 and seen == [["a", "b"]]
    assert run(lambda argv: 3, []) == 3


def test_a_reader_that_leaves_ends_the_script_quietly():
    code = ("import sys; from mdgen.commandline import run\n"
            "def main(argv):\n    for i in range(200000): print(i)\n"
            "sys.exit(run(main, []))")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, cwd=Path(__file__).parents[1])
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == 1
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_interrupts(number):
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt):
        with InterruptGuard() as guard:
            assert not guard.requested
            signal.raise_signal(number)
            assert guard.requested
            signal.raise_signal(number)
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before


def test_the_guard_leaves_handlers_alone_in_other_threads():
    before, results = signal.getsignal(signal.SIGINT), []

    def work():
        with InterruptGuard() as guard:
            results.append((guard.requested, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [(False, before)]


def test_sigterm_is_as_ctrl_c_and_the_earlier_handler_returns(capsys):
    before, cleared = signal.getsignal(signal.SIGTERM), []

    def main(argv):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            cleared.append("half written file")

    assert run(main, []) == 130 and cleared
    assert capsys.readouterr().err.count("\n") == 1 and signal.getsignal(signal.SIGTERM) is before


def test_a_terminal_without_the_letters_of_a_name_shows_their_codes():
    code = "from mdgen.commandline import run; run(lambda argv: print('user \\u674e \\u2026'), [])"
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[1])}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (result.returncode, result.stdout, result.stderr) == (0, "user \\u674e \\u2026\n", "")
