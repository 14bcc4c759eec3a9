"""The sweep on the tiny run: what it draws, keeps, measures and names the best."""

import json
import os
from pathlib import Path

import pytest
import torch

from mdgen.data.image_axes import find_axes
from mdgen.errors import RequestError
from mdgen.runs.folder import RunFolder
from mdgen.validation.evaluate_samples import judge_sets
from mdgen.validation.image_sets import read_sets
from mdgen.validation.judges.features import judge_images
from mdgen.validation.judges.user_classifier import train_judge
from mdgen.validation.sweep import best, parse_interval

FLAGS = ["--samples-per-user", "3"]


@pytest.fixture
def quick_run(tiny_run):
    config = json.loads((tiny_run / "config.json").read_text())
    config["evaluation"]["classifier_steps"], config["sampling"]["steps"] = 20, 3
    (tiny_run / "config.json").write_text(json.dumps(config))
    return tiny_run


def drawn(run):
    return {path: path.stat().st_mtime_ns for path in (run / "report" / "sweep").glob("*/*/*.png")}


def swept(run):
    return json.loads((run / "report" / "sweep.json").read_text())


def test_a_sweep_draws_each_setting_once_and_judges_it_as_the_report_does(quick_run, run_script):
    command = ["evaluate.py", "sweep", quick_run, *FLAGS, "--intervals", "0-1", "0-0.5", "--scales"]
    outcome = run_script(*command, 1, 4)
    assert outcome.status == 0 and "scale,interval,accuracy,diversity,fd_user_classifier" in outcome.out, outcome
    first, results = drawn(quick_run), swept(quick_run)
    assert len(first) == 3 * 9                                        # scale 1 is the same within any interval
    assert [(row["scale"], row["interval"]) for row in results["rows"]] == [
        (1, [0, 1]), (4, [0, 1]), (1, [0, 0.5]), (4, [0, 0.5])]
    assert results["rows"][0]["folder"] == results["rows"][2]["folder"]
    check_against_report(quick_run, results)
    page = (quick_run / "report" / "sweep.html").read_text()
    assert page.count("<svg") == 3 and "within 0-0.5" in page and "<script" not in page

    assert run_script(*command, 1, 4, 6).status == 0
    assert all(drawn(quick_run)[path] == time for path, time in first.items()) and len(drawn(quick_run)) == 5 * 9
    assert swept(quick_run)["rows"][0] == results["rows"][0]

    state = torch.load(quick_run / "diffusion" / "state.pt", weights_only=True)
    state["ema"]["average"]["conv_out.bias"] += 0.5
    torch.save(state, quick_run / "diffusion" / "state.pt")
    assert run_script(*command, 1).status == 0
    folder = swept(quick_run)["rows"][0]["folder"]
    again = {path: time for path, time in drawn(quick_run).items() if str(path).startswith(folder + os.sep)}
    assert len(again) == 9 and all(time != first[path] for path, time in again.items())


def check_against_report(path, results):
    """The report's own figures of the images of one setting."""
    run, row = RunFolder.open(path), results["rows"][3]
    split, sets = read_sets(run, run.users.data_dir, Path(row["folder"]), progress=lambda *label: None)
    judge, key = train_judge(split, run.config.evaluation, path / "report" / "judges", seed=0, device="cpu")
    report = judge_sets(*(judge_images(judge, one.folders, one.rows, "cpu", one.windows) for one in sets), 3,
                        find_axes(run.users.data_dir))
    distance = report["distribution"]["user_classifier"]["fd_user_classifier"]["against_training"]
    for side, values, floor, copies in (("generated", row, "generated", "copy_rate"),
                                        ("held_out", results["held_out"], "floor", "held_out_rate")):
        assert key == results["judge"] and values["accuracy"] == report["recognition"][side]["accuracy"]
        assert values["diversity"] == report["diversity"]["features"][side]["overall"]
        assert values["fd_user_classifier"] == distance[floor]
        assert values["fine_texture"] == report["texture"][side]["overall"]
        assert values["copy_rate"] == report["originality"][copies]


def test_the_best_is_the_nearest_of_those_that_are_recognised_and_varied():
    def row(accuracy, diversity, distance):
        return {"accuracy": accuracy, "diversity": diversity, "fd_user_classifier": distance}

    rows = [row(0.8, 1.0, 10), row(0.9, 0.89, 20), row(0.9, 0.9, 40), row(0.95, 1.0, 30), row(1.0, None, 1)]
    assert best(rows, {"accuracy": 0.9}) == {"row": 3, "meets_rule": True}
    assert best(rows[:2], {"accuracy": 0.9}) == {"row": 0, "meets_rule": False}
    assert best([row(0.5, 0.5, None), rows[0]], {"accuracy": 0.9}) == {"row": 1, "meets_rule": False}


def test_intervals_are_read_as_two_shares():
    assert [parse_interval(text) for text in ("0-1", "0.1-0.7", ".25-1.0")] == [(0, 1), (0.1, 0.7), (0.25, 1)]
    for text in ("0.1", "-0.1-0.5", "a-b", "0.1-0.7-0.9", "1e-1"):
        with pytest.raises(RequestError, match="expected LOW-HIGH"):
            parse_interval(text)


@pytest.mark.parametrize("argv, words", [
    (["sweep", "--intervals", "0.7-0.1"], "cfg_interval is [0.7, 0.1]"),
    (["sweep", "--samples-per-user", "1"], "--samples-per-user is 1"),
    (["sweep", "--vary", "classifier"], "run train.py classifier"),
    (["sweep", "--vary", "autoguidance", "--intervals", "0-0.5"], "--intervals is for classifier-free guidance"),
    (["sweep", "--generated", "x"], "--generated is not for evaluate.py sweep"),
    (["samples", "--scales", "2"], "--scales is not for evaluate.py samples")])
def test_what_a_sweep_cannot_do_is_refused_before_work(trained, run_script, line_of, argv, words):
    assert words in line_of(run_script("evaluate.py", argv[0], trained, *argv[1:]), 2)
