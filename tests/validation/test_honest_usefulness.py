"""Generators of few images, end to end: who sees what, what a second call does, what planted images come to."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from mdgen.config import InitConfig, override
from mdgen.config.presets import preset
from mdgen.data.splits import Split, digests
from mdgen.data.user_folders import UserFolders
from mdgen.data.windows import WINDOW_COLUMNS, WINDOWS_FILE
from mdgen.errors import RequestError
from mdgen.files import digest
from mdgen.runs.folder import RunFolder, Users
from mdgen.validation.honest_usefulness import begun, chosen_sizes, few_images, honest_usefulness, read_honest
from mdgen.validation.judges.features import unjudged
from mdgen.validation.judges.usefulness import block, block_rng

CPU = torch.device("cpu")
QUICK = ["data.height=32", "data.width=32", "data.validation_fraction=0.3", "vae_training.steps=3",
         "diffusion_training.steps=4", "diffusion_training.snapshot_at=0.5", "sampling.steps=2",
         "evaluation.usefulness_steps=2", "evaluation.usefulness_seeds=1"]
NAMES = ["ID_1", "ID_2", "ID_10"]
SIZES = (2, 4)
EACH = 3   # generated images per user


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_users, tiny_flags):
    """A run that was asked for but not trained: the study needs nothing of its own weights."""
    folder = tmp_path_factory.mktemp("honest")
    tiny = tiny_flags[tiny_flags.index("--set") + 1::2]
    return open_run(folder / "run", make_users(folder / "data", count=26), override(preset("small"), [*tiny, *QUICK]))


def open_run(folder, data, config):
    training_images = split_of(data, config).training_digests()
    return RunFolder.create_or_resume(folder, config, Users(NAMES, str(data), "intensity", "jet", training_images))


def split_of(data, config):
    return Split.of(UserFolders(data, height=32, width=32, colormap="jet"), config.data)


@pytest.fixture(scope="module")
def split(run):
    return split_of(run.users.data_dir, run.config)


def measure(run, **options):
    said = []
    options = {"sizes": SIZES, "per_user": EACH, "device": CPU} | options
    return honest_usefulness(run, run.users.data_dir, say=said.append, **options), said


@pytest.fixture(scope="module")
def found(run):
    return measure(run)


@pytest.fixture
def copied(run, found, tmp_path):
    """The run with its study, to do anything to."""
    return replace(run, path=shutil.copytree(run.path, tmp_path / "run"))


def of_size(run, size):
    return RunFolder.open(run.path / "report" / "honest" / f"n_{size}")


@pytest.mark.parametrize("size", SIZES)
def test_a_generator_has_seen_exactly_so_many_images_and_none_that_is_held_out(run, split, found, size):
    few = of_size(run, size)
    seen, held_out = few.users.training_images, {*digests(split.folders.images[split.validation])}
    assert len(seen) == len({*seen}) == size * len(NAMES)
    assert {*seen} <= {*split.training_digests()} and not {*seen} & held_out
    assert len(few.latents_file.load()["users"]) == len(seen)   # what the denoiser is trained on
    assert few.config == run.config


@pytest.mark.parametrize("size", SIZES)
def test_it_has_seen_what_the_classifiers_of_the_reports_first_seed_see(run, split, found, size):
    usual = block(unjudged(split.folders, split.train), size, block_rng(0, size))
    assert of_size(run, size).users.training_images == digests(torch.from_numpy(usual.images))


@pytest.mark.parametrize("count", [1, 5, 14])
def test_the_image_that_watches_is_a_neighbour_neither_trained_on_nor_held_out(split, count):
    few = few_images(split, count)
    for user in range(3):
        rows, (watching,) = (part[split.folders.labels[part] == user].tolist() for part in (few.train, few.validation))
        assert rows == list(range(rows[0], rows[0] + count)) and watching in (rows[0] - 1, rows[-1] + 1)
        assert {*rows, watching} <= {*split.train.tolist()}


def test_the_result_says_what_was_measured_and_what_it_would_cost(run, split, found):
    results, said = found
    assert results == json.loads((run.path / "report" / "honest.json").read_text(encoding="utf-8"))
    assert [(row["per_user"], row["generated_per_user"]) for row in results["curve"]] == [(2, EACH), (4, EACH)]
    assert (results["held_out"], results["seeds"], results["preset"]) == (len(split.validation), 1, "small")
    for row in results["curve"]:
        assert row["gain"]["values"] == pytest.approx(np.subtract(row["both"]["values"], row["real"]["values"]))
        assert 0 <= row["generated"]["mean"] <= 1 and 0 <= row["copy_rate"] <= 1
    assert said[0] == ("honest usefulness, trainings: 2, on 2, 4 real images of each of 3 users (steps left: vae 6, "
                       "diffusion 8); images: 18; classifiers: 6 of 2 steps")
    assert re.match(r"about \d+:\d\d on cpu", said[1])


def test_a_second_call_does_nothing_anew_and_finds_the_same(copied, found, contents):
    def kept():
        return {path: path.stat().st_mtime_ns for pattern in ("n_*/*/state.pt", "n_*/samples/*/*.png")
                for path in (copied.path / "report" / "honest").glob(pattern)}

    before = kept()
    again, said = measure(copied)
    assert len(before) == 2 * 2 + 18 and kept() == before
    assert again == found[0] and "vae 0, diffusion 0)" in said[0] and "all generators are trained" in said[1]


def test_a_stage_that_is_missing_is_trained_to_the_same_weights(copied, found):
    state = of_size(copied, 2).path / "diffusion" / "state.pt"
    before = state.read_bytes()
    state.unlink()
    again, said = measure(copied)
    assert "vae 0, diffusion 4)" in said[0] and again == found[0] and state.read_bytes() == before


def plant(run, split, rows, names, steps):
    """Overwrite the kept images of the generator of two images with real ones, and say how they then score."""
    folder = of_size(run, 2).samples
    for user, name in enumerate(names):
        for index, row in enumerate(rows[split.folders.labels[rows] == user][:EACH].tolist()):
            shutil.copy(split.folders.paths[row], folder / name / f"{name}_{index:05d}.png")
    judged = override(run.config, [f"evaluation.usefulness_steps={steps}"])
    return measure(replace(run, config=judged), sizes=[2])[0]["curve"][0]


def test_planted_images_score_as_what_they_are(copied, split):
    perfect = plant(copied, split, split.validation, NAMES, steps=25)
    assert perfect["generated"]["mean"] > 0.9 and perfect["both"]["mean"] > 0.9 and perfect["copy_rate"] == 0
    swapped = plant(copied, split, split.validation, NAMES[1:] + NAMES[:1], steps=25)
    assert swapped["generated"]["mean"] < 0.1 and swapped["gain"]["mean"] < -0.2
    assert swapped["real"] == perfect["real"]


def test_copies_of_the_few_images_are_found(copied, split):
    seen = few_images(split, 2).train
    assert plant(copied, split, seen, NAMES, steps=1)["copy_rate"] >= 2 / EACH   # of three images two are replaced


def test_a_report_takes_the_result_for_the_same_images_and_settings_alone(run, found):
    hashes = found[0]["hashes"]

    def changed(assignment):
        return replace(run, config=override(run.config, [assignment]))

    assert read_honest(run, hashes | {"generated": "any"}) == found[0]
    assert read_honest(changed("evaluation.classifier_steps=1"), hashes) == found[0]    # of the judges, who say nothing
    assert read_honest(changed("evaluation.usefulness_steps=77"), hashes) is None
    for other in (read_honest(run, hashes | {"held_out": "other"}), read_honest(run, hashes | {"training": "other"}),
                  read_honest(changed("unet.dropout=0.3"), hashes), read_honest(replace(run, path=run.path / "none"),
                                                                                hashes)):
        assert other is None


def test_the_hashes_are_those_of_the_report(split, found):
    for name, rows in (("training", split.train), ("held_out", split.validation)):
        images, users = split.folders.images[rows].numpy(), split.folders.labels[rows].numpy()
        assert found[0]["hashes"][name] == digest(images, users)


def test_windows_in_another_order_than_the_files_are_taken_in_that_of_the_recording(run, make_users, tmp_path):
    data = make_users(tmp_path / "data", names=NAMES, count=26)
    rows = [f"{name}/w{index}.png,{name},{100 * (25 - index)},{100 * (25 - index) + 99}"   # backwards
            for name in NAMES for index in range(26)]
    (data / WINDOWS_FILE).write_text("\n".join([",".join(WINDOW_COLUMNS), *rows]) + "\n")
    windowed, split = open_run(tmp_path / "run", data, run.config), split_of(data, run.config)
    few = begun(windowed, few_images(split, 2), 2, tmp_path / "n_2")
    assert np.diff(few.split.train.numpy()).tolist()[::2] == [-1, -1, -1]
    assert few.run.users.training_images == digests(split.folders.images[few.split.train])


def test_sizes_need_one_image_more_which_watches():
    assert chosen_sizes(None, [51, 60]) == [5, 10, 20, 50] and chosen_sizes(None, [50, 60]) == [5, 10, 20]
    assert chosen_sizes([9, 3, 3], [10]) == [3, 9]
    for asked, counts, words in (([3, 10], [10, 20], "--sizes has 10; expected 1 to 9"), (None, [5, 9], "give smaller"),
                                 ([0], [10], "--sizes has 0")):
        with pytest.raises(RequestError, match=words):
            chosen_sizes(asked, counts)


def test_what_cannot_be_measured_is_refused_before_anything_is_trained(run, split, tmp_path):
    config, untouched = run.config, replace(run, path=tmp_path / "other")
    seen = open_run(tmp_path / "seen", run.users.data_dir, config)
    for unfit, words in (
            (replace(config, retired=("vae.x=1",)), "vae.x=1, which is gone"),
            (override(config, ["evaluation.usefulness_seeds=0"]), "usefulness_seeds is 0"),
            (replace(config, init_from=InitConfig(str(seen.path), "cafe")), "trained on [0-9]+ of the same real")):
        with pytest.raises(RequestError, match=words):
            measure(replace(untouched, config=unfit))
    assert not list(untouched.path.glob("report/honest/*/*/state.pt"))


def test_a_generator_of_other_settings_is_not_taken_for_this_one(copied):
    with pytest.raises(RequestError, match="n_2 holds a run with unet.dropout = .*; delete .*n_2 to train it anew"):
        measure(replace(copied, config=override(copied.config, ["unet.dropout=0.3"])))
