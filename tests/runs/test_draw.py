import csv
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mdgen.errors import RequestError
from mdgen.files import named_seed
from mdgen.runs.draw import Row, read_manifest, sample_users, write_manifest
from mdgen.runs.folder import RunFolder


def draw(run, folder, per_user=3, **options):
    return sample_users(run, folder, per_user=per_user, **options)


def refusal(make):
    with pytest.raises(RequestError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_sampling(run, **changes):
    return replace(run, config=replace(run.config, sampling=replace(run.config.sampling, **changes)))


def pixels(folder):
    return {str(p.relative_to(folder)): np.asarray(Image.open(p)).astype(int)
            for p in sorted(folder.glob("*/*.png"))}


@pytest.fixture(scope="module")
def run(trained):
    return RunFolder.open(trained)


@pytest.fixture(scope="module")
def first(run, tmp_path_factory):
    """Three images of every user; never written to."""
    folder = tmp_path_factory.mktemp("samples") / "first"
    draw(run, folder)
    return folder


@pytest.fixture
def drawn(first, tmp_path):
    return shutil.copytree(first, tmp_path / "drawn")


def test_the_manifest_lists_every_image_and_how_to_draw_it_again(first, run):
    with open(first / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "user", "seed", "sampler", "steps", "guidance", "run", "format"]
    assert {row["file"] for row in rows} == set(pixels(first)) and len(rows) == 9
    for row in rows:
        name, index = row["file"].removesuffix(".png").split("/")[1].rsplit("_", 1)
        assert row["user"] == name and int(row["seed"]) == named_seed(0, name, int(index))
        assert re.fullmatch("dpm levels [0-9a-f]{16}", row["sampler"])
        assert (int(row["steps"]), float(row["guidance"])) == (6, 3.0)
    assert len({row["run"] for row in rows}) == 1 and len(rows[0]["run"]) == 16
    assert [row["user"] for row in rows[::3]] == ["ID_1", "ID_2", "ID_10"]


def test_images_have_the_size_and_colours_of_the_data_and_differ(first):
    images = list(pixels(first).values())
    assert all(image.shape == (32, 32, 3) for image in images)
    assert all(abs(a - b).max() > 8 for k, a in enumerate(images) for b in images[:k])
    assert np.asarray(Image.open(first / "contact_sheet.png")).shape == (3 * 66 + 2, 3 * 66 + 2, 3)


def test_users_are_drawn_where_their_walks_are(tmp_path, run, make_users):
    """The tiny users' bands lie at different rows; drawn images must lie where the user's real ones do."""
    folder = tmp_path / "drawn"
    draw(with_sampling(run, cfg_scale=1.0), folder, per_user=8)
    real = make_users(tmp_path / "real", count=8)

    def row_profile(root, name):
        images = np.stack([np.asarray(Image.open(p)).astype(float)
                           for p in sorted((root / name).glob("*.png"))])
        return images[..., 0].mean(axis=(0, 2))

    names = ["ID_1", "ID_2", "ID_10"]
    table = [[np.corrcoef(row_profile(folder, a), row_profile(real, b))[0, 1] for b in names] for a in names]
    assert all(int(np.argmax(line)) == k for k, line in enumerate(table)), table


@pytest.mark.parametrize("changes, options", [
    ({"batch_size": 1}, {}), ({"batch_size": 4}, {}), ({}, {"users": ["ID_10", "ID_2"]}),
    ({}, {"per_user": 2}),
])
def test_an_image_is_the_same_whatever_is_drawn_beside_it(first, run, tmp_path, changes, options):
    draw(with_sampling(run, **changes), tmp_path / "other", **options)
    expected, found = pixels(first), pixels(tmp_path / "other")
    assert len(found) == (6 if options else 9)
    assert all(abs(image - expected[name]).max() <= jet_step() for name, image in found.items())


def jet_step():
    """The largest change of a jet colour's channel between neighbouring levels."""
    from mdgen.data.colormap import color_table
    return int(abs(np.diff(color_table("jet").astype(int), axis=0)).max())


def test_another_seed_draws_others(run, tmp_path, first):
    draw(run, tmp_path / "other", per_user=1, seed=1)
    assert all(abs(image - pixels(first)[name]).max() > 8
               for name, image in pixels(tmp_path / "other").items())


def test_a_missing_image_is_drawn_again_and_the_others_stay_untouched(first, drawn, run):
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in drawn.glob("*/*.png")}
    lost = drawn / "ID_2" / "ID_2_00001.png"
    lost.unlink()
    draw(run, drawn)
    again, original = (pixels(folder)["ID_2/ID_2_00001.png"] for folder in (drawn, first))
    assert abs(again - original).max() <= jet_step()
    assert all(p.stat().st_mtime_ns == mtime for p, (mtime, _) in before.items() if p != lost)


def test_more_images_and_users_join_the_manifest(run, tmp_path, contents):
    folder = tmp_path / "s"
    draw(run, folder, per_user=1, users=["ID_2"])
    early = (folder / "ID_2" / "ID_2_00000.png").read_bytes()
    draw(run, folder, per_user=2, users=["ID_1"])
    draw(run, folder, per_user=1)
    assert {row.file for row in read_manifest(folder)} == set(pixels(folder))
    assert len(pixels(folder)) == 4 and (folder / "ID_2" / "ID_2_00000.png").read_bytes() == early


def test_a_smaller_request_restores_what_the_manifest_promises(drawn, run):
    (drawn / "ID_1" / "ID_1_00002.png").unlink()
    draw(run, drawn, per_user=1, users=["ID_1"])
    assert {row.file for row in read_manifest(drawn)} == set(pixels(drawn)) and len(pixels(drawn)) == 9


@pytest.mark.parametrize("changes, options", [
    ({"steps": 5}, {}), ({"sampler": "ddim"}, {}), ({"cfg_scale": 2.2}, {}),
    ({"spacing": "linspace"}, {}),
    ({}, {"seed": 1}), ({}, {"weights": "raw"}),
])
def test_other_settings_are_refused_unless_overwrite(drawn, run, contents, changes, options):
    before = contents(drawn)
    message = refusal(lambda: draw(with_sampling(run, **changes), drawn, **options))
    assert re.search("9 images generated with dpm levels [0-9a-f]{16}, 6 steps, guidance 3.0", message)
    assert "--overwrite" in message
    assert contents(drawn) == before


def test_ddim_with_noise_is_another_setting_than_without(run, tmp_path):
    draw(with_sampling(run, sampler="ddim"), tmp_path, per_user=1)
    refusal(lambda: draw(with_sampling(run, sampler="ddim", eta=0.5), tmp_path, per_user=2))


def test_overwrite_replaces_what_the_manifest_lists_and_nothing_else(drawn, run):
    (drawn / "ID_1" / "mine.png").write_bytes(b"mine")
    draw(with_sampling(run, cfg_scale=2.2), drawn, per_user=1, overwrite=True)
    assert (drawn / "ID_1" / "mine.png").read_bytes() == b"mine"
    (drawn / "ID_1" / "mine.png").unlink()
    assert len(pixels(drawn)) == 3 and {row.guidance for row in read_manifest(drawn)} == {2.2}


def test_images_that_nobody_listed_are_not_mixed_with_drawn_ones(run, tmp_path, make_users, contents):
    before = contents(make_users(tmp_path / "mine", count=2))
    assert "6 images that sample.py did not list" in refusal(lambda: draw(run, tmp_path / "mine"))
    assert contents(tmp_path / "mine") == before


def test_recordings_in_jpeg_are_not_mixed_with_drawn_ones(run, tmp_path, make_users, contents):
    for path in make_users(tmp_path / "mine", count=1).glob("*/*.png"):
        path.rename(path.with_suffix(".JPG"))
    before = contents(tmp_path / "mine")
    assert "3 images that sample.py did not list" in refusal(lambda: draw(run, tmp_path / "mine"))
    assert contents(tmp_path / "mine") == before


@pytest.mark.parametrize("damage",
                         [lambda text: text[:len(text) // 2], lambda text: text.replace("seed", "sed"),
                                    lambda text: text.replace(",6,", ",six,")])
def test_a_damaged_manifest_is_refused(drawn, run, contents, damage):
    manifest = drawn / "manifest.csv"
    manifest.write_text(damage(manifest.read_text()))
    before = contents(drawn)
    assert "manifest.csv is damaged" in refusal(lambda: draw(run, drawn))
    assert contents(drawn) == before


@pytest.mark.parametrize("file, user", [("../precious.png", "ID_1"), ("../precious.png", ".."), ("/x/y.png", "ID_1")])
def test_a_manifest_that_leads_out_of_the_folder_deletes_nothing(drawn, run, file, user):
    precious = drawn.parent / "precious.png"
    precious.write_bytes(b"mine")
    write_manifest(drawn, [*read_manifest(drawn), Row(file, user, 1, "dpm", 2, 1.0, "x")])
    assert "manifest.csv is damaged" in refusal(lambda: draw(run, drawn, seed=9, overwrite=True))
    assert precious.read_bytes() == b"mine" and pixels(drawn)


def test_an_unknown_user_is_named_with_the_known(run, tmp_path):
    message = refusal(lambda: draw(run, tmp_path / "s", users=["ID_1", "ID_3"]))
    assert message == "user ID_3 is not in this run; it knows ID_1, ID_2, ID_10"
    assert not (tmp_path / "s").exists()


def test_a_file_in_the_folders_place_is_refused_and_stays(run, tmp_path):
    (tmp_path / "s").write_text("mine")
    assert f"{tmp_path / 's'} is a file" in refusal(lambda: draw(run, tmp_path / "s"))
    assert (tmp_path / "s").read_text() == "mine"


def test_progress_counts_every_image(run, tmp_path):
    seen = []
    draw(with_sampling(run, batch_size=2), tmp_path / "s", per_user=1, progress=lambda *now: seen.append(now))
    assert seen == [(2, 3), (3, 3)]
