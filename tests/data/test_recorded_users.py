import csv
import json
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.signal
from PIL import Image

from mdgen import commandline
from mdgen.config import DataConfig
from mdgen.data import recorded_users
from mdgen.data.colormap import to_intensity
from mdgen.data.recorded_users import write_recorded_users
from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders, natural_key
from mdgen.errors import RequestError
from mdgen.radar import Radar, Walker, radar_echo, simulate_walk, spectrogram, torso_line
from mdgen.radar.recordings import RawIQ

RADAR, SPAN, SECONDS = Radar(carrier_hz=24e9, prf_hz=3000.0), (-1.5, 6.0), 7
WALKERS = {"ID_1": Walker(height=1.6, speed=1.0), "ID_2": Walker(height=1.75, speed=1.25),
           "ID_10": Walker(height=1.85, speed=1.5)}
FLAGS = ["--carrier", "24e9", "--prf", "3000", "--velocity-span", "-1.5", "6", "--size", "64", "64", "--sum-axis", "0"]
WINDOW = ["--window", "2", "--overlap", "1.8"]  # 6000 samples, every 600 a new one: 90 %


Outcome = namedtuple("Outcome", "status out err")


@pytest.fixture
def command(capsys):
    """command(*argv): the command in this process."""
    def call(*argv):
        capsys.readouterr()
        try:
            status = commandline.run(recorded_users.main, [str(word) for word in argv])
        except SystemExit as stopped:
            status = stopped.code
        return Outcome(status, *capsys.readouterr())
    return call


def echo(user, seed, channels=2):
    walk = simulate_walk(WALKERS[user], np.arange(SECONDS * 400 + 1) / 400)
    signals = [radar_echo(walk, RADAR, range_m=15, snr_db=25, clutter_db=-5, seed=[*seed, c]) for c in range(channels)]
    return np.stack(signals)  # [channels, N] complex64


def save(path, signal):
    """signal [channels, N] in the format and layout that the name stands for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writers = {"channels.npy": lambda: np.save(path, signal),
               "pairs.npy": lambda: np.save(path, np.stack([signal.real, signal.imag], -1)),
               "stored.npz": lambda: np.savez(path, iq=signal),
               "packed.npz": lambda: np.savez_compressed(path, fs=RADAR.prf_hz, iq=signal),
               "matlab.mat": lambda: scipy.io.savemat(path, {"iq": signal, "fs": RADAR.prf_hz})}
    writers[path.name.split("_")[-1]]()


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """(folder of recordings in every format, {recording: signal [channels, N]})."""
    root, signals = tmp_path_factory.mktemp("raw"), {}
    names = {"ID_1": ("walk2_channels.npy", "walk10_channels.npy"), "ID_2": ("packed.npz", "pairs.npy"),
             "ID_10": ("matlab.mat", "stored.npz")}
    for user, files in names.items():
        for seed, name in enumerate(files):
            signals[f"{user}/{name}"] = echo(user, [natural_key(user)[0][1], seed])
            save(root / user / name, signals[f"{user}/{name}"])
    (root / "ID_1" / "notes.txt").write_text("not a recording")
    (root / "read me.txt").write_text("not a user")
    return root, signals


@pytest.fixture(scope="module")
def tree(recordings, tmp_path_factory):
    """What the command makes of the recordings."""
    root = tmp_path_factory.mktemp("out") / "data"
    status = commandline.run(recorded_users.main, [str(recordings[0]), "--output_dir", str(root), *FLAGS, *WINDOW])
    assert status == 0
    return root


def table(root):
    with open(root / "windows.csv", newline="", encoding="utf-8") as file:
        return [(row["file"], row["recording"], int(row["first_sample"]), int(row["last_sample"]))
                for row in csv.DictReader(file)]


def intensity(path):
    return to_intensity(np.asarray(Image.open(path)), "jet")


# --- round trip ---

def test_every_image_is_the_spectrogram_of_its_own_samples(recordings, tree):
    rows = table(tree)
    assert sorted(str(p.relative_to(tree).as_posix()) for p in tree.glob("*/*.png")) == sorted(row[0] for row in rows)
    assert len(rows) == len({row[0] for row in rows}) == 6 * 26
    for file, recording, first, last in rows:
        signal = recordings[1][recording]
        assert last - first + 1 == 6000 and last < signal.shape[1]
        wanted = spectrogram(signal[:, first:last + 1], RADAR, velocity_span=SPAN).image
        assert np.abs(intensity(tree / file) - np.rint(wanted * 255) / 255).max() < 1.5 / 255, file


def test_natural_order_is_the_order_of_the_recordings(tree):
    rows = table(tree)
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), key=natural_key)
    assert list(dict.fromkeys(row[1] for row in rows)) == [
        "ID_1/walk2_channels.npy", "ID_1/walk10_channels.npy", "ID_2/packed.npz", "ID_2/pairs.npy", "ID_10/matlab.mat",
        "ID_10/stored.npz"]
    for recording in {row[1] for row in rows}:
        assert [row[2] for row in rows if row[1] == recording] == list(range(0, 600 * 26, 600))


def test_the_measured_torso_speed_is_the_walkers(tree):
    velocity = np.array(json.loads((tree / "recordings.json").read_text())["axes"]["velocity_m_s"])
    for user, walker in WALKERS.items():
        speeds = [torso_line(intensity(path), velocity).mean() for path in sorted((tree / user).glob("*.png"))[::6]]
        assert np.mean(speeds) == pytest.approx(walker.speed, rel=0.05)


def test_the_tree_is_read_and_split_without_a_shared_sample(tree):
    folders = UserFolders(tree, height=64, width=64, channels="auto")
    assert (folders.users, folders.channels, folders.colormap) == (list(WALKERS), "intensity", "jet")
    split = Split.of(folders, DataConfig())
    known = {row[0]: row[1:] for row in table(tree)}
    used = []
    for part in (split.train, split.validation):
        names = [f"{folders.paths[i].parent.name}/{folders.paths[i].name}" for i in part]
        used.append({(known[name][0], s) for name in names for s in range(known[name][1], known[name][2] + 1)})
        assert {name.split("/")[0] for name in names} == set(WALKERS)
    assert not used[0] & used[1]
    assert len(split.train) + len(split.validation) == 3 * 2 * (26 - 9)   # the end of either recording of a user


def test_the_data_sheet_says_what_was_done(recordings, tree):
    sheet = json.loads((tree / "recordings.json").read_text())
    assert sheet["command"].startswith("python -m mdgen.data.recorded_users") and "--prf 3000" in sheet["command"]
    assert (sheet["window_s"], sheet["overlap_s"], sheet["colormap"]) == (2.0, pytest.approx(1.8), "jet")
    reading = RawIQ(**{name: tuple(value) if isinstance(value, list) else value
                       for name, value in sheet["reading"].items()})  # JSON gives the very reading back
    assert reading == RawIQ(carrier_hz=24e9, prf_hz=3000.0, velocity_span=SPAN, size=(64, 64), sum_axis=(0,))
    held = {entry["recording"]: entry for entry in sheet["recordings"]}
    assert held["ID_1/walk10_channels.npy"] == dict(recording="ID_1/walk10_channels.npy", shape=[2, 21000],
                                                    dtype="complex64", time_axis=1, samples=21000, rate_hz=3000.0,
                                                    windows=26)
    assert held["ID_2/pairs.npy"]["shape"] == [2, 21000, 2]
    axes = spectrogram(recordings[1]["ID_1/walk2_channels.npy"][:, :6000], RADAR, velocity_span=SPAN)
    assert sheet["axes"] == dict(time_s=axes.time_s.tolist(), velocity_m_s=axes.velocity.tolist(),
                                 doppler_hz=axes.doppler_hz.tolist(), dynamic_range_db=40.0)


def test_matrices_of_another_program_show_the_same_walk(recordings, command, tmp_path):
    """Decibels as scipy.signal.stft and fftshift leave them; by rows of Doppler and, turned round, of time."""
    user, name = "ID_2", "ID_2/packed.npz"
    for which in ("doppler", "time"):
        for u in ("ID_1", user):
            walk = recordings[1][name][0] - recordings[1][name][0].mean()
            _, _, stft = scipy.signal.stft(walk, RADAR.prf_hz, "blackman", 96, 66, return_onesided=False,
                                           boundary=None)  # 100 columns per second
            decibels = 20 * np.log10(np.abs(np.fft.fftshift(stft, axes=0)) + 1e-9)
            (tmp_path / which / u).mkdir(parents=True)
            np.save(tmp_path / which / u / "a.npy", decibels if which == "doppler" else decibels[::-1].T)
        limit = RADAR.unambiguous_speed
        argv = [tmp_path / which, "--output-dir", tmp_path / f"{which}_data", "--carrier", "24e9", "--kind",
                "spectrogram", "--frame-rate", "100", "--scale", "db", "--rows", which, "--window", "2",
                "--velocity-span", f"{-limit:.6f}", f"{limit:.6f}", *(["--flip"] if which == "time" else [])]
        assert command(*argv).status == 0
    sheet = json.loads((tmp_path / "time_data" / "recordings.json").read_text())
    line = torso_line(intensity(tmp_path / "time_data" / user / "a_0002.png"), np.array(sheet["axes"]["velocity_m_s"]))
    assert line.mean() == pytest.approx(WALKERS[user].speed, rel=0.1)
    assert table(tmp_path / "time_data")[1][1:] == ("ID_1/a.npy", 200, 399)
    for file in ("ID_1/a_0001.png", "ID_2/a_0003.png"):
        one, two = (intensity(tmp_path / f"{which}_data" / file) for which in ("doppler", "time"))
        assert np.abs(one - two).max() < 2 / 255 and one.std() > 0.1


def test_two_variables_are_the_real_and_the_imaginary_part(recordings, command, tmp_path):
    signal = recordings[1]["ID_1/walk2_channels.npy"][0]
    for user in ("a", "b"):
        (tmp_path / "raw" / user).mkdir(parents=True)
        scipy.io.savemat(tmp_path / "raw" / user / "x.mat", {"I": signal.real, "Q": signal.imag})
    done = command(tmp_path / "raw", "--output-dir", tmp_path / "data", *FLAGS[:-2], "--window", 3,
                   "--variable", "I", "Q")
    assert done.status == 0 and "4 images of 2 recordings" in done.out
    wanted = spectrogram(signal[9000:18000], RADAR, velocity_span=SPAN).image
    assert np.abs(intensity(tmp_path / "data" / "b" / "x_0002.png") - wanted).max() < 2 / 255


def test_without_a_velocity_span_it_is_what_the_prf_allows(recordings, command, tmp_path):
    shutil.copytree(recordings[0] / "ID_1", tmp_path / "raw" / "ID_1")
    for carrier, limit in (("24e9", 6.0), ("77e9", Radar(77e9, 3000.0).unambiguous_speed)):
        done = command(tmp_path / "raw", "--output-dir", tmp_path / carrier, "--carrier", carrier, "--prf", 3000,
                       "--window", 6, "--sum-axis", 0)
        assert done.status == 0 and f"{-limit:g} to {limit:g} m/s" in done.out
        velocity = json.loads((tmp_path / carrier / "recordings.json").read_text())["axes"]["velocity_m_s"]
        assert velocity[0] == pytest.approx(limit * (1 - 1 / 128))


# --- refused, and nothing left behind ---

@pytest.fixture
def raw(recordings, tmp_path):
    """Two users to spoil."""
    return Path(shutil.copytree(recordings[0], tmp_path / "raw", ignore=shutil.ignore_patterns("ID_10", "*.txt")))


def refused(outcome, tmp_path, status=2):
    """The one line of a refusal, after which there is no tree and no part of one."""
    lines = [line for line in outcome.err.splitlines() if not line.startswith("images ")]
    assert outcome.status == status and len(lines) == 1 and "unexpected" not in lines[0], outcome
    assert [path.name for path in tmp_path.iterdir() if path.name != "raw"] == []
    return lines[0]


@pytest.mark.parametrize("argv, parts", [
    (["--window", "8"], ["ID_1/walk2_channels.npy", "21000", "8 s at 3000 Hz needs 24000"]),
    (["--window", "0.02"], ["--window is 0.02 s, 60 samples", "at least 90"]),
    (["--window", "nan"], ["--window is nan"]),
    (["--window", "2", "--overlap", "2"], ["--overlap is 2 s", "less than the window"]),
    (["--window", "2", "--overlap", "-1"], ["--overlap is -1 s"]),
    (["--window", "2", "--overlap", "nan"], ["--overlap is nan s"]),
    (["--window", "2", "--prf", "0"], ["--prf is 0", "above 0"]),
    (["--window", "2", "--carrier", "-1"], ["--carrier is -1"]),
    (["--window", "2", "--carrier", "77e9"], ["--velocity-span is -1.5 6", "+-2.92 m/s", "6165 Hz"]),
    (["--window", "2", "--velocity-span", "3", "1"], ["--velocity-span is 3 1"]),
    (["--window", "2", "--size", "64", "0"], ["--size is 0"]),
    (["--window", "2", "--variable", "I"], ["ID_2/packed.npz has no array I", "it holds fs", "iq (2x21000)"]),
    (["--window", "2", "--variable", "a", "b", "c"], ["--variable names 3"]),
    (["--window", "2", "--scale", "db"], ["--scale is for --kind spectrogram"]),
    (["--window", "2", "--slow-axis", "5"], ["--slow-axis is 5", "has 2 axes"]),
    (["--window", "2", "--kind", "spectrogram"], ["--sum-axis is for --kind iq"]),
    (["--window", "2", "--colourmap", "jet"], ["--colourmap", "did you mean --colormap"]),
    ([], ["--window"]),
])
def test_a_wrong_request_is_one_line_and_writes_nothing(raw, command, tmp_path, argv, parts):
    line = refused(command(raw, "--output-dir", tmp_path / "data", *FLAGS, *argv), tmp_path)
    assert all(part in line for part in parts), line


def test_a_matrix_must_be_said_to_be_what_it_is(command, tmp_path):
    (tmp_path / "raw" / "a").mkdir(parents=True)
    np.save(tmp_path / "raw" / "a" / "m.npy", np.ones((64, 400)))
    argv = [tmp_path / "raw", "--output-dir", tmp_path / "data", "--carrier", "24e9", "--window", 2]
    line = refused(command(*argv, "--kind", "spectrogram", "--frame-rate", 50), tmp_path)
    assert "--scale, --rows, --velocity-span missing" in line
    assert "give --kind spectrogram" in refused(command(*argv, "--prf", 100), tmp_path)


def spoil(raw, case):
    user = raw / "ID_2"
    if case == "nan":
        bad = np.load(user / "pairs.npy")
        bad[1, 20_500] = np.nan
        np.save(user / "pairs.npy", bad)
    elif case == "objects":
        np.save(user / "x.npy", np.array([None, {}], dtype=object), allow_pickle=True)
    elif case == "empty user":
        (raw / "ID_3").mkdir()
        (raw / "ID_3" / "walk.csv").write_bytes(b"")
    elif case == "same stem":
        shutil.copy(user / "pairs.npy", user / "Packed.npy")
    else:
        for folder in (raw / "ID_1", user, raw)[:2 if case == "flat" else 3]:
            shutil.rmtree(folder)


@pytest.mark.parametrize("case, parts", [
    ("nan", ["ID_2/pairs.npy has NaN", "at sample 20500"]),
    ("objects", ["ID_2/x.npy holds Python objects", "never loaded"]),
    ("empty user", ["ID_3 holds no recordings, but .csv", ".npy, .npz, .mat"]),
    ("same stem", ["Packed.npy", "packed.npz", "same names"]),
    ("flat", ["holds no user folders", "one folder of recordings"]),
    ("gone", ["does not exist"]),
])
def test_a_recording_that_cannot_be_used_is_named_and_no_part_of_a_tree_appears(raw, command, tmp_path, case, parts):
    spoil(raw, case)
    line = refused(command(raw, "--output-dir", tmp_path / "data", *FLAGS, *WINDOW), tmp_path)
    assert all(part in line for part in parts), line


def test_a_stop_in_the_middle_leaves_nothing(recordings, tmp_path):
    def stop(done, total):
        assert total == 156 and (done > 1 or len(list(tmp_path.iterdir())) == 1)
        if done == 40:
            raise KeyboardInterrupt

    reading = RawIQ(carrier_hz=24e9, prf_hz=3000.0, velocity_span=SPAN, size=(64, 64), sum_axis=(0,))
    with pytest.raises(KeyboardInterrupt):
        write_recorded_users(recordings[0], tmp_path / "data", reading, window_s=2.0, overlap_s=1.8, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone_and_an_empty_one_is_filled(recordings, tmp_path):
    reading = RawIQ(carrier_hz=24e9, prf_hz=3000.0, velocity_span=SPAN, size=(16, 16), sum_axis=(0,))
    (tmp_path / "data").mkdir()
    write_recorded_users(recordings[0], tmp_path / "data", reading, window_s=6.0)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert len(table(tmp_path / "data")) == 6
    with pytest.raises(RequestError, match="exists already; choose another --output-dir"):
        write_recorded_users(recordings[0], tmp_path / "data", reading, window_s=6.0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_module_is_a_command(tmp_path):
    done = subprocess.run([sys.executable, "-m", "mdgen.data.recorded_users", tmp_path / "none", "--output-dir",
                           tmp_path / "data", "--prf", "2000", "--carrier", "77e9", "--window", "3"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("recorded_users.py: ") and "none does not exist" in done.stderr
