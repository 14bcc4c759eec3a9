import numpy as np
import pytest

from mdgen.data.check import repeats
from mdgen.data.check.findings import DECISION, NOTE
from mdgen.data.check.repeats import neighbours
from mdgen.data.colormap import to_color


@pytest.fixture
def part():
    return lambda survey, data: repeats.find(survey, data)


def test_a_clean_set_repeats_nothing(check, jet):
    assert not check(jet).keys() & {"copies_across_users", "copies_across_parts", "shared_samples"}


@pytest.mark.parametrize("quality", [None, 50])
def test_a_picture_under_two_persons_is_found(check, jet, compressed, quality):
    pictures = jet.copy()
    pictures[2, 3] = jet[0, 1] if quality is None else compressed(jet[0, 1], quality)
    found = check(pictures)["copies_across_users"]
    assert found.level == DECISION and found.counts["pairs"] == ["ID_1/001.png and ID_3/003.png"]


def test_so_is_one_in_both_parts_of_the_split(check, look, jet):
    pictures = jet.copy()
    pictures[1, 7] = jet[1, 0]
    found = check(pictures)["copies_across_parts"]
    assert found.level == DECISION and found.counts["pairs"] == ["ID_2/000.png and ID_2/007.png"]
    assert found.counts["images"] == 1 and "1 of 3 held-out images" in found.text


def test_a_copy_within_a_part_is_nobodys_fault(check, jet):
    pictures = jet.copy()
    pictures[1, 1] = jet[1, 0]
    assert not check(pictures).keys() & {"copies_across_users", "copies_across_parts"}


def sliding(walks, step):
    """Windows of [H, 64] that begin `step` columns after one another, of one long image of every person."""
    found = []
    for user in walks:
        long = np.concatenate(list(user), axis=1)
        found.append([long[:, start:start + 64] for start in range(0, long.shape[1] - 64, step)][:20])
    return to_color(np.array(found))


@pytest.mark.parametrize("step, needed", [(16, 3), (32, 1), (10, 6)])
def test_windows_that_share_samples_are_measured_against_the_gap(check, look, walks, step, needed):
    found = check(sliding(walks, step), gap=needed)["shared_samples"]
    assert found.counts["gap_needed"] == needed and found.level == NOTE
    assert found.counts["share"] == pytest.approx(1 - step / 64, abs=0.01)
    short = look(gap=needed - 1)["shared_samples"]
    assert short.level == DECISION and short.cure == f"--set data.gap={needed}"


def test_windows_csv_knows_better(plant, look, walks):
    root = plant(sliding(walks, 16)[:, :9])
    rows = [f"ID_{user + 1}/{place:03}.png,ID_{user + 1},{16 * place},{16 * place + 63}"
            for user in range(3) for place in range(9)]
    (root / "windows.csv").write_text("\n".join(["file,recording,first_sample,last_sample", *rows]))
    assert "shared_samples" not in look(gap=0)


def test_neighbours_are_of_one_folder():
    near, far = neighbours(np.array([0, 0, 0, 0, 1, 1]))
    assert near.tolist() == [[0, 1], [1, 2], [2, 3], [4, 5]] and far.tolist() == [[0, 2], [1, 3]]
