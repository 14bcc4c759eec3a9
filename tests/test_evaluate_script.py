"""evaluate.py as a user calls it: what it prints, writes and answers to the shell."""

import json

import pytest

from mdgen.validation.report.verdict import CRITERIA

QUICK = {"classifier_steps": 5, "siamese_steps": 5, "usefulness_seeds": 0}


@pytest.fixture
def quick_run(tiny_run):
    """The tiny run with judges of seconds."""
    config = json.loads((tiny_run / "config.json").read_text())
    config["evaluation"].update(QUICK)
    (tiny_run / "config.json").write_text(json.dumps(config))
    return tiny_run


def test_the_exit_status_follows_the_verdict_only_with_strict(quick_run, run_script):
    assert run_script("sample.py", quick_run, "--samples-per-user", "3").status == 0
    off = [word for name in CRITERIA if name != "fine_texture" for word in ("--threshold", f"{name}=off")]
    for flags, verdict, status in ((["--strict"], "failed", 1), ([], "failed", 0),
                                   (["--strict", *off, "--threshold", "fine_texture=-1"], "passed", 0)):
        fatal = [] if verdict == "passed" else ["--threshold", "fine_texture=1.5"]    # which no image can have
        outcome = run_script("evaluate.py", "samples", quick_run, *flags, *fatal)
        assert outcome.status == status, outcome
        assert f"verdict: {verdict}" in outcome.out
        assert json.loads((quick_run / "report" / "report.json").read_text())["verdict"]["overall"] == verdict


def test_check_prints_a_line_for_each_part_and_fails_where_one_is_damaged(quick_run, run_script):
    outcome = run_script("evaluate.py", "check", quick_run)
    assert outcome.status == 0 and "FAIL" not in outcome.out and "ok" in outcome.out, outcome
    (quick_run / "vae" / "state.pt").write_bytes(b"cut")
    outcome = run_script("evaluate.py", "check", quick_run)
    assert outcome.status == 1 and "FAIL" in outcome.out, outcome


def test_vae_writes_its_figures_beside_those_of_principal_components(quick_run, run_script):
    outcome = run_script("evaluate.py", "vae", quick_run)
    assert outcome.status == 0 and "PSNR" in outcome.out and "pca" in outcome.out, outcome
    found = json.loads((quick_run / "report" / "vae.json").read_text())
    assert found["vae"]["psnr_db"]["overall"] > 5 and (quick_run / "report" / "vae.png").exists()
    strict = run_script("evaluate.py", "vae", quick_run, "--strict").status
    assert strict == int(not all(criterion["passed"] for criterion in found["verdict"]))


def test_usefulness_prints_the_honest_curve_before_the_reports(quick_run, run_script):
    config = json.loads((quick_run / "config.json").read_text())
    config["evaluation"].update(usefulness_seeds=1, usefulness_steps=2)
    for stage in ("vae", "diffusion"):   # of the generators; the run's own are trained
        config[f"{stage}_training"]["steps"] = 2
    (quick_run / "config.json").write_text(json.dumps(config))
    assert run_script("sample.py", quick_run, "--samples-per-user", "2").status == 0
    usual = run_script("evaluate.py", "usefulness", quick_run)
    assert usual.status == 0 and "has seen all training images" in usual.out, usual
    assert "these real images alone" not in usual.out
    honest = run_script("evaluate.py", "usefulness", quick_run, "--honest", "--sizes", "3")
    assert honest.status == 0, honest
    cost, first, second = (honest.out.index(words) for words in (
        "trainings: 1,", "trained on these real images alone", "has seen all training images"))
    assert cost < first < second and honest.out.endswith(usual.out)
    assert "images: 6;" in honest.out   # as many per user as there are in RUN/samples
    assert json.loads((quick_run / "report" / "honest.json").read_text())["curve"][0]["generated_per_user"] == 2


@pytest.mark.parametrize("flags, words", [(["--sizes", "3"], "--sizes is for evaluate.py usefulness --honest"),
                                          (["--honest", "--sizes", "99"], "--sizes has 99; expected 1 to"),
                                          (["--honest", "--samples-per-user", "0"], "--samples-per-user is 0")])
def test_usefulness_refuses_in_one_line(trained, run_script, line_of, flags, words):
    assert words in line_of(run_script("evaluate.py", "usefulness", trained, *flags), 2)
