"""The outputs must be the judge's own, in order, whatever the batch; subsets must hold what was asked for."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mdgen.data.windows import separate
from mdgen.models.classifier import UserClassifier
from mdgen.validation.judges.features import judge_images, per_user_subsets


@pytest.fixture(scope="module")
def judged():
    torch.manual_seed(0)
    judge = UserClassifier(1, 3, width=8).eval()
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (12, 1, 32, 32), generator=generator, dtype=torch.uint8)
    folders = SimpleNamespace(images=images, labels=torch.arange(3).repeat_interleave(4),
                              floats=lambda indices: images[indices].float() / 127.5 - 1)
    return judge, folders


def test_features_and_probabilities_are_the_network_s_own_in_order(judged):
    judge, folders = judged
    indices = torch.tensor([7, 2, 11, 4, 3])
    found = judge_images(judge, folders, indices, torch.device("cpu"), batch_size=2)
    with torch.no_grad():
        images = folders.floats(indices)
        np.testing.assert_allclose(found.features, judge.features(images).double(), atol=1e-5)
        np.testing.assert_allclose(found.probabilities, judge(images).softmax(dim=1).double(), atol=1e-5)
    assert found.features.dtype == found.probabilities.dtype == np.float64
    assert found.users.tolist() == [1, 0, 2, 1, 0] and found.windows.tolist() == separate(5).tolist()
    windows = np.arange(36).reshape(12, 3)
    assert judge_images(judge, folders, indices, "cpu", windows).windows.tolist() == windows[[7, 2, 11, 4, 3]].tolist()
    assert found.of_user(0).tolist() == [1, 4] and len(found) == 5
    np.testing.assert_array_equal(found.images, folders.images[indices].numpy())


def test_subsets_hold_the_counts_asked_for_without_repeats():
    users = np.array([0, 1, 0, 2, 0, 1, 2, 2, 0])
    subsets = list(per_user_subsets(users, [2, 1, 3], repeats=20))
    assert len(subsets) == 20
    for rows in subsets:
        assert len(set(rows.tolist())) == 6
        assert np.bincount(users[rows]).tolist() == [2, 1, 3]
    assert len({tuple(sorted(rows)) for rows in subsets}) > 5             # they differ from each other
    again = per_user_subsets(users, [2, 1, 3], repeats=20)
    assert all((a == b).all() for a, b in zip(subsets, again))            # and never from run to run
