import pytest
import torch

from mdgen.errors import RequestError
from mdgen.schedulers import SPACINGS, NoiseSchedule, draw_noise, spaced_timesteps
from mdgen.schedulers.timesteps import transitions


@pytest.mark.parametrize("spacing, expected", [
    ("leading", [900, 800, 700, 600, 500, 400, 300, 200, 100, 0]),
    ("trailing", [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]),
    ("linspace", [999, 888, 777, 666, 555, 444, 333, 222, 111, 0])])
def test_ten_of_a_thousand(spacing, expected):
    assert spaced_timesteps(1000, 10, spacing).tolist() == expected


@pytest.mark.parametrize("spacing, expected", [
    ("leading", [18, 15, 12, 9, 6, 3, 0]), ("trailing", [22, 19, 15, 12, 9, 6, 2]),
    ("linspace", [22, 18, 15, 11, 7, 4, 0])])
def test_seven_of_twenty_three(spacing, expected):
    assert spaced_timesteps(23, 7, spacing).tolist() == expected


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("num_timesteps", [1, 7, 50, 1000])
def test_every_step_count_gives_distinct_descending_timesteps(spacing, num_timesteps):
    for steps in range(1, num_timesteps + 1):
        timesteps = spaced_timesteps(num_timesteps, steps, spacing)
        assert timesteps.shape == (steps,) and timesteps.dtype == torch.int64
        assert (timesteps.diff() < 0).all() and timesteps[-1] >= 0 and timesteps[0] < num_timesteps
        assert spacing != "trailing" or timesteps[0] == num_timesteps - 1
        assert spacing == "trailing" or timesteps[-1] == 0
        gaps = -timesteps.diff()
        assert steps < 2 or gaps.max() - gaps.min() <= (0 if spacing == "leading" else 2)
    assert timesteps.tolist() == list(range(num_timesteps))[::-1]


@pytest.mark.parametrize("steps, spacing", [
    (0, "leading"), (51, "trailing"), (-3, "linspace"), (5, "karras")])
def test_impossible_requests_are_refused(steps, spacing):
    with pytest.raises(RequestError, match="expected"):
        spaced_timesteps(50, steps, spacing)


def test_the_walk_goes_through_all_timesteps_to_minus_one():
    seen, schedule = [], NoiseSchedule.cosine(20)
    x, timesteps = torch.zeros(3, 1, 2, 2), torch.tensor([19, 7, 2])
    for t, t_prev, last in transitions(schedule, timesteps, x):
        assert t.shape == t_prev.shape == (3,) and t.dtype == t_prev.dtype == torch.int64
        seen.append((t.unique().tolist(), t_prev.unique().tolist(), last))
    assert seen == [([19], [7], False), ([7], [2], False), ([2], [-1], True)]


@pytest.mark.parametrize("timesteps", [[], [3, 3], [2, 5], [20, 1], [5, -1]])
def test_a_walk_that_does_not_descend_is_refused(timesteps):
    with pytest.raises(ValueError, match="fall strictly within 19"):
        list(transitions(NoiseSchedule.cosine(20), torch.tensor(timesteps), torch.zeros(1, 1, 1, 1)))


def test_noise_of_an_image_depends_on_its_generator_alone():
    def draw(*seeds):
        return draw_noise([torch.Generator().manual_seed(s) for s in seeds], torch.zeros(len(seeds), 2, 3, 5))

    together = draw(11, 12, 13)
    assert torch.equal(together, torch.cat([draw(11), draw(12), draw(13)]))
    assert torch.equal(together.flip(0), draw(13, 12, 11))
    large = draw_noise([torch.Generator().manual_seed(0)], torch.zeros(1, 1, 200, 200, dtype=torch.float64))
    assert large.dtype == torch.float64 and abs(large.mean()) < 0.02 and abs(large.std() - 1) < 0.02


@pytest.mark.parametrize("generators", [None, [], [torch.Generator()]])
def test_noise_needs_one_generator_per_image(generators):
    with pytest.raises(ValueError, match="expected 2 generators, one per image"):
        draw_noise(generators, torch.zeros(2, 1, 4, 4))
