"""A run of files whose columns were enlarged, from reading to judging."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import mdgen
from mdgen.data.colormap import to_color, to_levels
from mdgen.data.columns import count_columns, from_columns
from mdgen.runs.folder import RunFolder

HEIGHT, WIDTH = 32, 64
COUNTS = range(18, 27)   # columns of a file


def columns_of(user, index):
    """Levels [HEIGHT, count] of a band at the user's row, which swings once; speckle in every column."""
    count = COUNTS[(5 * user + index) % len(COUNTS)]
    rng = np.random.default_rng([user, index])
    rows, columns = np.mgrid[:HEIGHT, :count]
    centre = 8 + 8 * user + 3 * np.sin(2 * np.pi * columns / count)
    return (np.exp(-((rows - centre) / 3) ** 2) * (0.6 + 0.4 * rng.random(count))).clip(0, 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("columns")
    for user in range(3):
        (root / f"ID_{user + 1}").mkdir()
        for index in range(14):
            picture = from_columns(to_color(columns_of(user, index)), WIDTH).round().astype(np.uint8)
            Image.fromarray(picture).save(root / f"ID_{user + 1}" / f"w{index}.png")
    return root


@pytest.fixture(scope="module")
def command(data, tiny_flags):
    flags = [word for word in tiny_flags if word not in ("--resolution", "32")]
    short = {"classifier_steps": 60, "siamese_steps": 20, "usefulness_steps": 20, "usefulness_seeds": 1,
             "two_sample_steps": 0}
    return ["train.py", *flags, *(word for key, value in short.items()
                                  for word in ("--set", f"evaluation.{key}={value}")), "--data-dir", data]


@pytest.fixture(scope="module")
def run(tmp_path_factory, command, run_script):
    folder = tmp_path_factory.mktemp("run") / "run"
    outcome = run_script(*command, "--output-dir", folder)
    assert outcome.status == 0, outcome.err
    return folder


def test_files_are_read_by_columns_and_the_same_command_goes_on(run, command, run_script):
    data = RunFolder.open(run).config.data
    assert (data.height, data.width, data.columns) == (HEIGHT, WIDTH, 32)
    assert RunFolder.open(run).latent_shape[1:] == (8, 8)
    assert run_script(*command, "--output-dir", run).status == 0
    assert run_script("evaluate.py", "check", run).status == 0


def test_generated_files_show_columns_as_the_sources_do(run, tmp_path, run_script):
    assert run_script("sample.py", run, "--samples-per-user", 4, "--output-dir", tmp_path / "s").status == 0
    found = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "s").glob("*/*.png"))]
    counts = [count_columns(to_levels(picture)) for picture in found]
    assert len(found) == 12 and all(picture.shape == (HEIGHT, WIDTH, 3) for picture in found)
    assert sum(count is not None for count in counts) >= 10, counts
    drawn = mdgen.load(run, "cpu")
    assert np.array_equal(drawn.draw("ID_1", 4), np.stack(found[:4]))
    levels = drawn.draw("ID_1", 4, as_intensity=True)
    assert levels.shape == (4, HEIGHT, WIDTH) and drawn.draw("ID_1", 0).shape == (0, HEIGHT, WIDTH, 3)
    assert run_script("sample.py", run, "--samples-per-user", 1, "--size", 48, 100, "--output-dir",
                      tmp_path / "large").status == 0
    with Image.open(tmp_path / "large" / "ID_1" / "ID_1_00000.png") as picture:
        assert picture.size == (100, 48)


def test_reading_and_writing_loses_next_to_nothing(run, data, tmp_path, run_script):
    assert run_script("sample.py", run, "--reconstruct", data, "--output-dir", tmp_path / "out").status == 0
    for path in sorted(data.glob("*/*.png")):
        real, written, decoded = (to_levels(np.asarray(Image.open(p))).astype(float) for p in (
            path, *(tmp_path / "out" / kind / path.parent.name / path.name
                    for kind in ("read_and_written", "autoencoded"))))
        assert np.abs(written - real).mean() < 1.5
        assert np.corrcoef(decoded.ravel(), real.ravel())[0, 1] > 0.9


def test_a_run_by_columns_is_judged_by_its_files(run, data, tmp_path, run_script):
    copy = shutil.copytree(run, tmp_path / "run")
    assert run_script("sample.py", copy, "--samples-per-user", 4).status == 0
    report = json.loads((copy / "report" / "report.json").read_text()) if (copy / "report").exists() else None
    outcome = run_script("evaluate.py", "samples", copy)
    assert outcome.status == 0 and report is None, outcome.err
    report = json.loads((copy / "report" / "report.json").read_text())
    files = report["own_files"]["by_size"][0]
    assert files["size"] == HEIGHT and set(files["accuracy"]) == {"held_out", "read_and_written", "autoencoded",
                                                                 "generated"}
    assert abs(files["accuracy"]["read_and_written"]["mean"] - files["accuracy"]["held_out"]["mean"]) <= 0.34
    assert len(report["levels"]["shares"]["generated"]) == len(report["levels"]["bands"])
    assert run_script("evaluate.py", "vae", copy).status == 0
    images = tmp_path / "ID_9"
    shutil.copytree(data / "ID_2", images)
    outcome = run_script("train.py", "enroll", copy, "--images", images, "--set", "enroll_training.steps=2")
    assert outcome.status == 0, outcome.err
    assert run_script("sample.py", copy, "--users", "ID_9", "--samples-per-user", 1).status == 0


def test_colours_are_learnt_as_pixels(command, tmp_path, run_script):
    outcome = run_script(*command, "--output-dir", tmp_path / "run", "--set", "data.channels=rgb", "--dry-run")
    assert outcome.status == 0 and '"columns": 0' in outcome.out, outcome.err


def test_pixels_can_be_asked_for(command, tmp_path, run_script):
    outcome = run_script(*command, "--output-dir", tmp_path / "run", "--no-columns", "--dry-run")
    assert outcome.status == 0 and '"columns": 0' in outcome.out, outcome.err
    other = run_script(*command, "--output-dir", tmp_path / "o", "--resolution", HEIGHT, WIDTH, "--dry-run")
    assert other.status == 0 and '"columns": 0' in other.out
