import copy

import pytest
import torch
from torch import nn

from mdgen.training.ema import EMA


def small_model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))


def set_weights(model, value):
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(value)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_constant_decay_gives_the_geometric_sum():
    model = nn.Linear(3, 3)
    set_weights(model, 0.0)
    ema = EMA(model, decay=0.9, warmup=False)
    values = [1.0, -2.0, 5.0, 0.5]
    for value in values:
        set_weights(model, value)
        ema.update()
    expected = sum(0.1 * 0.9 ** (len(values) - 1 - i) * v for i, v in enumerate(values))
    torch.testing.assert_close(weights(ema.average), torch.full((12,), expected))


def test_warmup_follows_its_decays_until_the_ceiling():
    model = nn.Linear(1, 1)
    set_weights(model, 1.0)
    ema = EMA(model, decay=0.4)
    set_weights(model, 0.0)
    decays = [1 / 10, 2 / 11, 3 / 12, 4 / 13, 5 / 14, 6 / 15, 0.4, 0.4]
    remaining = 1.0
    for decay in decays:  # the random start fades as the product of the decays
        assert ema.current_decay() == pytest.approx(decay)
        ema.update()
        remaining *= decay
        assert weights(ema.average).tolist() == pytest.approx([remaining] * 2, rel=1e-5)


def test_the_average_is_a_frozen_eval_copy_and_the_model_is_untouched():
    model = small_model().train()
    before = weights(model).clone()
    ema = EMA(model, decay=0.5, warmup=False)
    set_weights(ema.average, 7.0)
    ema.update()
    assert torch.equal(weights(model), before) and model.training
    assert not any(m.training for m in ema.average.modules())
    assert not any(p.requires_grad for p in ema.average.parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_buffers_are_copied_not_averaged():
    model = small_model().train()
    ema = EMA(model, decay=0.99)
    for seed in range(3):
        model(torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(seed)) + 3)
    ema.update()
    assert torch.equal(ema.average[1].running_mean, model[1].running_mean)
    assert ema.average[1].num_batches_tracked.item() == 3


def test_bfloat16_weights_are_averaged_in_float32():
    model = nn.Linear(1, 1).to(torch.bfloat16)
    set_weights(model, 1.0)
    ema = EMA(model, decay=0.999, warmup=False)
    set_weights(model, 2.0)
    for _ in range(100):
        ema.update()  # in bfloat16, 1 + 0.001 rounds back to 1 and the average would never move
    assert weights(ema.average).tolist() == pytest.approx([2 - 0.999**100] * 2, rel=1e-4)


def test_saving_and_loading_goes_on_bitwise():
    def run(ema, model, steps):
        for step in steps:
            set_weights(model, float(torch.sin(torch.tensor(1.0 + step))))
            ema.update()

    model, other = small_model(), small_model(seed=1)
    ema = EMA(model, decay=0.95)
    run(ema, model, range(5))
    resumed = EMA(other, decay=0.95)
    resumed.load_state_dict(copy.deepcopy(ema.state_dict()))
    run(ema, model, range(5, 12))
    run(resumed, other, range(5, 12))
    assert torch.equal(weights(ema.average), weights(resumed.average)) and resumed.updates == 12


def test_copy_to_overwrites_weights_and_buffers():
    ema, target = EMA(small_model(), decay=0.9), small_model(seed=3)
    target[1].running_var.fill_(9.0)
    ema.copy_to(target)
    x = torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(target.eval()(x), ema.average(x))


def test_a_decay_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="decay is 1.5"):
        EMA(nn.Linear(1, 1), decay=1.5)
