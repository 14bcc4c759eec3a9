"""Pictures of other kinds and depths are read as PNG of 8 bits is."""

import numpy as np
import pytest
from PIL import Image

from mdgen.data.colormap import to_color
from mdgen.data.image_io import depth_of
from mdgen.data.user_folders import UserFolders, read_folder
from mdgen.errors import RequestError


def spectrogram(seed, height=32, width=24):
    """A bright line that swings over a dark floor with speckle: uint8."""
    rows = np.arange(height)[:, None] - height * (0.5 + 0.2 * np.sin(np.arange(width) / 3 + seed))
    noise = np.random.default_rng(seed).random((height, width))
    return np.rint(255 * (0.85 * np.exp(-(rows / 2) ** 2) + 0.15 * noise)).astype(np.uint8)


def tree(root, make, ending, **options):
    """Two users of three images each, made by make(index)."""
    for k in range(6):
        folder = root / f"ID_{1 + k // 3}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(make(k)).save(folder / f"{k}.{ending}", **options)
    return root


def read(root, **settings):
    return UserFolders(root, height=32, width=24, **{"channels": "auto", **settings})


TRUTH = np.stack([spectrogram(k) for k in range(6)])


@pytest.mark.parametrize("ending, options", [
    ("tif", {}), ("tiff", {"compression": "tiff_lzw"}), ("bmp", {}), ("webp", {"lossless": True}), ("TIF", {})])
def test_kinds_without_loss_are_read_like_png(tmp_path, ending, options):
    found = read(tree(tmp_path, lambda k: to_color(TRUTH[k] / 255, "turbo"), ending, **options))
    assert (found.channels, found.colormap) == ("intensity", "turbo")
    assert np.array_equal(found.images[:, 0], TRUTH)


@pytest.mark.parametrize("ending, options", [("jfif", {"format": "JPEG", "quality": 95}), ("webp", {"quality": 90})])
def test_kinds_with_loss(tmp_path, ending, options):
    found = read(tree(tmp_path, lambda k: TRUTH[k], ending, **options))
    assert found.colormap == "gray" and np.abs(found.images[:, 0].numpy() - TRUTH.astype(int)).mean() < 8


@pytest.mark.parametrize("name", ["gray_r", "jet_r"])
def test_reversed_maps_are_not_decoded_inside_out(tmp_path, name):
    make = (lambda k: 255 - TRUTH[k]) if name == "gray_r" else (lambda k: to_color(TRUTH[k] / 255, name))
    found = read(tree(tmp_path, make, "png"))
    assert found.colormap == name and np.array_equal(found.images[:, 0], TRUTH)   # correlation 1, not -1


def test_reversed_gray_of_12_bits(tmp_path):
    found = read(tree(tmp_path, lambda k: (4095 - TRUTH[k] * 16.0).round().astype(np.uint16), "png"))
    assert found.colormap == "gray_r" and np.abs(found.images[:, 0].numpy() - TRUTH.astype(int)).max() <= 1


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_16_bit_files_are_read_by_the_bits_that_the_whole_set_fills(tmp_path, bits):
    full, shares = 2**bits - 1, [0.2, 0.32, 0.4, 0.52, 0.6, 1.0]   # one scale: a dim image stays dim
    found = read(tree(tmp_path, lambda k: (TRUTH[k] / TRUTH[k].max() * shares[k] * full).round().astype(np.uint16),
                      "tif"))
    assert depth_of(found.paths) == bits
    assert found.images.amax(dim=(1, 2, 3)).tolist() == [round(share * 255) for share in shares]


def test_one_greater_value_in_any_file_counts(tmp_path):
    root = tree(tmp_path, lambda k: np.full((32, 24), 1023, np.uint16), "png")
    assert depth_of(sorted(root.glob("*/*"))) == 10
    Image.fromarray(np.full((32, 24), 1024, np.uint16)).save(root / "ID_2" / "4.png")
    assert depth_of(sorted(root.glob("*/*"))) == 12
    assert set(read(root, colormap="gray").images.flatten().tolist()) == {64}   # 1023 and 1024 of 4095


def test_a_run_s_depth_holds_for_one_dim_person_and_refuses_what_exceeds_it(tmp_path):
    root = tree(tmp_path, lambda k: np.full((32, 24), 500 + 100 * k, np.uint16), "png")
    settings = {"height": 32, "width": 24, "channels": "intensity", "colormap": "gray"}
    dim = read_folder(root / "ID_1", **settings, depth=12)
    assert dim[0, 0, 0, 0] == round(500 / 4095 * 255)
    assert read_folder(root / "ID_1", **settings)[0, 0, 0, 0] == round(500 / 1023 * 255)
    with pytest.raises(RequestError, match="values from 300 to 300, expected 0 to 255"):
        Image.fromarray(np.full((32, 24), 300, np.uint16)).save(root / "ID_1" / "0.png")
        read_folder(root / "ID_1", **settings, depth=8)


def test_files_without_8_bit_pixels_have_no_depth(tmp_path):
    assert depth_of(sorted(tree(tmp_path, lambda k: TRUTH[k], "png").glob("*/*"))) is None
    assert depth_of([tmp_path / "none.png"]) is None


def refusal(root):
    with pytest.raises(RequestError) as caught:
        read(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_has_no_one_meaning_is_refused(tmp_path):
    root = tree(tmp_path / "a", lambda k: TRUTH[k], "tif")
    pages = [Image.fromarray(TRUTH[k]) for k in range(3)]
    pages[0].save(root / "ID_1" / "0.tif", save_all=True, append_images=pages[1:])
    assert "ID_1/0.tif (3 pages" in refusal(root)
    root = tree(tmp_path / "b", lambda k: TRUTH[k].astype(np.float32), "tif")
    assert "6 of 6" in refusal(root) and "floating point" in refusal(root)
    root = tree(tmp_path / "c", lambda k: TRUTH[k].astype(np.int32) - 200, "tif")
    assert "values from -200" in refusal(root)


def test_hsv_is_rgb_and_no_intensity(tmp_path):
    root = tree(tmp_path, lambda k: to_color(TRUTH[k] / 255, "hsv"), "png")
    assert (read(root).channels, read(root).colormap) == ("rgb", None)
    with pytest.raises(RequestError, match="no known colour map"):
        read(root, channels="intensity")


def test_colours_are_kept_without_a_question_where_rgb_was_asked_for(tmp_path):
    root = tree(tmp_path, lambda k: to_color(TRUTH[k] / 255, "jet_r" if k % 2 else "jet"), "png")
    assert "jet and jet_r" in refusal(root)
    assert read(root, channels="rgb").images.shape == (6, 3, 32, 24)
