import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.config.presets import preset
from mdgen.data.colormap import to_color
from mdgen.data.source_files import FileFormat
from mdgen.runs.folder import RunFolder, Users
from mdgen.validation.judges.own_files import own_files, pictures, rewritten, shrunk, sizes_for

USERS, SIDE = 3, 32


def walks(count, seed, rows=(6, 14, 24)):
    """Users whose band lies at a row of their own, in jet: (files as bytes, users)."""
    rng, files, users = np.random.default_rng(seed), [], []
    for user in range(USERS):
        for _ in range(count):
            image = rng.random((SIDE, SIDE)) * 0.1
            image[rows[user] - 2:rows[user] + 2] += 0.7
            stream = io.BytesIO()
            Image.fromarray(to_color(image)).save(stream, format="PNG")
            files.append(stream.getvalue())
            users.append(user)
    return files, users


def judged(generated):
    held_out, users = walks(6, 1)
    kinds = {"held_out": held_out, "read_and_written": held_out, "users": users}
    return own_files(walks(12, 0), kinds, generated, USERS, [SIDE], steps=60, seeds=1, device="cpu")


def test_pictures_are_shrunk_in_colours_by_the_mean_of_areas():
    """Red beside blue becomes purple, which no colour map of intensities would make of them."""
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:, ::2, 0], pixels[:, 1::2, 2] = 200, 100
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    expected = np.array([100, 0, 50])[:, None, None]
    assert np.array_equal(shrunk(stream.getvalue(), 2), np.broadcast_to(expected, (3, 2, 2)))


@pytest.mark.parametrize("side, sizes", [(256, [64, 128]), (128, [64, 128]), (100, [64]), (48, [48])])
def test_files_are_never_enlarged(side, sizes):
    assert sizes_for(FileFormat("PNG", side, side + 20)) == sizes


def test_good_files_are_recognised_as_held_out_ones_are():
    found = judged(walks(8, 2))
    (line,) = found["by_size"]
    assert line["accuracy"]["held_out"]["mean"] > 0.9 and line["accuracy"]["generated"]["mean"] > 0.9
    assert line["accuracy"]["read_and_written"] == line["accuracy"]["held_out"]   # the same files
    assert line["fd"]["generated"] < 3 * line["fd"]["held_out"]
    assert found["usefulness"]["generated"]["mean"] > 0.9 and found["usefulness"]["both"]["mean"] > 0.9


def test_files_of_the_wrong_user_or_in_other_colours_are_told():
    swapped = judged(walks(8, 2, rows=(14, 24, 6)))
    assert swapped["by_size"][0]["accuracy"]["generated"]["mean"] < 0.2
    assert swapped["usefulness"]["generated"]["mean"] < 0.2
    files, users = walks(8, 2)
    hazy = []
    for file in files:   # a haze that intensities hardly show: the floor's blue is brighter
        pixels = np.asarray(Image.open(io.BytesIO(file))).astype(int)
        pixels[..., 2] = np.where(pixels[..., 0] + pixels[..., 1] == 0, 250, pixels[..., 2])
        stream = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(stream, format="PNG")
        hazy.append(stream.getvalue())
    distance = judged((hazy, users))["by_size"][0]["fd"]
    assert distance["generated"] > 2 * distance["held_out"]


def test_what_is_rewritten_as_png_comes_back_as_it_was():
    config = replace(preset("small"), data=replace(preset("small").data, height=16, width=16))
    run = RunFolder(None, config, Users(["a", "b"], "", "intensity", "jet"))
    levels = torch.arange(256).view(1, 1, 16, 16)
    (file,) = rewritten(run, levels / 127.5 - 1, FileFormat("PNG", 16, 16))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(file))), to_color(levels[0, 0].numpy() / 255))
    assert pictures([file], [0], 16).images.shape == (1, 3, 16, 16)
