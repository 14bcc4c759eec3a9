"""The report must be valid, hold every floor, say what was measured, and survive any folder name."""

import copy
import csv
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from mdgen.data.image_axes import ImageAxes
from mdgen.data.windows import separate
from mdgen.errors import RunError
from mdgen.validation.comparisons.distribution import distribution
from mdgen.validation.evaluate_samples import NAMES as METRICS
from mdgen.validation.evaluate_samples import judge_sets
from mdgen.validation.judges.features import JudgedSet
from mdgen.validation.judges.usefulness import usefulness
from mdgen.validation.metrics.verification import verification
from mdgen.validation.report.exhibits import Exhibits
from mdgen.validation.report.html import confusion_table, table
from mdgen.validation.report.output import plain, to_json
from mdgen.validation.report.samples_page import render
from mdgen.validation.report.summary import summary
from mdgen.validation.report.verdict import CRITERIA, verdict
from mdgen.validation.report.write import contact_sheet, nearest_couples, write_report

AXES = ImageAxes(-1.0, 7.0, 2.0)
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


def with_evidence(results):
    """The results with every key that a report may hold, by hand."""
    found = copy.deepcopy(results)
    found["independent"] = {"training": 51, "held_out": 7, "generated": 30}
    found["methods"] = {"accuracy": "bootstrap over recordings", "eer": None}
    found["judges"] = {"user_classifier": {"figure": "accuracy", "value": 0.34, "interval": [0.21, 0.47],
                                           "chance": 0.33, "needs": 0.5, "trusted": False,
                                           "reason": "0.34 (0.21 to 0.47) where chance is 0.33"},
                       "siamese": {"figure": "eer", "value": 0.01, "interval": None, "chance": 0.5, "needs": 0.375,
                                   "trusted": True, "reason": None}}
    for side in ("held_out", "generated"):
        found["recognition"][side]["interval"] = [0.8765, 0.9876]
        found["verification"][side]["intervals"] = {"eer": [0.011, 0.022], "auc": [0.97, 0.98]}
        found["diversity"]["features"][side]["interval"] = found["texture"][side]["interval"] = [0.61, 1.71]
    against = found["distribution"]["user_classifier"]["fd_user_classifier"]["against_training"]
    against |= {"generated_interval": [1.25, 9.75], "floor_interval": None}
    found["two_sample"] = {
        "auc": 0.987, "interval": [0.951, 0.999], "control": {"auc": 0.52, "interval": [0.4, 0.6]},
        "per_user": [8, 8, 8],
        "images": [24, 24], "folds": 4,
        "features": [{"name": f"feature_{i}", "auc": 0.5 + 0.03 * i,
                      "control": None if i == 3 else 0.5 + 0.07 * (i == 13)} for i in range(15)],
        "surest": {"generated": [[2, 0.99]], "training": [[5, 0.01], [6, 0.02]]}}
    found["identity_basis"] = {"chance": 0.33, "changes": [
        {"name": "unchanged", "held_out": 0.97, "generated": None},
        {"name": "shifted by one row", "held_out": 0.67, "generated": 0.1}],
        "torso_line_alone": {"held_out": 0.712, "generated": 0.4}}
    found["tests"]["pooled"] = [{"test": "torso", "p": 0.0012, "p_holm": 0.0024, "control_p": 0.31,
                                 "control_p_holm": None, "n": [30, 51], "n_control": [7, 51]}]
    arm = {"mean": 0.81, "std": 0.02, "values": [0.79, 0.83]}
    found["honest"] = {"preset": "demo", "seed": 0, "held_out": 24, "chance": 0.33, "seeds": 2, "curve": [
        {"per_user": n, "real": arm, "both": {**arm, "mean": 0.4321}, "generated": arm, "copy_rate": None,
         "generated_per_user": 10} for n in (5, 10)]}
    found["verdict"] |= {"overall": "failed", "words": "failed; not measured: fid", "not_measured": ["fid"]}
    for row in found["verdict"]["criteria"]:
        row |= {"reason": "no weights here" if row["name"] == "fid" else None, "interval": None}
    return found


@pytest.fixture(scope="module", autouse=True)
def without_matplotlib():
    """All but PDF works without it; test_exhibits.py has the PDFs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        yield


@pytest.fixture(scope="module")
def full(written, tmp_path_factory):
    """A report with all sections, axes and a log: (folder, results, sets)."""
    folder = tmp_path_factory.mktemp("full")
    lines = [{"stage": "vae", "step": step, "loss": 1 / step} for step in (1, 2, 3)]
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    sets, results = (judged_set(20, 0), judged_set(8, 1), judged_set(10, 2)), with_evidence(written[1])
    write_report(results, *sets, "jet", folder / "report", axes=AXES, log=folder / "log.jsonl")
    return folder / "report", results, sets


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
            assert set(distance[key]) >= {"generated", "floor"} and distance[key]["floor"] > 0
    low, high = whole["against_training"]["floor_interval"]
    assert low <= whole["against_training"]["floor"] <= high
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
    assert page.tags.count("img") == 3 * 2 * 4 + 8 * 2
    assert page.tags.count("svg") == 3 + 6   # two curves of errors, usefulness; mean image, spectrum, features, cases
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
    real, made = (np.full((count, 64, 64, 3), value, dtype=np.uint8) for count, value in ((4, 10), (2, 200)))
    sheet = contact_sheet([[real, made[:0]]] + [[real, made]] * 2)
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
    page = table(confusion_table("confusion", ["a", "b"], [[3, 1], [0, 0]]))
    assert "rgba(34,139,94,0.64)" in page and "rgba(200,60,50,0.21)" in page and page.count("0.00") == 2


def test_single_images_leave_dashes_and_no_failure(tmp_path):
    sets = judged_set(3, 0), judged_set(1, 1), judged_set(1, 2)
    results = made_results(*sets)
    write_report(results, *sets, None, tmp_path)
    assert results["diversity"]["pixels"]["generated"] == {
        "overall": None, "per_user": [None] * 3, "interval": None}
    assert "–" in summary(results)


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    sets = judged_set(3, 0), judged_set(2, 1), judged_set(2, 2)
    with pytest.raises(RunError, match="cannot be written.*--report-dir") as caught:
        write_report(made_results(*sets), *sets, None, tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_every_new_figure_stands_on_the_page_with_its_interval(full):
    text = " ".join(" ".join(Reader((full[0] / "index.html").read_text(encoding="utf-8")).texts).split())
    for words in ("failed ; not measured: fid", "no weights here",
                  "The user classifier is not trusted : 0.34 (0.21 to 0.47) where chance is 0.33.",
                  "51 of the training images, 7 of those held out",
                  "88–99 %", "(0.011–0.022)", "(0.970–0.980)", "(0.61–1.71)", "(1.25–9.75)", "0.987 (0.951–0.999)",
                  "0.520 (0.400–0.600)", "may move a Doppler row", "0.71", "30 to 51", "0.0024", "0.43 ± 0.02",
                  "bootstrap over recordings", "margin to the nearest other prototype"):
        assert words in text, words
    assert "siamese is not trusted" not in text.lower() and "Siamese judge is not trusted" not in text
    assert not re.search("fake|false alarm", text, re.IGNORECASE)
    assert text.index("feature 14") < text.index("feature 12") < text.index("feature 13")
    assert text.index("Generators that saw as few") < text.index("A generator that has seen all")
    assert "0.987 (0.951–0.999)" in summary(full[1]) and "failed; not measured: fid" in summary(full[1])


def test_every_figure_and_table_of_the_page_is_a_file_of_its_own(full):
    folder, results, _ = full
    page = (folder / "index.html").read_text(encoding="utf-8")
    figures = {path.stem: ElementTree.parse(path).getroot() for path in (folder / "figures").glob("*.svg")}
    assert {"roc", "error_trade_off", "usefulness", "honest", "mean_images", "mean_spectrum", "feature_scatter",
            "worst_generated", "best_generated", "worst_held_out", "told_apart_generated", "told_apart_training",
            "training_vae", "contact_sheet"} == set(figures)
    assert not list((folder / "figures").glob("*.pdf")) and "pip install mdgen[plots]" in page
    assert page.count("<svg") == len(figures) - 1                                     # all but the contact sheet
    links = [value for root in figures.values() for node in root.iter() for key, value in node.attrib.items()
             if key.endswith("href")]
    assert links and all(link.startswith("data:image/png;base64,") for link in links)
    words = [text.text for text in figures["contact_sheet"].iter("{http://www.w3.org/2000/svg}text")]
    assert {*NAMES, "real held-out", "generated", "Doppler velocity, m/s", "time, s", "dB"} <= set(words)
    rows = {path.stem: list(csv.reader(path.open(encoding="utf-8"))) for path in (folder / "tables").glob("*.csv")}
    assert {path.stem for path in (folder / "tables").glob("*.tex")} == set(rows) and page.count("<table") <= len(rows)
    assert rows["confusion_generated"][1:] == [
        [name, *map(str, line)] for name, line in zip(NAMES, results["recognition"]["generated"]["confusion"])]
    eer = rows["verification"][1]
    assert [float(eer[1]), float(eer[2])] == [results["verification"]["generated"]["eer"], 0.011]
    assert all(len(line) == len(found[0]) for found in rows.values() for line in found)


def test_any_part_may_be_missing(full):
    _, results, sets = full
    nothing = [replace(s, images=None) for s in sets]
    for key in (*results, None):
        if key in ("users", "images", "verdict", "command", "mdgen"):
            continue
        for without in ({name: part for name, part in results.items() if name != key}, results | {key: None}):
            exhibits = Exhibits()
            assert Reader(render(without, [[[], []]] * 3, [], exhibits, nothing)).open == [] and summary(without)
            assert "feature_scatter" in exhibits.figures and "mean_images" not in exhibits.figures


def test_sets_without_images_make_a_report(full, tmp_path):
    _, results, (training, held_out, generated) = full
    write_report(results, replace(training, images=None), replace(held_out, images=None), generated, "jet", tmp_path)
    page = Reader((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert page.tags.count("img") == 3 * 4 and (tmp_path / "contact_sheet.png").is_file()


def test_an_empty_curve_is_left_out(full):
    _, results, sets = full
    perfect = copy.deepcopy(results)
    for side in ("held_out", "generated"):
        perfect["verification"][side] |= {"eer": 0.0, "roc": {"false_acceptance": [0.0, 0.0, 1.0],
                                                              "true_acceptance": [0.0, 1.0, 1.0]}}
    exhibits = Exhibits()
    render(perfect, [[[], []]] * 3, [], exhibits, sets)
    assert "error_trade_off" not in exhibits.figures and "roc" in exhibits.figures


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROBE = """<script>window.onload = () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  const right = node => node.getBoundingClientRect().right, room = document.documentElement.clientWidth;
  const cells = [...document.querySelectorAll(".verdict td")], states = document.querySelectorAll(".verdict td strong");
  parent.document.title = JSON.stringify({page: document.documentElement.scrollWidth, window: room,
    wide: [...document.body.querySelectorAll("*")].filter(n => right(n) > room + 1 && !n.closest(".scroll"))
      .map(n => n.tagName + " " + n.className + " " + n.textContent.slice(0, 40)).slice(0, 5),
    hidden: cells.filter(n => right(n) > Math.min(room, right(n.closest(".scroll"))) + 1 || n.clientWidth < 5).length,
    states: states.length,
    reach: Math.max(...[...document.querySelectorAll(".shown *")].filter(n => !n.closest(".scroll")).map(right)),
    broken: [...document.images].filter(i => { i.loading = "eager"; return i.complete && !i.naturalWidth; }).length,
    images: document.images.length, curves: document.querySelectorAll("svg polyline, svg path").length}); }</script>"""


def browse(tmp_path, page, *flags):
    """What headless Chromium prints about a page."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr",
               "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: the report is not opened in a browser")
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_opens_in_a_browser_without_errors_or_overflow(full, tmp_path, width):
    page, framed = full[0] / "index.html", tmp_path / "framed.html"
    inner = escape(page.read_text(encoding="utf-8") + PROBE)   # in a frame: 500 is Chromium's narrowest window
    framed.write_text(f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{inner}"></iframe>', "utf-8")
    shown = browse(tmp_path, framed, "--dump-dom", f"--window-size={width + 200},900")
    found = json.loads(re.search("<title>(.*?)</title>", shown.stdout).group(1))
    assert found["page"] <= found["window"] <= width and found["wide"] == [] and found["broken"] == 0
    assert found["states"] == len(CRITERIA) and found["hidden"] == 0            # all of the verdict is in sight
    assert found["reach"] > found["window"] - 17                     # up to the margin of 16: the right third is used
    assert found["images"] == 3 * 2 * 4 + 8 * 2 and found["curves"] >= 4
    assert "CONSOLE" not in shown.stderr


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: the report is not opened in a browser")
def test_the_page_can_be_photographed(full, tmp_path):
    shown = browse(tmp_path, full[0] / "index.html", "--window-size=1280,900", "--hide-scrollbars",
                   f"--screenshot={tmp_path / 'page.png'}")
    assert "CONSOLE" not in shown.stderr
    picture = np.asarray(Image.open(tmp_path / "page.png").convert("RGB"))
    assert picture.shape[1] == 1280 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
