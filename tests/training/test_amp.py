import math

import pytest
import torch
from torch import nn

from mdgen.errors import RunError
from mdgen.training.amp import INITIAL_SCALE, MixedPrecision, preferred_mode

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()


def linear(device="cpu", value=1.0):
    model = nn.Linear(4, 1, bias=False).to(device)
    nn.init.constant_(model.weight, value)
    return model, torch.optim.SGD(model.parameters(), lr=1.0)


def update(precision, model, optimizer, x, max_norm=None, weight=1.0):
    optimizer.zero_grad()
    with precision.autocast():
        loss = model(x).float().sum()
    precision.backward(weight * loss)
    return precision.step(optimizer, model.parameters(), max_norm)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mode, name", [("bf16", "bfloat16"), ("fp16", "float16"), ("off", "float32")])
def test_autocast_computes_in_the_mode_and_weights_stay_float32(mode, name, device):
    precision = MixedPrecision(mode, device)
    model, optimizer = linear(device)
    with precision.autocast():
        assert model(torch.ones(2, 4, device=device)).dtype == getattr(torch, name)
    update(precision, model, optimizer, torch.ones(2, 4, device=device))
    assert model.weight.dtype == model.weight.grad.dtype == torch.float32
    assert precision.enabled == (mode != "off")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mode", ["bf16", "fp16", "off"])
def test_norm_and_clipped_update_are_those_of_the_unscaled_gradient(mode, device):
    precision = MixedPrecision(mode, device)
    model, optimizer = linear(device)
    x = torch.tensor([[3.0, 0.0, 4.0, 0.0]], device=device)
    norm, stepped = update(precision, model, optimizer, x, max_norm=0.1, weight=0.1)  # the gradient is x / 10
    assert stepped and norm == pytest.approx(0.5, rel=4e-3)  # bfloat16 keeps 8 bits
    expected = torch.tensor([[0.94, 1.0, 0.92, 1.0]])
    torch.testing.assert_close(model.weight.detach().cpu(), expected, rtol=0, atol=4e-4)


def test_no_limit_leaves_the_gradient_as_it_is():
    precision = MixedPrecision("off")
    for max_norm in (None, 0):
        model, optimizer = linear()
        norm, _ = update(precision, model, optimizer, torch.full((1, 4), 10.0), max_norm)
        assert norm == pytest.approx(20.0) and torch.equal(model.weight, torch.full((1, 4), -9.0))


def test_accumulated_micro_batches_sum_their_gradients():
    precision = MixedPrecision("fp16")
    model, optimizer = linear()
    for _ in range(4):
        with precision.autocast():
            loss = model(torch.ones(1, 4)).float().sum() / 400
        precision.backward(loss)
    norm, stepped = precision.step(optimizer, model.parameters())
    assert stepped and norm == pytest.approx(0.02, rel=1e-3)


def test_small_gradients_survive_float16_only_through_the_scale():
    """2**-27 is below the least float16, 2**-24; the matrix product of the backward pass runs in float16."""
    found = {}
    for scale in (1.0, INITIAL_SCALE):
        precision = MixedPrecision("fp16")
        precision.scale = scale
        model, optimizer = linear()
        update(precision, model, optimizer, torch.full((1, 4), 2.0**-14), weight=2.0**-13)
        found[scale] = model.weight.grad
    assert found[1.0].abs().max() == 0
    assert torch.equal(found[INITIAL_SCALE], torch.full((1, 4), 2.0**-27))


def test_fp16_overflow_skips_the_update_and_halves_the_scale_then_recovers():
    precision = MixedPrecision("fp16")
    model, optimizer = linear()
    skipped = 0
    while True:
        norm, stepped = update(precision, model, optimizer, torch.full((1, 4), 64.0))
        if stepped:
            break
        skipped += 1
        assert math.isinf(norm) and torch.equal(model.weight, torch.ones(1, 4))
    assert skipped == 7  # 64 * 2**(16 - 7) = 32768 is the first product within float16's range
    assert precision.scale == INITIAL_SCALE / 2**7
    torch.testing.assert_close(model.weight, torch.full((1, 4), -63.0))


def test_the_scale_doubles_after_a_long_run_of_good_updates(monkeypatch):
    monkeypatch.setattr("mdgen.training.amp.GROWTH_INTERVAL", 3)
    precision = MixedPrecision("fp16")
    model, optimizer = linear()
    scales = []
    for _ in range(7):
        update(precision, model, optimizer, torch.ones(1, 4), weight=1e-3)
        scales.append(precision.scale / INITIAL_SCALE)
    assert scales == [1, 1, 2, 2, 2, 4, 4]


def test_fp16_that_never_becomes_finite_ends_with_an_error_instead_of_skipping_forever():
    precision = MixedPrecision("fp16")
    model, optimizer = linear()
    with pytest.raises(RunError, match="nan .*precision fp16"):
        for _ in range(100):
            update(precision, model, optimizer, torch.full((1, 4), math.nan))
    assert precision.updates == 17


@pytest.mark.parametrize("mode", ["bf16", "off"])
def test_a_loss_that_is_not_finite_stops_the_run_before_the_weights_change(mode):
    precision = MixedPrecision(mode)
    model, optimizer = linear()
    update(precision, model, optimizer, torch.zeros(1, 4))
    with pytest.raises(RunError, match="loss became nan at update 2 .*lower the learning rate"):
        update(precision, model, optimizer, torch.full((1, 4), math.nan))
    assert torch.equal(model.weight, torch.ones(1, 4))


def test_a_finite_loss_with_an_infinite_gradient_is_found():
    precision = MixedPrecision("off")
    weight = torch.zeros(1, requires_grad=True)
    precision.backward(weight.sqrt().sum())
    with pytest.raises(RunError, match="gradient norm became inf at update 1"):
        precision.step(torch.optim.SGD([weight], lr=1.0), [weight])


def test_an_infinite_loss_with_a_finite_gradient_is_found_under_fp16_too():
    precision = MixedPrecision("fp16")
    weight = torch.zeros(1, requires_grad=True)
    precision.backward(weight.sum() + math.inf)
    with pytest.raises(RunError, match="loss became inf"):
        precision.step(torch.optim.SGD([weight], lr=1.0), [weight])


def test_saving_and_loading_keeps_scale_and_counts_within_a_mode():
    precision = MixedPrecision("fp16")
    precision.scale, precision.good_updates, precision.updates = 1024.0, 17, 90
    same, other = MixedPrecision("fp16"), MixedPrecision("bf16")
    same.load_state_dict(precision.state_dict())
    other.load_state_dict(precision.state_dict())
    assert (same.scale, same.good_updates, same.updates) == (1024.0, 17, 90)
    assert (other.scale, other.updates) == (1.0, 90)


@pytest.mark.parametrize("major, mode", [(6, "fp16"), (7, "fp16"), (8, "bf16"), (9, "bf16")])
def test_auto_on_cuda_follows_the_compute_capability(monkeypatch, major, mode):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (major, 5))
    assert preferred_mode(torch.device("cuda")) == mode


def test_auto_on_the_cpu_asks_the_processor(monkeypatch):
    for answer, mode in ((True, "bf16"), (False, "off")):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda answer=answer: answer, raising=False)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
        assert MixedPrecision("auto").mode == mode   # vectors alone do not pay
    assert preferred_mode(torch.device("mps")) == "off"


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'half'"):
        MixedPrecision("half")
