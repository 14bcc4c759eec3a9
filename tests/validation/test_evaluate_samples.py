"""Planted cases through the whole evaluation: copies, swapped users, collapse, blur, wrong folders."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from mdgen.config import Config, DataConfig, EvaluationConfig
from mdgen.data.splits import Split
from mdgen.data.user_folders import UserFolders
from mdgen.errors import RequestError
from mdgen.runs.draw import Row, write_manifest
from mdgen.runs.folder import RunFolder, Users
from mdgen.validation.evaluate_samples import evaluate_samples, summary

ROWS = {"ID_1": 8, "ID_2": 20, "ID_10": 32}   # where each user's stripe lies
NOT_ASKED = {"fid": None, "inception_score": None, "two_sample_auc": None}
FD = "fd_user_classifier"


def write_users(root, rows, count=36, size=48):
    rng = np.random.default_rng(0)
    for name, row in rows.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            image = rng.integers(0, 100, (size, size), dtype=np.uint8)
            image[row:row + 4] += rng.integers(80, 140, dtype=np.uint8)
            Image.fromarray(image).save(root / name / f"{index}.png")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    write_users(folder / "real", ROWS)
    config = Config(data=DataConfig(height=48, width=48, validation_fraction=0.3, gap=1),
                    evaluation=EvaluationConfig(
                        classifier_steps=60, siamese_steps=80, usefulness_seeds=0, two_sample_steps=0))
    return RunFolder.create_or_resume(folder / "run", config,
                                      Users(list(ROWS), str(folder / "real"), "intensity", "gray"))


@pytest.fixture(scope="module")
def copies(run):
    """The held-out images, posing as generated ones."""
    folders = UserFolders(run.users.data_dir, height=48, width=48, colormap="gray")
    root = run.path.parent / "copies"
    for index in Split.of(folders, run.config.data).validation.tolist():
        source = folders.paths[index]
        target = root / source.parent.name / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    write_manifest(root, [Row("ID_1/0.png", "ID_1", 1, "dpm", 20, 1.5, "cafe")])
    return root


def evaluate(run, fake, report="report", real=None, **options):
    return evaluate_samples(run, real or run.users.data_dir, fake, run.path.parent / report, device="cpu",
                            thresholds=NOT_ASKED, command="evaluate.py samples runs/x", **options)


def failed(found):
    """Names of the criteria that fail, and whether the verdict follows them."""
    names = {row["name"] for row in found["verdict"]["criteria"] if row["status"] == "failed"}
    assert found["verdict"]["overall"] == ("failed" if names else "passed")
    return names


def without_intervals(part):
    return {key: value for key, value in part.items() if not key.startswith("interval")}


def changed(copies, name, change):
    """A copy of the tree with every image passed through change(image)."""
    root = copies.parent / name
    shutil.copytree(copies, root)
    for path in root.glob("*/*.png"):
        change(Image.open(path)).save(path)
    return root


def test_perfect_images_score_as_held_out_ones(run, copies):
    found = evaluate(run, copies)
    seen, distance = found["recognition"], found["distribution"]["user_classifier"][FD]
    assert failed(found) == set()
    assert seen["held_out"]["accuracy"] > 0.9
    assert without_intervals(seen["generated"]) == without_intervals(seen["held_out"])
    width = {side: np.ptp(part["interval"]) for side, part in seen.items()}
    assert width["generated"] < width["held_out"]        # the held-out windows overlap: they are fewer than they seem
    assert distance["against_held_out"]["generated"] < 1e-6 < distance["against_held_out"]["floor"]
    assert distance["against_training"]["generated"] == pytest.approx(distance["against_training"]["floor"])
    assert without_intervals(found["texture"]["generated"]) == without_intervals(found["texture"]["held_out"])
    assert found["texture"]["generated"]["overall"] == pytest.approx(1, abs=0.05)
    assert found["diversity"]["pixels"]["generated"]["overall"] == pytest.approx(1, abs=0.05)
    spread = found["diversity"]["features"]
    assert spread["generated"]["overall"] == pytest.approx(spread["held_out"]["overall"], rel=0.15)
    assert without_intervals(found["verification"]["generated"]) == without_intervals(
        found["verification"]["held_out"])
    assert found["originality"]["copies"] == 0
    assert found["tests"]["rejected"]["test"] == 0


def test_the_report_folder_tells_what_was_measured(run, copies):
    found = evaluate(run, copies, report="elsewhere")
    folder = run.path.parent / "elsewhere"
    stored = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert stored == found
    assert stored["drawn_with"] == [{"run_hash": "cafe", "sampler": "dpm", "steps": 20, "guidance": 1.5}]
    assert stored["command"] == "evaluate.py samples runs/x" and stored["preset"] == "small"
    assert (folder / "index.html").exists() and (folder / "contact_sheet.png").exists()
    assert f"{found['images']['generated']} generated" in summary(found)


def test_the_judge_is_trained_once(run, copies):
    evaluate(run, copies)
    states = list((run.path / "report" / "judges").glob("*/judge/state.pt"))
    before = [state.stat().st_mtime_ns for state in states]
    evaluate(run, copies)
    assert len(states) == 1 and [state.stat().st_mtime_ns for state in states] == before


def test_swapped_users_are_found(run, copies):
    swapped = copies.parent / "swapped"
    shutil.copytree(copies / "ID_1", swapped / "ID_2")
    shutil.copytree(copies / "ID_2", swapped / "ID_1")
    shutil.copytree(copies / "ID_10", swapped / "ID_10")
    found = evaluate(run, swapped)
    confusion = np.array(found["recognition"]["generated"]["confusion"])
    straight = np.array(found["recognition"]["held_out"]["confusion"])
    assert (confusion == straight[[1, 0, 2]]).all()
    assert found["recognition"]["generated"]["accuracy_per_user"][:2] == [pytest.approx(0, abs=0.2)] * 2
    assert failed(found) == {"user_accuracy", "file_accuracy", "verification_eer"}
    eer = found["verification"]["generated"]["eer_per_user"]
    assert min(eer[:2]) >= 0.5 > eer[2]
    # a swap moves labels, not images: what does not look at labels must stay quiet
    assert found["distribution"]["user_classifier"][FD]["against_held_out"]["generated"] < 1e-6
    assert found["texture"]["generated"]["overall"] == pytest.approx(found["texture"]["held_out"]["overall"])


def test_collapse_is_found(run, copies):
    collapsed = copies.parent / "collapsed"
    for user in ROWS:
        (collapsed / user).mkdir(parents=True)
        first = sorted((copies / user).iterdir())[0]
        for index in range(8):
            shutil.copy(first, collapsed / user / f"{index}.png")
    found = evaluate(run, collapsed)
    assert found["diversity"]["pixels"]["generated"] == {
        "overall": 0.0, "per_user": [0.0] * 3, "interval": [0.0, 0.0]}
    assert found["diversity"]["features"]["generated"]["overall"] == pytest.approx(0, abs=1e-4)
    assert "diversity" in failed(found) and not {"user_accuracy", "verification_eer", "copy_rate"} & failed(found)
    distance = found["distribution"]["user_classifier"][FD]["against_held_out"]
    assert distance["generated"] > distance["floor"]


def test_blur_is_found_in_the_texture(run, copies):
    blurred = changed(copies, "blurred", lambda image: image.filter(ImageFilter.GaussianBlur(2)))
    found = evaluate(run, blurred)
    assert found["texture"]["generated"]["overall"] < 0.05
    assert found["diversity"]["pixels"]["generated"]["overall"] < 0.6
    assert found["recognition"]["generated"]["accuracy"] > 0.5     # the stripes are still where they were
    assert "fine_texture" in failed(found) and not {"copy_rate"} & failed(found)


def test_planted_copies_are_found_and_nothing_else_fires(run, copies):
    planted = copies.parent / "planted"
    shutil.copytree(copies, planted)
    for user in ROWS:                                                # file 3 is of the training part
        shutil.copy(run.path.parent / "real" / user / "3.png", sorted((planted / user).iterdir())[0])
    found = evaluate(run, planted)
    assert found["originality"]["copies"] == found["originality"]["moments"] == 3
    assert failed(found) == {"copy_rate"}


def test_noise_is_found_by_all_but_the_copy_check(run, copies):
    rng = np.random.default_rng(0)
    noise = changed(copies, "noise", lambda image: Image.fromarray(rng.integers(0, 256, image.size, dtype=np.uint8)))
    assert failed(evaluate(run, noise)) >= {"user_accuracy", "verification_eer", "fd_over_floor", "fine_texture"}
    assert evaluate(run, noise)["originality"]["copies"] == 0


def test_the_ceiling_may_be_other_recordings(run, copies, tmp_path):
    write_users(tmp_path / "other", {name: row + 1 for name, row in ROWS.items()}, count=9)
    found = evaluate(run, copies, held_out_dir=tmp_path / "other")
    assert found["images"]["held_out"] == 27 and found["held_out"] == str(tmp_path / "other")
    assert found["images"]["training"] == evaluate(run, copies)["images"]["training"]
    expect_refusal("trained on, .*--held-out", run, copies, held_out_dir=run.users.data_dir)


def test_usefulness_is_measured_once_for_the_same_images(run, copies):
    studied = replace(run, config=replace(run.config, evaluation=replace(
        run.config.evaluation, usefulness_steps=15, usefulness_seeds=1)))
    found = evaluate(studied, copies)["usefulness"]
    assert found["curve"][-1]["all"] and found["seeds"] == 1 and found["tstr"]["mean"] > 0.5
    assert len(list((run.path / "report" / "cache").glob("usefulness_*.json"))) == 1
    assert evaluate(studied, copies)["usefulness"] == found


def expect_refusal(pattern, run, fake, real=None, **options):
    with pytest.raises(RequestError) as caught:
        evaluate(run, fake, real=real, **options)
    assert re.search(pattern, str(caught.value)) and "\n" not in str(caught.value)
    assert "--data-dir" not in str(caught.value)


def test_folders_that_do_not_fit_are_refused_in_one_line(run, copies, tmp_path):
    expect_refusal("no generated images in .*sample.py", run, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    expect_refusal("no generated images in .*sample.py", run, tmp_path / "empty")

    shutil.copytree(copies, tmp_path / "fewer")
    shutil.rmtree(tmp_path / "fewer" / "ID_10")
    expect_refusal("no images of ID_10; .*all users", run, tmp_path / "fewer")

    shutil.copytree(copies, tmp_path / "more")
    shutil.copytree(copies / "ID_1", tmp_path / "more" / "ID_7")
    expect_refusal("ID_7, of whom there are no real images", run, tmp_path / "more")

    shutil.copytree(copies / "ID_1", tmp_path / "one" / "ID_1")
    expect_refusal("no images of ID_2, ID_10; .*all users", run, tmp_path / "one")

    shutil.copytree(copies, tmp_path / "foreign")
    (tmp_path / "foreign" / "manifest.csv").write_text("name,age\nx,3\n")
    expect_refusal("manifest.csv is no manifest of sample.py; .*remove it", run, tmp_path / "foreign")

    (tmp_path / "fewer" / "ID_10").mkdir()
    expect_refusal("ID_10 holds no images", run, tmp_path / "fewer")

    shutil.copytree(copies, tmp_path / "broken")
    next((tmp_path / "broken" / "ID_2").iterdir()).write_bytes(b"not an image")
    expect_refusal("1 of .* images cannot be used", run, tmp_path / "broken")

    shutil.copytree(copies, tmp_path / "others")
    (tmp_path / "others" / "ID_10").rename(tmp_path / "others" / "ID_3")
    expect_refusal("was trained for ID_1, ID_2, ID_10; give --real", run, copies, real=tmp_path / "others")
    expect_refusal("--real", run, copies, real=tmp_path / "nowhere")


def test_images_that_the_run_has_learnt_are_no_ceiling(run, copies, tmp_path):
    """A later part of the data is deleted: the split moves, and training images become held-out ones."""
    folders = UserFolders(run.users.data_dir, height=48, width=48, colormap="gray")
    split = Split.of(folders, run.config.data)
    learnt = replace(run, users=replace(run.users, training_images=split.training_digests()))
    shutil.copytree(run.users.data_dir, tmp_path / "shorter")
    for user in ROWS:
        for index in range(18, 36):
            (tmp_path / "shorter" / user / f"{index}.png").unlink()
    expect_refusal(r"of the 18 held-out images of .* was trained on.*--real", learnt, copies, real=tmp_path / "shorter")
    assert evaluate(learnt, copies)["images"]["held_out"] == len(split.validation)
