import math

import pytest
import torch

from mdgen.training.lr_schedule import learning_rate


def rates(count, **settings):
    return [learning_rate(step, **settings) for step in range(count)]


def test_warmup_is_linear_and_its_last_update_runs_at_the_peak():
    values = rates(10, peak=0.5, warmup_steps=10, total_steps=100)
    assert values == pytest.approx([0.05 * n for n in range(1, 11)])


def test_cosine_falls_through_half_the_peak_to_zero():
    settings = dict(peak=2.0, warmup_steps=100, total_steps=1100)
    assert learning_rate(100, **settings) == pytest.approx(2.0)
    assert learning_rate(600, **settings) == pytest.approx(1.0)
    assert learning_rate(350, **settings) == pytest.approx(1 + math.sqrt(0.5))
    assert learning_rate(1100, **settings) == learning_rate(5000, **settings) == pytest.approx(0.0)


def test_area_under_warmup_and_cosine_is_the_closed_form():
    warmup, total, peak = 50, 450, 3e-3
    values = rates(total, peak=peak, warmup_steps=warmup, total_steps=total)
    # sum of k/W for k = 1..W, and half of the rest plus half a step: the cosine's sum has one endpoint
    assert sum(values) == pytest.approx(peak * ((warmup + 1) / 2 + (total - warmup) / 2 + 0.5), rel=1e-9)


def test_zero_warmup_starts_at_the_peak():
    assert learning_rate(0, peak=0.3, warmup_steps=0, total_steps=5) == pytest.approx(0.3)


def test_a_weight_travels_as_far_as_the_updates_say_not_the_epochs():
    """Stepping the schedule once per epoch of 25 batches would cover a few hundredths of this way."""
    settings = dict(peak=0.1, warmup_steps=20, total_steps=100)
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    done = 0
    for _ in range(4):
        for _ in range(25):
            optimizer.param_groups[0]["lr"] = learning_rate(done, **settings)
            optimizer.zero_grad()
            (-weight).sum().backward()
            optimizer.step()
            done += 1
    assert weight.item() == pytest.approx(0.1 * (21 / 2 + 80 / 2 + 0.5), rel=1e-5)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="step is -1"):
        learning_rate(-1, peak=1, warmup_steps=0, total_steps=1)
