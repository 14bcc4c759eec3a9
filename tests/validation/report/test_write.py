"""The report must be valid, hold every floor, say what was measured, and survive any folder name."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from mdgen.data.windows import separate
from mdgen.errors import RunError
from mdgen.validation.distribution import distribution
from mdgen.validation.evaluate_samples import NAMES as METRICS
from mdgen.validation.evaluate_samples import judge_sets
from mdgen.validation.judges.features import JudgedSet
from mdgen.validation.judges.usefulness import usefulness
from mdgen.validation.metrics.verification import verification
from mdgen.validation.report.html import confusion_table
from mdgen.validation.report.summary import summary
from mdgen.validation.report.verdict import verdict
from mdgen.validation.report.write import contact_sheet, nearest_couples, plain, to_json, write_report

NAMES = ["ID_1", "<b>&\"x", "Zoë 'o"]


def judged_set(per_user, seed, size=48):
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(len(NAMES)), per_user)
    features = rng.normal(size=(len(users), 6)) + users[:, None]
    probabilities = rng.dirichlet(np.ones(3), size=len(users)) * 0.3 + 0.7 * np.eye(3)[users]
    images = rng.integers(0, 256, (len(users), 1, size, size), dtype=np.uint8)
    return JudgedSet(images, users, separate(len(users)), features, probabilities)


def made_results(training, held_out, generated, study=None):
    verified = {name: verification(training.features, training.users, s.features, s.users)
                for name, s in (("held_out", held_out), ("generated", generated))}
    results = plain({
        "schema_version": 2, "mdgen": "0", "command": "evaluate.py samples <RUN>", "preset": "small",
        "seed": 0, "run": "runs/x", "users": NAMES, "hashes": {"training": "feed"},
        "drawn_with": [{"run_hash": "cafe", "sampler": "dpm", "steps": 9, "guidance": 1.5}],
        "extractors": {"user_classifier": {"key": "beef", "steps": 3, "features": 6}},
        **judge_sets(training, held_out, generated, len(NAMES)),
        "verification": {"loss": "nt_xent", **verified}, "usefulness": study})
    return {**results, "verdict": verdict(results)}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "a" / "report"
    sets = judged_set(20, 0), judged_set(8, 1), judged_set(10, 2)
    study = usefulness(*sets, len(NAMES), sizes=(5, None), seeds=2, steps=2, device="cpu")
    results = made_results(*sets, study)
    write_report(results, *sets, "jet", folder)
    return folder, results


class Reader(HTMLParser):
    """Collects text and tags, and checks that what opens closes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.texts, self.links = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_report_json_is_strict_json_with_every_number_beside_its_floor(written):
    folder, results = written

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    found = json.loads((folder / "report.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert found["users"] == NAMES and found["images"] == {"training": 60, "held_out": 24, "generated": 30}
    assert list(found["distribution"]) == ["user_classifier"] and "fid" not in found["distribution"]["user_classifier"]
    whole, *users = [part["fd_user_classifier"] for part in (found["distribution"]["user_classifier"],
                                                             *found["distribution"]["user_classifier"]["per_user"])]
    assert whole["n"] == 24 and [user["n"] for user in users] == [8, 8, 8]
    for distance in (whole, *users):
        for key in ("against_training", "against_held_out"):
            assert set(distance[key]) == {"generated", "floor"} and distance[key]["floor"] > 0
    for part in (found["recognition"], found["diversity"]["pixels"], found["texture"], found["verification"],
                 found["physics"]["features"]["torso_line"], found["originality"]["pixels"],
                 found["distribution"]["user_classifier"]["kd_user_classifier"],
                 found["distribution"]["user_classifier"]["coverage"]):
        assert {"generated", "held_out"} <= set(part)
    assert found["recognition"] == results["recognition"]


def test_what_is_no_number_becomes_null():
    found = json.loads(to_json({"a": float("nan"), "b": [np.float64("inf"), np.int64(3)]}))
    assert found == {"a": None, "b": [None, 3]}


def test_the_page_is_whole_and_loads_nothing_from_elsewhere(written):
    page = Reader((written[0] / "index.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags and "b" not in page.tags
    assert page.tags.count("img") == 3 * 2 * 4 + 8 * 2 and page.tags.count("svg") == 2
    assert all(link.startswith("data:image/png;base64,") or link == "report.json" for link in page.links)
    assert all(any(name == text for text in page.texts) for name in NAMES)   # names arrive as they are
    assert any("<RUN>" in text for text in page.texts)


def test_the_summary_s_figures_stand_on_the_page_too(written):
    folder, results = written
    text = " ".join(Reader((folder / "index.html").read_text(encoding="utf-8")).texts)
    lines = summary(results)
    values = [f"{results['distribution']['user_classifier']['fd_user_classifier']['against_training'][k]:.2f}"
              for k in ("generated", "floor")]
    values += [f"{results['diversity']['pixels'][k]['overall']:.2f}" for k in ("generated", "held_out")]
    assert all(value in text and value in lines for value in values)
    assert "fd_user_classifier" in lines and "N = 24" in lines and "small" in lines


def test_inception_figures_carry_the_field_s_names_and_count_in_the_verdict(tmp_path):
    sets = judged_set(20, 0), judged_set(8, 1), judged_set(10, 2)
    results = made_results(*sets)
    assert results["verdict"]["overall"] != "passed" and results["verdict"]["criteria"][0]["status"] == "not measured"
    results["distribution"]["inception"] = plain(distribution(*sets, len(NAMES), METRICS["inception"]))
    results["extractors"]["inception"] = {"weights": "6726", "resize": "clean-fid"}
    results["verdict"] = verdict(results)
    assert {"fid", "kid", "inception_score"} < set(results["distribution"]["inception"])
    assert results["verdict"]["criteria"][0]["value"] == (
        results["distribution"]["user_classifier"]["fd_user_classifier"]["all_images"]["generated_to_training"])
    write_report(results, *sets, None, tmp_path)
    text = " ".join(Reader((tmp_path / "index.html").read_text(encoding="utf-8")).texts)
    assert "fid to training images" in text and "kid to training" in text and "resize clean-fid" in text
    assert "distance to training, fid" in summary(results)


def test_the_contact_sheet_shows_real_left_and_generated_right(written):
    assert Image.open(written[0] / "contact_sheet.png").width > 2 * 4 * 48
    real, fake = (np.full((count, 64, 64, 3), value, dtype=np.uint8) for count, value in ((4, 10), (2, 200)))
    sheet = contact_sheet([[real, fake]] * 3)
    half = sheet.shape[1] // 2
    assert 10 in sheet[:, :half] and 200 not in sheet[:, :half]
    assert 200 in sheet[:, half:] and 10 not in sheet[:, half:]


def test_copies_come_first_among_the_pairs_and_then_the_nearest():
    training, generated = judged_set(4, 0), judged_set(4, 1)
    nearest = {"row": list(range(12))[::-1], "pixels": [float(i % 5) for i in range(12)],
               "copy": [i == 4 for i in range(12)]}
    couples = nearest_couples(nearest, training, generated, None)
    assert [couple["distance"] for couple in couples] == [4, 0, 0, 0, 1, 1, 1, 2] and couples[0]["copy"]
    assert couples[0]["user"] == 1 and couples[0]["trained_as"] == training.users[7]
    assert (couples[0]["pixels"][:, :, :, 0] == np.stack([generated.images[4, 0], training.images[7, 0]])).all()


def test_the_colour_of_a_confusion_cell_follows_its_share_of_the_row():
    table = confusion_table(["a", "b"], [[3, 1], [0, 0]])
    assert "rgba(34,139,94,0.64)" in table and "rgba(200,60,50,0.21)" in table and table.count("0.00") == 2


def test_single_images_leave_dashes_and_no_failure(tmp_path):
    sets = judged_set(3, 0), judged_set(1, 1), judged_set(1, 2)
    results = made_results(*sets)
    write_report(results, *sets, None, tmp_path)
    assert results["diversity"]["pixels"]["generated"] == {"overall": None, "per_user": [None] * 3}
    assert "–" in summary(results)


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    sets = judged_set(3, 0), judged_set(2, 1), judged_set(2, 2)
    with pytest.raises(RunError, match="cannot be written.*--report-dir") as caught:
        write_report(made_results(*sets), *sets, None, tmp_path / "file")
    assert "\n" not in str(caught.value)


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROBE = """<script>window.onload = () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  document.title = JSON.stringify({page: document.documentElement.scrollWidth, window: innerWidth,
    broken: [...document.images].filter(i => { i.loading = "eager"; return i.complete && !i.naturalWidth; }).length,
    images: document.images.length, curves: document.querySelectorAll("svg polyline, svg path").length}); }</script>"""


def browse(tmp_path, page, *flags):
    """What headless Chromium prints about a page."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr",
               "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: the report is not opened in a browser")
@pytest.mark.parametrize("width", [500, 1100])      # 500 is the narrowest window of headless Chromium
def test_the_page_opens_in_a_browser_without_errors_or_overflow(written, tmp_path, width):
    page = tmp_path / "probed.html"
    page.write_text((written[0] / "index.html").read_text(encoding="utf-8") + PROBE, encoding="utf-8")
    shown = browse(tmp_path, page, "--dump-dom", f"--window-size={width},900")
    found = json.loads(re.search("<title>(.*?)</title>", shown.stdout).group(1))
    assert found["page"] <= found["window"] and found["broken"] == 0
    assert found["images"] == 3 * 2 * 4 + 8 * 2 and found["curves"] >= 4
    shown = browse(tmp_path, written[0] / "index.html", f"--window-size={width},900", "--hide-scrollbars",
                   f"--screenshot={tmp_path / 'page.png'}")
    assert "CONSOLE" not in shown.stderr
    picture = np.asarray(Image.open(tmp_path / "page.png").convert("RGB"))
    assert picture.shape[1] == width and len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
