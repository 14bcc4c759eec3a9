"""The judge learns from the training part alone, the same way each time, and says who was taken for whom."""

import numpy as np
import pytest
import torch

from mdgen.config import DataConfig, EvaluationConfig
from mdgen.data.splits import Split
from mdgen.validation.judges.user_classifier import judge_key, recognition, train_judge

CONFIG = EvaluationConfig(classifier_steps=60)


def split_of(folders):
    return Split.of(folders, DataConfig(validation_fraction=0.25))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, stripes):
    folder = tmp_path_factory.mktemp("judges")
    split = split_of(stripes())
    return folder, split, *train_judge(split, CONFIG, folder, seed=0, device=torch.device("cpu"))


def test_it_recognises_held_out_images_and_is_ready_to_judge(trained):
    _, split, judge, _ = trained
    assert not judge.training
    with torch.no_grad():
        assert torch.equal(judge(split.validation_images()).argmax(dim=1), split.validation_users)


def test_the_second_call_loads_and_a_fresh_folder_trains_the_same_judge(trained, tmp_path):
    folder, split, judge, key = trained
    state = folder / key / "judge" / "state.pt"
    before = state.stat().st_mtime_ns
    random_state = torch.get_rng_state()
    again, _ = train_judge(split, CONFIG, folder, seed=0, device=torch.device("cpu"))
    fresh, _ = train_judge(split, CONFIG, tmp_path, seed=0, device=torch.device("cpu"))
    assert state.stat().st_mtime_ns == before
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, value in judge.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]) and torch.equal(value, fresh.state_dict()[name])


def test_the_key_follows_what_the_judge_learns_from_and_nothing_else(trained, stripes):
    _, split, _, key = trained
    other = stripes()
    other.images[split.validation] = 0
    assert judge_key(split_of(other), CONFIG, seed=0) == key
    other.images[split.train[0], 0, 0, 0] += 1
    assert judge_key(split_of(other), CONFIG, seed=0) != key
    assert judge_key(split, CONFIG, seed=1) != key
    assert judge_key(split, EvaluationConfig(classifier_steps=61), seed=0) != key


def test_recognition_by_hand():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2]])
    found = recognition(probabilities, [0, 0, 1, 2])
    assert found["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert found["accuracy"] == 0.5 and found["accuracy_per_user"] == [0.5, 1.0, 0.0]
    assert found["confidence"] == pytest.approx((0.7 + 0.4 + 0.8 + 0.2) / 4)
    assert found["confidence_per_user"] == pytest.approx([0.55, 0.8, 0.2])


def test_a_user_without_images_has_no_accuracy():
    assert recognition(np.eye(3)[[0, 1]], [0, 1])["accuracy_per_user"] == [1.0, 1.0, None]
