"""The command on folders of which some recordings cannot be used, and on files that say more than one array."""

import csv
import json

import numpy as np
import pytest

from mdgen import commandline
from mdgen.data import recorded_users

FLAGS = ["--carrier", "24e9", "--prf", "2000", "--window", "1", "--size", "32", "32"]


@pytest.fixture
def command(capsys, tmp_path):
    """command(*flags) -> (status, stdout, stderr) of the command on tmp_path/raw."""
    def call(*flags):
        capsys.readouterr()
        argv = [str(tmp_path / "raw"), "--output-dir", str(tmp_path / "data"), *map(str, flags)]
        status = commandline.run(recorded_users.main, argv)
        return status, *capsys.readouterr()
    return call


def tone(seconds, seed=0):
    rng, count = np.random.default_rng(seed), int(2000 * seconds)
    noise = rng.standard_normal((count, 2)) @ [0.1, 0.1j]
    return (np.exp(2j * np.pi * 200 / 2000 * np.arange(count)) + noise).astype(np.complex64)


@pytest.fixture
def raw(tmp_path):
    """Two users, one of whose recordings are too short, broken in the middle, and of another kind."""
    broken = tone(3)
    broken[2500] = np.nan
    for name, array in (("ann/a.npy", tone(2)), ("ann/b.npy", tone(0.5)), ("ann/c.npy", tone(3, 1)),
                        ("bob/a.npy", broken), ("bob/b.npy", tone(2, 2)), ("eve/a.npy", np.ones(9000))):
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "raw" / name, array)


def test_bad_recordings_are_skipped_and_listed(raw, command, tmp_path):
    status, out, _ = command(*FLAGS, "--on-bad-file", "skip")
    assert status == 0 and "7 images of 3 recordings" in out
    skipped = {entry["recording"]: entry["reason"] for entry in
               json.loads((tmp_path / "data" / "recordings.json").read_text())["skipped"]}
    assert list(skipped) == ["ann/b.npy", "eve/a.npy", "bob/a.npy"]
    told = {"ann/b.npy": "has 1000 samples", "bob/a.npy": "at sample 2500", "eve/a.npy": "real numbers"}
    for name, part in told.items():
        assert part in skipped[name] and f"skipped {name}: {skipped[name]}" in out
    with open(tmp_path / "data" / "windows.csv", newline="", encoding="utf-8") as file:
        rows = [row["file"] for row in csv.DictReader(file)]
    found = sorted(path.relative_to(tmp_path / "data").as_posix() for path in (tmp_path / "data").glob("*/*"))
    assert sorted(rows) == found and not (tmp_path / "data" / "eve").exists()
    assert not any(name.startswith("bob/a") for name in found)  # its first window was fine


def test_without_skip_one_bad_recording_stops_all_and_names_the_flag(raw, command, tmp_path):
    status, _, err = command(*FLAGS)
    assert status == 2 and err.count("\n") == 1 and not (tmp_path / "data").exists()
    assert "ann/b.npy" in err and "--on-bad-file skip" in err
    status, _, err = command(*FLAGS, "--window", "9", "--on-bad-file", "skip")
    assert status == 2 and "none of the 6 recordings can be used" in err and not (tmp_path / "data").exists()


def test_an_object_beside_the_wanted_array_is_never_opened(command, tmp_path):
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    path = tmp_path / "raw" / "ann" / "a.npz"
    about = np.array([{"who": "ann"}], dtype=object)
    np.savez(path, iq=tone(2), about=about)
    assert command(*FLAGS)[0] == 0  # the only array of numbers
    np.savez(path, iq=tone(2), other=tone(1), about=about)
    for flags, part in (([], "expected one array"), (["--variable", "about"], "objects, which are never loaded")):
        status, _, err = command(*FLAGS, *flags, "--output-dir", tmp_path / "more")
        assert status == 2 and part in err
    assert command(*FLAGS, "--variable", "iq", "--output-dir", tmp_path / "more")[0] == 0


def test_frames_are_counted_in_chirps(command, tmp_path):
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    np.save(tmp_path / "raw" / "ann" / "a.npy", tone(3).reshape(60, 100)[:, :16])
    status, out, _ = command(*FLAGS, "--slow-axis", "0", "1", "--frame-rate", "20", "--overlap", "0.5")
    assert status == 0 and "time along axes 0 and 1, 320 samples per second" in out
    text = (tmp_path / "data" / "windows.csv").read_text().split()
    assert text[1:3] == ["ann/a_0001.png,ann/a.npy,0,319", "ann/a_0002.png,ann/a.npy,160,479"] and len(text) == 6
    sheet = json.loads((tmp_path / "data" / "recordings.json").read_text())
    assert sheet["recordings"][0]["time_axis"] == [0, 1] and sheet["recordings"][0]["samples"] == 960
    assert sheet["axes"]["time_s"][-1] == pytest.approx(1 - 0.5 / 32)


@pytest.mark.parametrize("name, value, flag", [("fs_hz", 2000.0, "--prf-variable"), ("dt", 5e-4, "--period-variable"),
                                               ("samplingFreq", 2000.0, "--prf-variable"),
                                               ("Ts", 5e-4, "--period-variable")])
def test_a_rate_is_known_by_its_usual_names(command, tmp_path, name, value, flag):
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    np.savez(tmp_path / "raw" / "ann" / "a.npz", iq=tone(4), **{name: value})
    without = FLAGS[:2] + FLAGS[4:]
    status, _, err = command(*without, "--prf", "1000")
    assert status == 2 and "2000 Hz" in err and f"{flag} {name}" in err
    status, _, err = command(*without)
    assert status == 2 and f"give {flag} {name}" in err
    assert command(*without, flag, name)[0] == 0


def test_two_rates_give_one_time_axis(command, tmp_path):
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    for name, step in (("day1", 2), ("day2", 1)):
        np.savez(tmp_path / "raw" / "ann" / f"{name}.npz", iq=tone(4)[::step], fs=2000.0 / step)
    status, _, err = command(*FLAGS)
    assert status == 2 and "day1.npz says fs = 1000" in err and "--prf-variable fs" in err
    flags = FLAGS[:2] + FLAGS[4:]
    assert command(*flags, "--prf-variable", "fs")[0] == 0
    sheet = json.loads((tmp_path / "data" / "recordings.json").read_text())
    assert [(entry["rate_hz"], entry["windows"]) for entry in sheet["recordings"]] == [(1000, 4), (2000, 4)]
    limit = 299792458 / 24e9 * 1000 / 4  # of the slower file
    assert sheet["reading"]["velocity_span"] == pytest.approx([-limit, limit])


@pytest.mark.parametrize("flags, parts", [
    (["--prf", "20"], ["--prf is 20 Hz", "frame rate"]),
    (["--prf-variable", "fs"], ["--prf and --prf-variable are given"]),
    (["--carrier", "24"], ["--carrier is 24 Hz", "such as 77e9"]),
    (["--dynamic-range", "0.5"], ["--dynamic-range is 0.5 dB"]),
    (["--size", "1", "64"], ["--size is 1 64"]),
    (["--stft-window", "0.001"], ["--stft-window is 0.001 s"]),
    (["--clutter-cutoff", "0.0001"], ["--clutter-cutoff is 0.0001 m/s"]),
    (["--transmitters", "0"], ["--transmitters is 0"]),
    (["--index", "0"], ["--index is 0; expected AXIS=K"]),
    (["--index", "0=9000"], ["axis 0", "has length 4000"]),
    (["--scale", "level"], ["--scale is for --kind spectrogram"]),
    (["--slow-axis", "0", "0", "--frame-rate", "20"], ["--slow-axis and --slow-axis are both 0"]),
])
def test_refusals_name_flags(command, tmp_path, flags, parts):
    (tmp_path / "raw" / "ann").mkdir(parents=True)
    np.save(tmp_path / "raw" / "ann" / "a.npy", tone(2))
    status, _, err = command(*FLAGS, *flags)
    assert status == 2 and err.count("\n") == 1 and all(part in err for part in parts), err
    for word in ("window_s", "prf_hz", "clutter_cutoff", "dynamic_range_db", "velocity_span", "carrier_hz"):
        assert word not in err
