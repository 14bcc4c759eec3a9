"""The scripts in examples/ run as they stand."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def example(monkeypatch, capsys):
    def run(name, *argv):
        monkeypatch.setattr(sys, "argv", [name, *map(str, argv)])
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_a_training_loop_of_ones_own_learns_and_writes_images(example, tiny_data, tmp_path):
    out = example("own_training_loop.py", tiny_data, tmp_path / "new.png", "--steps", 30, "--size", 32)
    losses = [float(value) for value in re.findall(r"loss ([\d.]+)", out)]
    assert losses[-1] < 0.9 * losses[0]
    assert np.asarray(Image.open(tmp_path / "new.png")).shape == (3 * 66 + 2, 3 * 66 + 2, 3)


def test_images_of_a_user_land_in_a_folder(example, trained, tmp_path):
    out = example("draw.py", trained, "ID_2", tmp_path / "images", "-n", 3)
    assert "users: ID_1, ID_2, ID_10" in out and len(list((tmp_path / "images").glob("ID_2_*.png"))) == 3


def test_two_feature_arrays_are_compared(example, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", rng.normal(size=(200, 3)))
    np.save(tmp_path / "b.npy", rng.normal(size=(200, 3)) + [2.0, 0, 0])
    out = example("metrics.py", tmp_path / "a.npy", tmp_path / "b.npy")
    assert 3.0 < float(re.search(r"Fréchet distance +([\d.]+)", out)[1]) < 5.5
    assert all(word in out for word in ("kernel distance", "precision, recall", "density, coverage"))
