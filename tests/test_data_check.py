"""evaluate.py data, what train.py says of its data, and data.crop from the command line to the files."""

import json

import numpy as np
import pytest
from PIL import Image

from mdgen.config import Config, DataConfig, override
from mdgen.data.source_files import FileFormat
from mdgen.data.user_folders import UserFolders
from mdgen.errors import RequestError
from mdgen.runs.folder import RunFolder, Users
from mdgen.runs.pictures import read_as
from mdgen.validation.comparisons.own_files import without

LEFT, TOP, RIGHT, BOTTOM = CROP = (3, 5, 14, 4)


@pytest.fixture(scope="module")
def framed(tmp_path_factory, tiny_data):
    """The tiny users with a white frame of CROP."""
    root = tmp_path_factory.mktemp("framed") / "data"
    for path in sorted(tiny_data.rglob("*.png")):
        pixels = np.pad(np.asarray(Image.open(path)), ((TOP, BOTTOM), (LEFT, RIGHT), (0, 0)), constant_values=255)
        (root / path.parent.name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / path.parent.name / path.name)
    return root


def test_clean_data_exits_with_0_and_writes_one_page_and_one_json(run_script, tiny_data, tmp_path):
    outcome = run_script("evaluate.py", "data", tiny_data, "--report-dir", tmp_path / "report")
    assert outcome.status == 0, outcome
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["data.json", "index.html"]
    found = json.loads((tmp_path / "report" / "data.json").read_text())
    assert found["users"] == 3 and found["images"] == 36 and found["colour map"] == "jet"
    assert found["needs_a_decision"] == 0


def test_what_needs_a_decision_exits_with_1_and_says_its_cure(run_script, framed, tmp_path):
    outcome = run_script("evaluate.py", "data", framed, "--report-dir", tmp_path)
    assert outcome.status == 1
    assert "needs a decision: 36 images of 36 have the same pixels around the spectrogram" in outcome.out
    assert f"--set data.crop=[{LEFT},{TOP},{RIGHT},{BOTTOM}]" in outcome.out
    finding = json.loads((tmp_path / "data.json").read_text())["findings"][0]
    assert finding["name"] == "frames" and finding["counts"]["crops"]["ID_10"] == list(CROP)
    assert "data.crop" in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize("argv, expected", [
    ((), "expected evaluate.py data DIR"), (("nowhere",), "does not exist"), (("x", "--gap", "-1"), "--gap is -1"),
    (("x", "--strict"), "--strict is not for evaluate.py data"), (("--model-dir", "run"), "not at a run")])
def test_data_refuses_what_it_cannot_use(run_script, line_of, tmp_path, monkeypatch, argv, expected):
    monkeypatch.chdir(tmp_path)
    assert expected in line_of(run_script("evaluate.py", "data", *argv), 2)


def test_training_warns_or_refuses_when_it_is_told_to(run_script, line_of, tiny_flags, framed, tmp_path):
    flags = [*tiny_flags, "--data-dir", framed, "--output-dir", tmp_path / "run"]
    line = line_of(run_script("train.py", *flags, "--strict-data"), 2)
    assert "--strict-data refuses" in line and "data.crop=auto" in line
    assert not (tmp_path / "run").exists()
    dry = run_script("train.py", *flags, "--dry-run")
    assert dry.status == 0 and "warning: 36 images of 36 have the same pixels" in dry.err


def test_what_was_found_is_kept_until_a_setting_changes(framed, tmp_path):
    from mdgen.data.check.check import check_cached

    cache, kept = tmp_path / "cache", tmp_path / "cache" / "data_check.json"

    def look(data=DataConfig()):
        findings, keep = check_cached(framed, data, cache)
        keep()
        return findings

    check_cached(framed, DataConfig(), cache)
    assert not cache.exists()   # a training that is refused leaves nothing
    first = look()
    values = json.loads(kept.read_text())
    values["findings"] = []
    kept.write_text(json.dumps(values))
    assert look() == []          # read, not looked at again
    assert "frames" not in {one.name for one in look(DataConfig(crop=CROP))}
    assert look() == first       # another setting came between
    kept.write_text("{")
    assert look() == first


def test_a_crop_reads_what_was_there_before_the_frame(framed, tiny_data):
    size = {"height": 32, "width": 32, "channels": "auto"}
    cut, plain = UserFolders(framed, crop=CROP, **size), UserFolders(tiny_data, **size)
    assert np.array_equal(cut.images, plain.images) and cut.colormap == plain.colormap == "jet"
    assert FileFormat.of_most(cut.paths, CROP) == FileFormat("PNG", 32, 32)


def test_auto_finds_the_crop_the_size_follows_it_and_the_run_keeps_the_numbers(run_script, framed):
    outcome = run_script("train.py", "--preset", "small", "--data-dir", framed, "--set", "data.crop=auto",
                         "--set", "unet.channels=[8,8]", "--set", "vae.width=8", "--set", "vae_training.batch_size=1",
                         "--set", "diffusion_training.batch_size=1", "--set", "joint_training.batch_size=1",
                         "--set", "joint.in_all=false", "--dry-run", "--device", "cpu")
    assert outcome.status == 0, outcome
    config = Config.from_json(outcome.out[:outcome.out.index("\nusers ")])
    assert config.data.crop == CROP and (config.data.height, config.data.width) == (32, 32)
    assert "warning" not in outcome.err


def test_auto_needs_files(run_script, line_of):
    outcome = run_script("train.py", "--preset", "demo", "--set", "data.crop=auto", "--dry-run")
    assert "add --data-dir" in line_of(outcome, 2)


@pytest.mark.parametrize("crop, expected", [("[1,2,3]", "at the left, top, right and bottom"),
                                            ("[1,2,3,-4]", "expected 0 or more"), ("half", "expected int")])
def test_a_crop_that_is_none_is_refused(crop, expected):
    with pytest.raises(RequestError, match=expected):
        override(Config(), [f"data.crop={crop}"])


def test_a_crop_that_leaves_nothing_is_refused_in_one_line(framed):
    with pytest.raises(RequestError, match="41x49 pixels, of which data.crop=.20, 0, 29, 0. leaves none"):
        UserFolders(framed, crop=(20, 0, 29, 0))
    with pytest.raises(RequestError, match="leaves nothing of files of 41 x 49 pixels"):
        FileFormat.of_most(sorted(framed.rglob("*.png")), (20, 0, 29, 0))


def test_generated_files_are_written_cropped_and_not_cut_again(framed, tiny_data, tmp_path):
    config = override(Config(), ["data.height=32", "data.width=32", f"data.crop={list(CROP)}"])
    run = RunFolder(tmp_path, config, Users(["ID_1", "ID_2", "ID_10"], str(framed), "intensity", "jet"))
    real, generated = read_as(run, framed, generated=False), read_as(run, tiny_data, generated=True)
    assert np.array_equal(real.images, generated.images)


def test_judges_of_files_see_the_cropped_file(framed, tiny_data, tmp_path):
    (tmp_path / "cut.png").write_bytes(without(framed / "ID_1" / "w0.png", CROP))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "cut.png")),
                          np.asarray(Image.open(tiny_data / "ID_1" / "w0.png")))
