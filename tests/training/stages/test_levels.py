"""What a lossy file adds of its own is no level of a walk."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import zoom

from mdgen.config.presets import preset
from mdgen.config.resolution import at_resolution
from mdgen.data.colormap import to_color, to_levels
from mdgen.data.source_files import FileFormat
from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders
from mdgen.runs.folder import RunFolder, Users
from mdgen.runs.levels import LevelMap
from mdgen.runs.pictures import as_pixels
from mdgen.training.stages.levels import as_read, best_map

SIZE = 64


def walks(root, suffix, **options):
    """Speckle from level 32 up over an exact floor, of which half of the pixels are; its share of the floor."""
    rng, floors = np.random.default_rng(0), []
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    for user in ("a", "b"):
        (root / user).mkdir()
        for index in range(8):
            level = zoom(rng.gamma(2.0, 0.2, (SIZE, SIZE // 4)), (1, 4), order=1).clip(32 / 255, 1)
            level[abs(rows - 0.5 - 0.2 * np.sin(2 * np.pi * (columns + rng.random()))) > 0.25] = 0
            floors.append(np.mean(level == 0))
            Image.fromarray(to_color(level)).save(root / user / f"{index}{suffix}", **options)
    return np.mean(floors)


def opened(root):
    config = at_resolution(preset("small"), SIZE, SIZE)
    config = replace(config, data=replace(config.data, gap=0))
    folders = UserFolders(root, height=SIZE, width=SIZE, channels="intensity", colormap="jet")
    split = Split.of(folders, config.data)
    users = Users(folders.users, str(root), folders.channels, folders.colormap,
                  files=FileFormat.of_most(folders.paths).to_values())
    return RunFolder(root, config, users), split


def floor_shares(run, split, knots):
    """Of real images as files, and of what a perfect generator's become, as they are and with the map."""
    images = split.train_images(np.arange(len(split.train)))

    def share(images):
        files = [run.file_format.encode(pixels) for pixels in as_pixels(run, images, SIZE, SIZE)]
        return np.mean([to_levels(np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))) == 0 for file in files])

    pictures = split.folders.pictures[split.train].numpy()
    return np.mean(pictures == 0), share(images), share(LevelMap("", knots)(images))


def fitted(run, split):
    images = split.train_images(np.arange(len(split.train)))
    return best_map(run, images, images, split.folders.pictures[split.train].numpy())


def test_levels_that_jpeg_adds_go_to_the_floor_before_a_file_is_written_again(tmp_path):
    walks(tmp_path, ".jpg", quality=75, subsampling=2)
    run, split = opened(tmp_path)
    files, twice, mapped = floor_shares(run, split, fitted(run, split))
    assert twice < files - 0.01                                # it rings again, over what rang already
    assert mapped == pytest.approx(files, abs=(files - twice) / 2)


def test_files_that_lose_nothing_keep_every_level(tmp_path):
    share = walks(tmp_path, ".png")
    run, split = opened(tmp_path)
    knots = fitted(run, split)
    assert np.abs(np.subtract(knots, np.linspace(-1, 1, len(knots)))[33:]).max() < 0.02   # no level lies below
    assert floor_shares(run, split, knots) == pytest.approx([share] * 3, abs=0.02)


def test_files_of_12_bits_are_read_at_the_depth_of_the_run_and_not_at_their_own(tmp_path):
    """Generated images without a strong echo would else be taken for 10 bits, and four times as bright."""
    rng = np.random.default_rng(0)
    for user in ("a", "b"):
        (tmp_path / user).mkdir()
        for index in range(8):
            values = rng.integers(0, 4096, (SIZE, SIZE), dtype=np.uint16)
            Image.fromarray(values).save(tmp_path / user / f"{index}.png")
    folders = UserFolders(tmp_path, height=SIZE, width=SIZE, channels="intensity", colormap="gray")
    form, config = FileFormat.of_most(folders.paths), at_resolution(preset("small"), SIZE, SIZE)
    run = RunFolder(tmp_path, config, Users(folders.users, str(tmp_path), "intensity", "gray", files=form.to_values()))
    dim = torch.from_numpy(rng.integers(0, 50, (2, 1, SIZE, SIZE)).astype(np.float32)) / 127.5 - 1
    assert run.depth == 12 and np.array_equal(as_read(run, dim), ((dim.numpy() + 1) * 127.5).round().astype(np.uint8))
