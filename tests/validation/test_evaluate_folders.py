"""Two folders and no run get the report of a run; a reference gives the same figures without the real images."""

import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from mdgen.models.inception import InceptionV3
from mdgen.validation.evaluate_folders import notes, smaller

ROWS = {"ID_1": 8, "ID_2": 20, "ID_10": 32}   # where each user's stripe lies
MEASURED_WITHOUT_IMAGES = ("recognition", "verification", "distribution", "texture", "physics", "tests", "judges",
                           "independent")


def write_users(root, seed, count, size=48):
    rng = np.random.default_rng(seed)
    for name, row in ROWS.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            image = rng.integers(0, 100, (size, size), dtype=np.uint8)
            image[row:row + 4] += rng.integers(80, 140, dtype=np.uint8)
            Image.fromarray(image).save(root / name / f"{index}.png")
    return root


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Real and generated users; of the generated ones every image is blurred a little."""
    root = tmp_path_factory.mktemp("folders")
    generated = write_users(root / "generated", 1, 10)
    for path in generated.glob("*/*.png"):
        Image.open(path).filter(ImageFilter.GaussianBlur(1.2)).save(path)
    return write_users(root / "real", 0, 36), generated


@pytest.fixture(scope="module")
def quick(folders):
    """Judges and studies of a few steps."""
    from mdgen.config import presets
    from mdgen.config.schema import EvaluationConfig

    quick = EvaluationConfig(classifier_steps=60, siamese_steps=40, usefulness_steps=1, usefulness_seeds=1,
                             two_sample_steps=15)
    small = presets.small()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS, "small", lambda: type(small)(**{**vars(small), "evaluation": quick}))
        yield


@pytest.fixture(scope="module")
def judged(folders, quick, run_script):
    real, generated = folders
    report, file = real.parent / "report", real.parent / "real.npz"
    outcome = run_script("evaluate.py", "folders", "--real", real, "--generated", generated, "--report-dir", report,
                         "--gap", 0, "--save-reference", file)
    assert outcome.status == 0, outcome
    return report, file, json.loads((report / "report.json").read_text()), outcome


def test_two_folders_get_the_whole_report(judged, folders):
    report, _, found, outcome = judged
    assert found["run"] is None and found["size"] == [48, 48] and found["users"] == list(ROWS)
    assert found["images"]["generated"] == 30 and found["independent"]["training"] == found["images"]["training"]
    assert found["recognition"]["held_out"]["accuracy"] > 0.8
    assert found["two_sample"]["auc"] > 0.7 and found["usefulness"] and found["originality"] and found["identity_basis"]
    assert {row["name"] for row in found["verdict"]["criteria"] if row["status"] == "failed"} >= {"fine_texture"}
    assert "not measured: fid, inception_score" in found["verdict"]["words"] and "verdict: failed" in outcome.out
    assert (report / "index.html").is_file() and (report / "contact_sheet.png").is_file()
    assert found["notes"] == ["compared at 48 x 48 pixels, as intensity by the colour map gray; first images: "
                              "generated 48 x 48; real 48 x 48"]
    assert not any(folders[0].glob("*.npz")) and not (folders[1] / "work").exists()


def test_a_reference_gives_the_same_figures_without_an_image(judged, folders, run_script, tmp_path):
    _, file, found, _ = judged
    with np.load(file) as stored:
        pixels = np.prod((*found["size"], found["images"]["training"]))
        assert all(values.dtype != np.uint8 for values in dict(stored).values())
        assert all(f"{name}/images" not in stored for name in ("training", "held_out"))
        assert sum(values.size for name, values in dict(stored).items() if name.startswith("training/")) < pixels
    outcome = run_script("evaluate.py", "folders", "--reference", file, "--generated", folders[1], "--report-dir",
                         tmp_path / "report")
    assert outcome.status == 0, outcome
    again = json.loads((tmp_path / "report" / "report.json").read_text())
    assert found["judges"].pop("files")["figure"] == "accuracy"   # who judges files needs the files
    for key in MEASURED_WITHOUT_IMAGES:
        assert again[key] == found[key], key
    assert again["diversity"]["features"] == found["diversity"]["features"] and again["hashes"] == found["hashes"]
    assert again["originality"] is None and "two_sample" not in again
    assert set(again["verdict"]["not_measured"]) == {"fid", "inception_score", "file_accuracy", "copy_rate",
                                                    "two_sample_auc"}
    assert (tmp_path / "report" / "index.html").is_file()


def test_weights_of_another_origin_are_named_so_throughout(folders, quick, run_script, line_of, tmp_path):
    """Random weights in the real layout go the whole way, and their figures are no FID."""
    real, generated = folders
    torch.manual_seed(0)
    torch.save(InceptionV3().state_dict(), tmp_path / "random.pth")
    few = tmp_path / "few"
    for path in sorted(generated.glob("*/[0-1].png")):
        (few / path.parent.name).mkdir(parents=True, exist_ok=True)
        (few / path.parent.name / path.name).write_bytes(path.read_bytes())
    command = ["evaluate.py", "folders", "--real", few, "--generated", few, "--report-dir", tmp_path / "report",
               "--gap", 0, "--inception-weights", tmp_path / "random.pth", "--threshold", "two_sample_auc=off"]
    assert "expected 6726825d0af5f729" in line_of(run_script(*command), 2)
    outcome = run_script(*command, "--other-weights")
    assert outcome.status == 0, outcome
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    assert set(found["distribution"]) == {"user_classifier", "inception_other"}
    assert "fd_inception_other" in found["distribution"]["inception_other"]
    assert "fid" in found["verdict"]["not_measured"]
    page = (tmp_path / "report" / "index.html").read_text()
    assert "weights of another origin" in page and "weights of another origin" in (outcome.out + page)
    torch.save({"a": torch.zeros(1)}, tmp_path / "random.pth")
    assert "does not hold weights in the layout" in line_of(run_script(*command, "--other-weights"), 2)


@pytest.mark.parametrize("argv, words", [
    ([], "--generated is missing"), (["--generated", "g"], "--report-dir is missing"),
    (["--generated", "g", "--report-dir", "r"], "--real (or --reference) is missing"),
    (["runs/x", "--real", "d"], "without a run, but was given runs/x"),
    (["--reference", "f", "--real", "d", "--generated", "g", "--report-dir", "r"], "--real is not for --reference"),
    (["--reference", "nowhere.npz", "--generated", "g", "--report-dir", "r"], "is nowhere.npz, where there is no file"),
    (["--real", "nowhere", "--generated", "g", "--report-dir", "r"], "nowhere does not exist"),
    (["--real", "d", "--generated", "g", "--report-dir", "r", "--other-weights"], "--other-weights needs Inception"),
    (["--real", "d", "--generated", "g", "--report-dir", "r", "--require", "fd"], "no criterion is called 'fd'"),
    (["--real", "d", "--generated", "g", "--report-dir", "r", "--honest"], "--honest is not for evaluate.py folders")])
def test_what_cannot_be_judged_is_refused_in_one_line(run_script, line_of, argv, words):
    assert words in line_of(run_script("evaluate.py", "folders", *argv), 2)


def test_sizes_that_the_judges_cannot_see_and_other_users_are_refused(folders, run_script, line_of, tmp_path):
    real, generated = folders
    command = ["evaluate.py", "folders", "--real", real, "--generated", generated, "--report-dir", tmp_path / "r"]
    assert "--size is 60 8; expected multiples of 8 from 16 up, such as 56 16" in line_of(
        run_script(*command, "--size", 60, 8), 2)
    sides = ((100, 100), (256, 256)), ((300, 200), (400, 600)), ((64, 48), (64, 40))
    assert [smaller(*pair) for pair in sides] == [(96, 96), (128, 80), (64, 40)]
    assert "--gap is -1" in line_of(run_script(*command, "--gap", -1), 2)
    (tmp_path / "one" / "ID_1").mkdir(parents=True)
    Image.fromarray(np.zeros((48, 48), np.uint8)).save(tmp_path / "one" / "ID_1" / "a.png")
    command[5] = tmp_path / "one"
    assert "has no images of ID_2, ID_10" in line_of(run_script(*command), 2)


def test_what_nobody_said_is_told(folders, tmp_path):
    """Gray pictures of jet images, and files whose overlap is not known, are judged, but not without a word."""
    from mdgen.config.presets import preset
    from mdgen.data.colormap import to_color
    from mdgen.runs.folder import RunFolder, Users

    (tmp_path / "ID_1").mkdir()
    Image.fromarray(to_color(np.eye(32), "jet")).save(tmp_path / "ID_1" / "a.png")
    run = RunFolder(tmp_path, preset("small"), Users(["ID_1"], "", "intensity", "jet"))
    said = notes(run, tmp_path, folders[1], None)
    assert "generated 48 x 48; real 32 x 32" in said[0]
    assert "real images are in colour, generated ones in gray" in said[1] and "give --gap 0" in said[2]
    rgb = RunFolder(tmp_path, preset("small"), Users(["ID_1"], "", "rgb", None))
    assert len(notes(rgb, None, tmp_path, None)) == 1               # colours of no map, as the images are
