import json

import numpy as np
import pytest
import torch

import mdgen
from mdgen.errors import RequestError
from mdgen.runs.folder import RunFolder
from mdgen.runs.levels import KNOTS, LevelMap, read_levels, write_levels
from mdgen.runs.pipeline import load_pipeline


def test_a_haze_goes_to_the_floor_and_the_shares_become_the_real_ones():
    rng = np.random.default_rng(0)
    real = np.where(rng.random(20000) < 0.5, -1.0, rng.uniform(-0.5, 1.0, 20000))
    hazy = np.where(rng.random(20000) < 0.5, rng.uniform(-0.98, -0.8, 20000), rng.uniform(-0.5, 0.8, 20000))
    moved = LevelMap.fit("w", hazy, real)(torch.from_numpy(hazy)).numpy()
    assert np.mean(moved < -0.999) == pytest.approx(np.mean(real < -0.999), abs=0.02)
    for share in (0.6, 0.75, 0.9, 0.99):
        assert np.quantile(moved, share) == pytest.approx(np.quantile(real, share), abs=0.02)


def test_equal_histograms_leave_images_as_they_are_and_the_order_of_levels_stays():
    values = np.random.default_rng(0).uniform(-1, 1, 50000)
    same = LevelMap.fit("w", values, values)
    x = torch.linspace(-1, 1, 999, dtype=torch.float64)
    assert (same(x) - x).abs().max() < 0.01
    other = LevelMap.fit("w", values, values**3)
    assert (other(x).diff() >= 0).all() and other(x)[0] == -1


def test_too_many_pixels_at_the_floor_stay_there():
    """One value can only go to one place: brightening the whole floor would be worse than the surplus."""
    real, dark = np.linspace(-1, 1, 1000), np.where(np.arange(1000) < 700, -1.0, 0.5)
    assert LevelMap.fit("w", dark, real)(torch.tensor([-1.0]))[0] == -1


def test_it_is_kept_for_the_weights_that_it_was_fitted_to(tmp_path):
    kept = LevelMap.fit("abc", np.linspace(-1, 1, 100), np.linspace(-1, 0, 100))
    write_levels(tmp_path, kept)
    assert read_levels(tmp_path, "abc") == kept and read_levels(tmp_path, "other") is None
    for damage in ({"weights": "abc"}, {"weights": "abc", "knots": [0.0] * 3},
                   {"weights": "abc", "knots": [1.0 - 2 * k / (KNOTS - 1) for k in range(KNOTS)]}):
        (tmp_path / "levels.json").write_text(json.dumps(damage))
        with pytest.raises(RequestError, match="levels.json is damaged"):
            read_levels(tmp_path, "abc")


def test_training_ends_with_it_and_generated_images_get_it(tiny_run):
    run = RunFolder.open(tiny_run)
    with_levels, without = load_pipeline(run), load_pipeline(run, levels=False)
    assert with_levels.levels is not None and with_levels.weights_hash == without.weights_hash
    users, seeds = torch.tensor([0, 1, 2]), [5, 6, 7]
    assert torch.equal(with_levels.generate(users, seeds), with_levels.levels(without.generate(users, seeds)))
    before = mdgen.load(tiny_run, "cpu").draw("ID_1", 2)
    (tiny_run / "levels.json").unlink()
    assert not np.array_equal(mdgen.load(tiny_run, "cpu").draw("ID_1", 2), before)
