"""Files as the sources are, arrays, and real files through the same writer."""

import itertools
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

import mdgen
from mdgen.data.colormap import to_intensity
from mdgen.data.source_files import FileFormat
from mdgen.errors import RequestError
from mdgen.runs.draw import Row, read_manifest, sample_users, write_sheet
from mdgen.runs.folder import RunFolder


@pytest.fixture(scope="module")
def jpeg_data(tmp_path_factory, make_users):
    """The tiny users as JPEG files of quality 60 and 48 x 40 pixels, one of them odd."""
    root = make_users(tmp_path_factory.mktemp("png"))
    for path in sorted(root.glob("*/*.png")):
        odd = path.stem == "w11"
        image = Image.open(path).resize((32, 32) if odd else (40, 48))
        image.save(path.with_suffix(".jpg"), quality=60, subsampling=2)
        path.unlink()
    return root


def test_training_remembers_the_sources_and_reads_them_at_their_size(tmp_path, jpeg_data, tiny_flags, run_script):
    flags = [word for word in tiny_flags if word not in ("--resolution", "32")]
    outcome = run_script("train.py", *flags, "--data-dir", jpeg_data, "--output-dir", tmp_path / "run", "--set",
                         "vae_training.steps=2", "--set", "diffusion_training.steps=2")
    assert outcome.status == 0, outcome.err
    run = RunFolder.open(tmp_path / "run")
    assert (run.config.data.height, run.config.data.width, run.config.vae.down_factor) == (48, 40, 4)
    form = run.file_format
    assert (form.kind, form.height, form.width, form.subsampling) == ("JPEG", 48, 40, 2)
    outcome = run_script("sample.py", run.path, "--samples-per-user", 2)
    assert outcome.status == 0, outcome.err
    with Image.open(run.samples / "ID_1" / "ID_1_00001.jpg") as made, Image.open(jpeg_data / "ID_1" / "w0.jpg") as real:
        assert made.size == real.size and made.quantization == real.quantization
        assert JpegImagePlugin.get_sampling(made) == JpegImagePlugin.get_sampling(real)
    # the same command goes on; another --resolution is another run
    again = run_script("train.py", *flags, "--data-dir", jpeg_data, "--output-dir", run.path, "--set",
                       "vae_training.steps=2", "--set", "diffusion_training.steps=2")
    assert again.status == 0, again.err
    other = run_script("train.py", *flags, "--data-dir", jpeg_data, "--output-dir", run.path, "--resolution", "64",
                       "--set", "vae_training.steps=2")
    assert other.status == 2 and "data.height = 48" in other.err


@pytest.mark.parametrize("words, says", [
    (["--resolution", "source"], "add --data-dir"), (["--resolution", "1", "2", "3"], "height and width"),
    (["--resolution", "-8"], "--resolution"), (["--resolution", "64x64"], "expected source, pixels such as 128")])
def test_resolutions_that_make_no_sense(words, says, run_script, tmp_path):
    outcome = run_script("train.py", "--preset", "small", "--dry-run", *words, "--output-dir", tmp_path / "run")
    assert outcome.status == 2 and says in outcome.err


def test_arrays_hold_the_intensity_before_it_is_rounded(tiny_run, tmp_path, run_script):
    data = json.loads((tiny_run / "users.json").read_text())["data_dir"]
    assert run_script("sample.py", tiny_run, "--samples-per-user", 2, "--users", "ID_2", "--format", "npy").status == 0
    folder = tiny_run / "samples_npy"
    found = np.stack([np.load(folder / "ID_2" / f"ID_2_0000{k}.npy") for k in range(2)])
    assert found.dtype == np.float32 and found.shape == (2, 32, 32) and 0 <= found.min() and found.max() <= 1
    levels = mdgen.load(tiny_run, "cpu").draw("ID_2", 2, as_intensity=True)
    assert np.abs(found * 255 - levels).max() <= 0.5 + 1e-3
    assert not list(folder.glob("*/*_dB.npy")) and {row.format for row in read_manifest(folder)} == {"NPY-32x32"}
    # where the data folder tells the range, decibels lie beside
    told = tmp_path / "told"
    told.mkdir()
    (told / "walkers.json").write_text(json.dumps({"axes": {
        "velocity_m_s": [3.0, 1.0, -1.0, -3.0], "time_s": [0.1, 0.3], "dynamic_range_db": 45}}))
    run = RunFolder.open(tiny_run)
    run = replace(run, users=replace(run.users, data_dir=str(told)))
    sample_users(run, tmp_path / "db", per_user=1, users=["ID_2"], files=FileFormat("NPY", 32, 32))
    decibels = np.load(tmp_path / "db" / "ID_2" / "ID_2_00000_dB.npy")
    assert np.allclose(decibels, (found[0] - 1) * 45, atol=1e-4) and data != str(told)


def test_rgb_runs_have_no_intensity_to_write(tiny_run):
    run = RunFolder.open(tiny_run)
    run = replace(run, users=replace(run.users, channels="rgb", colormap=None))
    with pytest.raises(RequestError, match="give --format png or jpg"):
        sample_users(run, tiny_run / "s", per_user=1, files=FileFormat("NPY", 32, 32))


def test_size_and_format_can_be_asked_for_and_do_not_mix(tiny_run, run_script):
    ask = ("sample.py", tiny_run, "--samples-per-user", 1, "--users", "ID_1")
    assert run_script(*ask, "--size", 64, 48, "--format", "jpg").status == 0
    with Image.open(tiny_run / "samples" / "ID_1" / "ID_1_00000.jpg") as image:
        assert image.size == (48, 64)
    mixed = run_script(*ask)
    assert mixed.status == 2 and "JPEG-64x48" not in mixed.err.split("differs")[1] and "format PNG-32x32" in mixed.err
    assert run_script(*ask, "--overwrite").status == 0
    assert not list((tiny_run / "samples").glob("*/*.jpg"))
    assert run_script(*ask, "--size", 0, 5).status == 2


def test_enlarged_files_are_smooth_between_the_pixels_that_were_generated(tiny_run, tmp_path):
    run = RunFolder.open(tiny_run)
    for name, side in (("small", 32), ("large", 128)):
        sample_users(run, tmp_path / name, per_user=1, users=["ID_1"], files=FileFormat("PNG", side, side))
    small, large = (to_intensity(np.asarray(Image.open(tmp_path / name / "ID_1" / "ID_1_00000.png")), "jet")
                    for name in ("small", "large"))
    assert large.shape == (128, 128)
    assert np.abs(large.reshape(32, 4, 32, 4).mean(axis=(1, 3)) - small).mean() < 0.05
    assert np.abs(np.diff(large, axis=0)).max() < 0.5 * np.abs(np.diff(small, axis=0)).max()


def test_real_files_go_through_reader_writer_and_autoencoder(tiny_run, tiny_data, tmp_path, run_script):
    out = tmp_path / "out"
    outcome = run_script("sample.py", tiny_run, "--reconstruct", tiny_data, "--output-dir", out)
    assert outcome.status == 0, outcome.err
    pairs = [(np.asarray(Image.open(path)), *(np.asarray(Image.open(out / kind / path.parent.name / path.name))
                                              for kind in ("read_and_written", "autoencoded")))
             for path in sorted(tiny_data.glob("*/*.png"))]
    assert len(pairs) == 36
    for real, written, decoded in pairs:
        assert np.array_equal(real, written)   # PNG in the table's own colours, of the run's size: nothing is lost
        assert not np.array_equal(real, decoded)
        intensities = [to_intensity(image, "jet") for image in (real, decoded)]
        assert np.corrcoef(*(i.ravel() for i in intensities))[0, 1] > 0.9
    days = tmp_path / "days"
    for user, day in itertools.product(("ID_1", "ID_2"), ("day1", "day2")):   # files of one name stay apart
        (days / user / day).mkdir(parents=True)
        shutil.copy(tiny_data / user / f"w{day[-1]}.png", days / user / day / "w.png")
    assert run_script("sample.py", tiny_run, "--reconstruct", days, "--output-dir", tmp_path / "d").status == 0
    assert all(np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(
        tmp_path / "d" / "read_and_written" / path.relative_to(days)))) for path in days.glob("*/*/*.png"))
    again = run_script("sample.py", tiny_run, "--reconstruct", tiny_data, "--output-dir", out)
    assert again.status == 2 and "is not empty" in again.err
    assert run_script("sample.py", tiny_run, "--reconstruct", tiny_data).status == 2


def test_the_contact_sheet_shows_16_bit_files_at_their_depth(tmp_path):
    """Pillow's own conversion cuts their values off at 255, which leaves a white sheet."""
    form = FileFormat("PNG", 32, 32, "I;16", depth=12)
    ramp = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[:, None], 32, axis=1)
    (tmp_path / "a").mkdir()
    form.write(tmp_path / "a" / "a_00000.png", np.repeat(ramp[..., None], 3, axis=-1))
    write_sheet(tmp_path, [Row("a/a_00000.png", "a", 0, "dpm", 1, 1.0, "")], ["a"], "gray", 12)
    sheet = np.asarray(Image.open(tmp_path / "contact_sheet.png").convert("L"))
    assert np.array_equal(np.unique(sheet), np.unique(ramp))
