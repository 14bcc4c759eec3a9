import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mdgen.data import image_io
from mdgen.data.colormap import to_color
from mdgen.data.user_folders import UserFolders, expect_users, natural_key
from mdgen.errors import RequestError, RunError

GAIT10 = Path(os.environ.get("MDGEN_GAIT10", Path(__file__).parents[3] / "shared/data/gait10"))


def levels(seed, height=32, width=24):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def write(path, pixels, colormap="jet"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels if colormap is None else to_color(pixels / 255, colormap)).save(path)


def tree(root, users=("ID_1", "ID_2", "ID_10"), count=3, colormap="jet"):
    for u, user in enumerate(users):
        for k in range(count):
            write(root / user / f"{k}.png", levels(100 * u + k), colormap)
    return root


def refusal(root, **settings):
    """The one line with which a folder is refused."""
    with pytest.raises(RequestError) as caught:
        UserFolders(root, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- what is read ---

def test_users_and_files_stand_in_natural_order_with_their_own_pixels(tmp_path):
    for u, user in enumerate(("ID_10", "ID_2", "ID_1")):
        for k in (10, 9, 1):
            write(tmp_path / user / f"win{k}.png", np.full((4, 4), 20 * u + k, dtype=np.uint8))
    data = UserFolders(tmp_path, height=4, width=4)
    assert data.users == ["ID_1", "ID_2", "ID_10"]
    assert [path.name for path in data.paths[:3]] == ["win1.png", "win9.png", "win10.png"]
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] and data.labels.dtype == torch.int64
    assert data.images[:, 0, 0, 0].tolist() == [41, 49, 50, 21, 29, 30, 1, 9, 10]
    assert (data.channels, data.colormap, len(data)) == ("intensity", "jet", 9)


def test_natural_order_counts_numbers_as_numbers():
    names = ["b", "a10", "a9b2", "A1", "10", "9", "a1", "a09"]
    assert sorted(names, key=natural_key) == ["9", "10", "A1", "a1", "a09", "a9b2", "a10", "b"]


def test_floats_span_minus_one_to_one(tmp_path):
    data = UserFolders(tree(tmp_path), height=32, width=24)
    batch = data.floats(torch.tensor([4, 0]))
    assert batch.shape == (2, 1, 32, 24) and batch.dtype == torch.float32
    assert batch.numpy()[0, 0] == pytest.approx(levels(101) / 127.5 - 1, abs=1e-6)
    assert (batch.min(), batch.max()) == (-1, 1)
    image, user = data[4]
    assert torch.equal(image, batch[0]) and user == 1 and type(user) is int


def test_every_colour_mode_of_the_same_intensities_decodes_alike(tmp_path):
    grey = levels(0)
    colour = Image.fromarray(to_color(grey / 255))
    wide = np.clip(grey.astype(np.int64) * 257 + 60, 0, 65535).astype(np.uint16)  # no exact multiple of 257
    modes = {"l": Image.fromarray(grey), "sixteen": Image.fromarray(wide), "rgb": colour,
             "rgba": colour.convert("RGBA"), "la": Image.fromarray(grey).convert("LA"),
             "grey_rgb": Image.fromarray(grey).convert("RGB"),
             "p_grey": Image.fromarray(grey).convert("P")}
    few = Image.fromarray(to_color((grey // 2 * 2) / 255)).quantize(256, dither=Image.Dither.NONE)
    for name, image in modes.items():
        (tmp_path / name).mkdir()
        for k in range(2):
            image.save(tmp_path / name / f"{k}.PNG")
    assert {Image.open(tmp_path / name / "0.PNG").mode for name in modes} >= {"L", "RGB", "RGBA", "LA", "P"}
    data = UserFolders(tmp_path, height=32, width=24, colormap="jet")
    for image, path in zip(data.images, data.paths):
        assert np.array_equal(image[0], grey), path
    assert few.mode == "P"
    few.save(tmp_path / "l" / "0.PNG")
    again = UserFolders(tmp_path, height=32, width=24, colormap="jet")
    image = again.images[again.paths.index(tmp_path / "l" / "0.PNG"), 0].numpy()
    assert np.abs(image - (grey // 2 * 2.0)).max() <= 1


def test_transparent_pixels_are_the_floor(tmp_path):
    tree(tmp_path)
    pixels = np.dstack([to_color(levels(0) / 255), np.full((32, 24), 255, np.uint8)])
    pixels[:, :10, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "ID_1" / "0.png")
    image = UserFolders(tmp_path, height=32, width=24).images[0, 0].numpy()
    assert (image[:, :10] == 0).all() and np.array_equal(image[:, 10:], levels(0)[:, 10:])


def test_intensity_is_read_before_shrinking_and_areas_are_averaged(tmp_path):
    data = UserFolders(tree(tmp_path), height=8, width=6)
    means = levels(0).reshape(8, 4, 6, 4).mean(axis=(1, 3))
    assert np.abs(data.images[0, 0].numpy() - means).max() <= 1


@pytest.mark.parametrize("height, width", [(8, 6), (13, 24), (64, 48), (8, 50), (32, 24)])
def test_resizing_keeps_the_mean_and_the_range(tmp_path, height, width):
    soft = (80 + 60 * np.outer(np.hanning(32), np.hanning(24))).astype(np.uint8)
    for user in "ab":
        for k in range(2):
            write(tmp_path / user / f"{k}.png", soft)
    for channels in ("intensity", "rgb"):
        data = UserFolders(tmp_path, height=height, width=width, channels=channels)
        source = soft[None] if channels == "intensity" else to_color(soft / 255).transpose(2, 0, 1)
        image = data.images[0].numpy()
        assert image.shape == (len(source), height, width)
        assert image.mean(axis=(1, 2)) == pytest.approx(source.mean(axis=(1, 2)), abs=1.0)
        assert (image.min(axis=(1, 2)) >= source.min(axis=(1, 2))).all()
        assert (image.max(axis=(1, 2)) <= source.max(axis=(1, 2))).all()


def test_rgb_keeps_the_colours_and_mixed_sizes_fit(tmp_path):
    write(tree(tmp_path) / "ID_2" / "1.png", levels(7, 50, 70))
    data = UserFolders(tmp_path, height=32, width=24, channels="rgb")
    assert data.images.shape == (9, 3, 32, 24) and (data.channels, data.colormap) == ("rgb", "jet")
    assert np.array_equal(data.images[0].permute(1, 2, 0), to_color(levels(0) / 255))


def test_auto_takes_intensity_only_if_the_colours_are_a_known_map(tmp_path):
    assert UserFolders(tree(tmp_path / "v", colormap="viridis"), channels="auto").colormap == "viridis"
    grey = UserFolders(tree(tmp_path / "g", colormap=None), channels="auto")
    assert (grey.channels, grey.colormap) == ("intensity", "gray")
    for user in "ab":
        for k in range(2):
            noise = np.random.default_rng(k).integers(0, 256, (16, 16, 3), dtype=np.uint8)
            write(tmp_path / "n" / user / f"{k}.png", noise, None)
    free = UserFolders(tmp_path / "n", channels="auto")
    assert (free.channels, free.colormap) == ("rgb", None)
    assert "no known colour map" in refusal(tmp_path / "n", channels="intensity")


def test_what_is_no_image_of_a_user_is_left_alone(tmp_path):
    root = tree(tmp_path)
    for name in (".hidden/1.png", "__MACOSX/ID_1/._0.png", "loose.png", "ID_1/.hidden.png", "ID_1/notes.txt",
                 "ID_1/old.png/x.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"no image")
    assert len(UserFolders(root)) == 9


def test_odd_folder_names_work(tmp_path):
    names = ["-dash", "Zoë Müller", "it's \"her\"", "王", "a b", "100%"]
    data = UserFolders(tree(tmp_path, users=names, count=2))
    assert sorted(data.users) == sorted(names) and len(data) == 12


def test_only_the_asked_users_in_natural_order(tmp_path):
    data = UserFolders(tree(tmp_path), users=["ID_10", "ID_1"], height=32, width=24)
    assert data.users == ["ID_1", "ID_10"] and np.array_equal(data.images[3, 0], levels(200))
    assert "no user folder ID_7" in refusal(tmp_path, users=["ID_1", "ID_7"])


def test_progress_counts_every_image(tmp_path):
    calls = []
    UserFolders(tree(tmp_path), workers=2, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(k, 9) for k in range(1, 10)]


# --- what is refused ---

def test_folders_that_cannot_be_used_are_named(tmp_path):
    assert f"{tmp_path / 'none'} does not exist" in refusal(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    assert "is not a folder" in refusal(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "is empty" in refusal(tmp_path / "empty")
    write(tmp_path / "flat" / "1.png", levels(0))
    assert "holds 1 image directly" in refusal(tmp_path / "flat")
    assert "gives one user (solo)" in refusal(tree(tmp_path / "one", users=["solo"]))
    write(tree(tmp_path / "few") / "ID_3" / "1.png", levels(0))
    assert "ID_3 has 1 image, but at least 2" in refusal(tmp_path / "few")
    (tree(tmp_path / "bare") / "ID_3").mkdir()
    assert "ID_3 holds no images" in refusal(tmp_path / "bare")
    tree(tmp_path / "nested" / "train")
    assert "nested/train holds no images" in refusal(tmp_path / "nested")
    assert "ID_1 … ID_10" in refusal(tmp_path / "nested")


def test_names_that_file_systems_confuse_are_refused(tmp_path):
    assert "'ann' and 'Ann '" in refusal(tree(tmp_path / "case", users=["Ann ", "ann"]))
    assert r"'a\nb'" in refusal(tree(tmp_path / "line", users=["a\nb", "c"]))


def test_broken_images_are_counted_and_the_first_is_named(tmp_path):
    root = tree(tmp_path, count=4)
    whole = (root / "ID_2" / "1.png").read_bytes()
    (root / "ID_2" / "1.png").write_bytes(whole[:len(whole) // 2])
    line = refusal(root)
    assert "1 of 12 images" in line and "ID_2/1.png" in line
    (root / "ID_10" / "0.png").write_text("not an image")
    assert "2 of 12 images" in refusal(root)
    Image.fromarray(levels(0)).save(root / "ID_1" / "2.png", format="GIF")
    assert "ID_1/2.png (not a PNG, JPEG, TIFF, BMP or WEBP)" in refusal(root)
    for path in root.glob("*/*.png"):
        path.write_bytes(b"")
    assert "12 of 12 images" in refusal(root)


def test_huge_images_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(image_io, "MAX_PIXELS", 1_000_000)
    Image.new("L", (1001, 1000)).save(tree(tmp_path) / "ID_1" / "0.png")
    assert "1001x1000 pixels, more than 1 million" in refusal(tmp_path)


def test_wrong_settings_are_named(tmp_path):
    tree(tmp_path)
    assert "'cividis'" in refusal(tmp_path, colormap="cividis")
    assert "'grey'" in refusal(tmp_path, channels="grey")
    assert "0x64" in refusal(tmp_path, height=0)


def test_another_number_of_users_is_refused_with_the_remedy(tmp_path):
    root = tree(tmp_path / "data")
    users = UserFolders(root).users
    expect_users(root, users, 3)
    with pytest.raises(RequestError) as caught:
        expect_users(root, users, 31)
    assert str(caught.value) == (
        f"--num-users is 31, but {root}/ has 3 user folders (ID_1 … ID_10). Leave the flag out, or point "
        "--data-dir at the folder that holds all 31.")


# --- the cache ---

def test_cache_gives_the_same_and_notices_changes(tmp_path):
    root, cache = tree(tmp_path / "data"), tmp_path / "cache"
    decoded = []

    def load(**settings):
        decoded.clear()
        return UserFolders(root, height=16, width=16, cache_dir=cache, channels="auto",
                           progress=lambda done, total: decoded.append(done), **settings)

    first = load()
    assert len(decoded) == 9
    second = load()
    assert not decoded and torch.equal(first.images, second.images)
    assert (second.channels, second.colormap, second.users) == ("intensity", "jet", first.users)
    assert not list(cache.glob("*.part"))
    write(root / "ID_2" / "1.png", levels(55, 40, 40))
    third = load()
    assert len(decoded) == 9 and not torch.equal(third.images[4], first.images[4])
    assert torch.equal(third.images[:4], first.images[:4])
    assert load(users=["ID_1", "ID_2"]).images.shape[0] == 6 and len(decoded) == 6
    write(root / "ID_2" / "3.png", levels(56))
    assert len(load()) == 10


@pytest.mark.parametrize("damage", [b"", b"{", b"[1, 2]", b"\xff\xfe"])
@pytest.mark.parametrize("suffix", [".npy", ".json"])
def test_a_damaged_cache_is_decoded_again(tmp_path, suffix, damage):
    root, cache = tree(tmp_path / "data"), tmp_path / "cache"
    first = UserFolders(root, cache_dir=cache)
    (file,) = cache.glob(f"*{suffix}")
    file.write_bytes(damage)
    assert torch.equal(UserFolders(root, cache_dir=cache).images, first.images)
    assert len(file.read_bytes()) > 20  # and it was repaired


def test_one_flipped_bit_in_the_cache_is_noticed(tmp_path):
    root, cache = tree(tmp_path / "data"), tmp_path / "cache"
    first = UserFolders(root, cache_dir=cache)
    (file,) = cache.glob("*.npy")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert torch.equal(UserFolders(root, cache_dir=cache).images, first.images)


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(RunError, match="cache"):
        UserFolders(tree(tmp_path / "data"), cache_dir=tmp_path / "cache")


# --- real recordings ---

@pytest.mark.skipif(not (GAIT10 / "val").is_dir(), reason="gait10 is not here")
def test_gait10_is_jet_with_the_torso_where_it_was_measured():
    data = UserFolders(GAIT10 / "val", height=256, width=64, channels="auto")
    assert (data.channels, data.colormap, len(data)) == ("intensity", "jet", 200)
    assert data.users == [f"ID_{k}" for k in range(1, 11)]
    for user in range(10):
        ridge = data.images[data.labels == user].float().mean(dim=(0, 1, 3)).argmax().item()
        assert 150 <= ridge <= 185


def test_a_disk_that_is_full_is_named_and_not_filled_further(tmp_path, monkeypatch):
    root, cache = tree(tmp_path / "data"), tmp_path / "cache"

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(image_io.os, "replace", full)
    for _ in range(2):
        with pytest.raises(RunError, match="cache .*No space left.*make room"):
            UserFolders(root, cache_dir=cache)
    assert not list(cache.iterdir())
