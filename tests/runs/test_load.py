import numpy as np
import pytest
import torch
from PIL import Image

import mdgen
from mdgen.data.colormap import to_levels
from mdgen.errors import RequestError
from mdgen.runs.draw import sample_users
from mdgen.runs.folder import RunFolder


@pytest.fixture(scope="module")
def loaded(trained):
    return mdgen.load(str(trained), device="cpu")


def test_images_are_those_of_sample_py_in_the_colours_of_the_run(loaded, trained, tmp_path):
    rows = sample_users(RunFolder.open(trained), tmp_path, per_user=3, users=["ID_2"], seed=5)
    files = np.stack([np.asarray(Image.open(tmp_path / row.file)) for row in rows])
    images = loaded.draw("ID_2", 3, seed=5)
    assert images.dtype == np.uint8 and images.shape == (3, 32, 32, 3) and np.array_equal(images, files)
    levels = loaded.draw("ID_2", 3, seed=5, as_intensity=True)
    assert levels.dtype == np.uint8 and np.array_equal(levels, to_levels(images, "jet"))


def test_a_seed_and_a_place_decide_an_image(loaded):
    three, two, other = loaded.draw("ID_1", 3), loaded.draw("ID_1", 2), loaded.draw("ID_1", 2, seed=1)
    assert abs(three[:2].astype(int) - two).max() <= 12 and abs(two.astype(int) - other).max() > 40
    assert loaded.draw("ID_1", 0).shape == (0, 32, 32, 3)


def test_users_are_those_of_the_run(loaded):
    assert loaded.users == ["ID_1", "ID_2", "ID_10"] and loaded.enrolled == []


@pytest.mark.parametrize("ask, words", [
    (lambda run: run.draw("ID_3", 1), "user ID_3 is not in this run; it knows ID_1, ID_2, ID_10"),
    (lambda run: run.draw("ID_1", -1), "n is -1"), (lambda run: run.draw("ID_1", 1.5), "n is 1.5"),
    (lambda run: run.draw("ID_1", 1, seed=1.5), "seed is 1.5"),
    (lambda run: run.draw("ID_1", 1, seed=True), "seed is True"),
    (lambda run: mdgen.load("nowhere"), "has no config.json"),
    (lambda run: mdgen.load(run.run.path, device="tpu"), "device is tpu; expected cpu or cuda")])
def test_what_cannot_be_is_refused(loaded, ask, words):
    with pytest.raises(RequestError, match=words):
        ask(loaded)


def test_nothing_of_the_callers_randomness_is_used_or_moved(trained):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first = mdgen.load(trained, device="cpu").draw("ID_1", 1, seed=np.int64(3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(8)
    assert np.array_equal(mdgen.load(trained, device="cpu").draw("ID_1", np.int32(1), seed=3), first)
