import json

import numpy as np
import pytest
from PIL import Image

from mdgen.data.colormap import to_intensity
from mdgen.data.demo import simulate_again, write_demo_users
from mdgen.errors import RequestError
from mdgen.radar import cadence, torso_line

IMAGES, TRAIN = 14, 9


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return write_demo_users(tmp_path_factory.mktemp("demo") / "users", images_per_user=IMAGES)


def intensities(root, user, count):
    names = [root / user / f"{user}_{i + 1:04d}.png" for i in range(count)]
    return np.stack([to_intensity(np.asarray(Image.open(name)), "jet") for name in names])


def test_the_tree_has_the_promised_layout(tree):
    users = [f"ID_{i}" for i in range(1, 9)]
    assert sorted(p.name for p in tree.iterdir()) == [*users, "data_sheet.md", "walkers.json"]
    files = sorted(tree.glob("ID_*/*.png"))
    assert len(files) == 8 * IMAGES and files[0].name == "ID_1_0001.png"
    with Image.open(files[0]) as image:
        assert image.size == (64, 64) and image.mode == "RGB"
    assert len({f.read_bytes() for f in files}) == len(files)


def test_a_linear_classifier_tells_the_users_apart(tree):
    """Ridge regression on what a shift in time leaves alone: each row's Fourier magnitudes."""
    images = np.stack([intensities(tree, f"ID_{u}", IMAGES) for u in range(1, 9)])
    features = np.abs(np.fft.rfft(images, axis=-1))[..., :10].reshape(8, IMAGES, -1)
    features -= features[:, :TRAIN].mean(axis=(0, 1))
    train, test = (part.reshape(-1, part.shape[-1]) for part in (features[:, :TRAIN], features[:, TRAIN:]))
    gram = train @ train.T
    targets = np.repeat(np.eye(8), TRAIN, axis=0) - 1 / 8
    weights = train.T @ np.linalg.solve(gram + 1e-3 * np.trace(gram) / len(gram) * np.eye(len(gram)), targets)
    found = (test @ weights).argmax(axis=1)
    assert (found == np.repeat(np.arange(8), IMAGES - TRAIN)).mean() >= 0.95


def test_ground_truth_agrees_with_the_pictures(tree):
    truth = json.loads((tree / "walkers.json").read_text())
    velocity, time_s = (np.array(truth["axes"][name]) for name in ("velocity_m_s", "time_s"))
    speeds, rates = [], []
    for user, entry in truth["users"].items():
        images = intensities(tree, user, 3)
        for image, record in zip(images, entry["images"], strict=False):
            assert (tree / record["file"]).is_file()
            assert record["speed"] == pytest.approx(entry["walker"]["speed"], rel=0.11)
            radial = record["speed"] * np.cos(np.deg2rad(record["heading_deg"]))
            speeds.append(torso_line(image, velocity).mean() / radial - 1)
            rates.append(cadence(image, time_s)[0] / record["step_rate_hz"] - 1)
    assert np.abs(speeds).max() < 0.1 and abs(np.mean(speeds)) < 0.03
    assert np.median(np.abs(rates)) < 0.01 and np.abs(rates).max() < 0.04


def test_files_depend_on_the_seed_and_not_on_workers_or_count(tmp_path):
    options = dict(num_users=2, images_per_user=3, size=32)
    one = write_demo_users(tmp_path / "one", workers=1, **options)
    two = write_demo_users(tmp_path / "two", workers=2, **options)
    fewer = write_demo_users(tmp_path / "fewer", workers=1, num_users=2, images_per_user=2, size=32)
    other = write_demo_users(tmp_path / "other", workers=1, seed=1, **options)
    files = sorted(p.relative_to(one) for p in one.rglob("*") if p.is_file())
    assert len(files) == 8
    assert all((one / f).read_bytes() == (two / f).read_bytes() for f in files)
    assert (fewer / "ID_2/ID_2_0002.png").read_bytes() == (one / "ID_2/ID_2_0002.png").read_bytes()
    assert (other / files[0]).read_bytes() != (one / files[0]).read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fewer", "one", "other", "two"]


def test_a_complete_tree_is_reused_and_anything_else_is_left_alone(tmp_path):
    options = dict(num_users=1, images_per_user=2, size=16, workers=1)
    seen = []
    root = write_demo_users(tmp_path / "demo", progress=lambda *at: seen.append(at), **options)
    assert seen == [(1, 2), (2, 2)]
    stamp = (root / "walkers.json").stat().st_mtime_ns
    write_demo_users(root, progress=lambda *at: seen.append(at), **options)
    assert len(seen) == 2 and (root / "walkers.json").stat().st_mtime_ns == stamp
    with pytest.raises(RequestError, match="asked for.*'seed': 9"):
        write_demo_users(root, seed=9, **options)
    (root / "ID_1/ID_1_0002.png").unlink()
    with pytest.raises(RequestError, match="lacks 1 of its files, such as ID_1/ID_1_0002.png"):
        write_demo_users(root, **options)
    (root / "ID_1/ID_1_0002.png").touch()
    with pytest.raises(RequestError, match="lacks 1 of its files"):  # empty
        write_demo_users(root, **options)
    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "note.txt").write_text("keep me")
    with pytest.raises(RequestError, match="no folder of demo users"):
        write_demo_users(foreign, **options)
    assert (foreign / "note.txt").read_text() == "keep me"
    (foreign / "note.txt").unlink()
    assert len(list(write_demo_users(foreign, **options).glob("ID_1/*.png"))) == 2  # an empty folder is free


def test_a_failure_leaves_nothing_behind(tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo_users(tmp_path / "demo", num_users=1, images_per_user=2, size=16, workers=1, progress=stop)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [dict(num_users=0), dict(images_per_user=0), dict(size=8), dict(workers=0),
                                   dict(size=100_000), dict(num_users=1.5)])
def test_senseless_numbers_are_refused(tmp_path, wrong):
    with pytest.raises(RequestError, match=f"{next(iter(wrong))} is"):
        write_demo_users(tmp_path / "demo", **wrong)


@pytest.mark.parametrize("profile", ["plain77", "gait77"])
def test_the_truth_makes_every_image_anew_and_the_data_sheet_tells_it(tmp_path, profile):
    root = write_demo_users(tmp_path / "demo", num_users=2, images_per_user=2, size=32, profile=profile,
                            colormap="gray", seed=3, workers=1)
    truth = json.loads((root / "walkers.json").read_text())
    for user, entry in truth["users"].items():
        for record in entry["images"]:
            image = to_intensity(np.asarray(Image.open(root / record["file"]).convert("RGB")), "gray")
            again = simulate_again(root, record["file"])
            np.testing.assert_allclose(again.image, image, atol=0.5 / 255 + 1e-6)
            assert record["walker"]["height"] == entry["walker"]["height"]  # the rest varies from walk to walk
            assert record["walker"]["speed"] != entry["walker"]["speed"]
            assert again.time_s[-1] + again.time_s[0] == pytest.approx(record["duration_s"], rel=1e-2)
    sheet = (root / "data_sheet.md").read_text()
    assert f"profile `{profile}`" in sheet and "2 simulated persons, 2 images each" in sheet
    assert f"| speed | {truth['users']['ID_1']['walker']['speed']:.3g} |" in sheet
    assert ("time_s" in truth["axes"]) == (profile == "plain77")  # a gait-normalised axis differs from image to image


def test_unknown_profiles_and_colour_maps_are_refused(tmp_path):
    with pytest.raises(RequestError, match="no radar profile x; expected one of plain77, ti77"):
        write_demo_users(tmp_path / "demo", profile="x")
    with pytest.raises(RequestError, match="has no image ID_9/x.png; expected one such as ID_1/ID_1_0001.png"):
        simulate_again(write_demo_users(tmp_path / "one", num_users=1, images_per_user=1, size=16), "ID_9/x.png")
    with pytest.raises(RequestError, match="colormap is 'rainbow'"):
        write_demo_users(tmp_path / "demo", colormap="rainbow")


def test_the_command_writes_what_it_says(tmp_path, capsys):
    from mdgen.data import demo

    arguments = [str(tmp_path / "out"), "--users", "1", "--images-per-user", "2", "--size", "16", "--profile", "cw24"]
    assert demo.main(arguments) == 0
    assert "1 users with 2 images each" in capsys.readouterr().out
    assert len(list((tmp_path / "out").glob("ID_1/*.png"))) == 2
