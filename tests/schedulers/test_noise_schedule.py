import math

import pytest
import torch

from mdgen.errors import RequestError
from mdgen.schedulers import PREDICTIONS, NoiseSchedule

MAKERS = {"linear": NoiseSchedule.linear, "scaled_linear": NoiseSchedule.scaled_linear,
          "cosine": NoiseSchedule.cosine}
# alpha-bar at t = 0, 250, 500, 998, 999 in diffusers 0.35.2, an implementation by others
REFERENCE = {
    ("linear", False): [0.999899983, 0.521422982, 0.0777966529, 4.11819419e-05, 4.03583035e-05],
    ("linear", True): [0.999899983, 0.518860519, 0.0752462, 4.21327329e-09, 0],
    ("scaled_linear", False): [0.999149978, 0.673792303, 0.276332468, 0.00471669575, 0.00466009509],
    ("scaled_linear", True): [0.999149978, 0.65245676, 0.241018638, 1.96796336e-07, 0],
    ("cosine", False): [0.999958694, 0.845888019, 0.492285043, 2.42876627e-06, 2.42873499e-09],
    ("cosine", True): [0.999958873, 0.845881224, 0.492265046, 2.27781379e-06, 0],
}
TIMES = torch.tensor([0, 1, 10, 500, 998])
every_schedule = pytest.mark.parametrize("name, zero", list(REFERENCE))


@every_schedule
def test_alpha_bar_agrees_with_an_implementation_by_others(name, zero):
    table = MAKERS[name](zero_terminal_snr=zero).alphas_cumprod
    assert table.shape == (1000,) and table.dtype == torch.float32
    assert table[[0, 250, 500, 998, 999]].tolist() == pytest.approx(REFERENCE[name, zero], rel=2e-6, abs=0)


def test_linear_is_the_product_of_one_minus_evenly_spaced_betas():
    products, product = [], 1.0
    for k in range(40):
        product *= 1 - (0.01 + (0.3 - 0.01) * k / 39)
        products.append(product)
    assert NoiseSchedule.linear(40, 0.01, 0.3).alphas_cumprod.tolist() == pytest.approx(products, rel=2e-6)


def test_cosine_telescopes_to_the_squared_cosine_and_caps_the_last_beta():
    table = NoiseSchedule.cosine(200).alphas_cumprod
    curve = [math.cos((k / 200 + 0.008) / 1.008 * math.pi / 2) ** 2 for k in range(201)]
    expected = [curve[k + 1] / curve[0] for k in range(199)]
    assert table[:199].tolist() == pytest.approx(expected, rel=1e-4)
    assert 1 - (table[199] / table[198]).item() == pytest.approx(0.999, rel=1e-5)


@every_schedule
def test_zero_terminal_snr_ends_at_nothing_and_starts_where_it_did(name, zero):
    plain = MAKERS[name](300).alphas_cumprod.double().sqrt()
    rescaled = MAKERS[name](300, zero_terminal_snr=True).alphas_cumprod.double().sqrt()
    assert rescaled[-1] == 0 and plain[-1] > 0
    assert rescaled[0].item() == pytest.approx(plain[0].item(), abs=1e-6)
    affine = (plain - plain[-1]) * plain[0] / (plain[0] - plain[-1])
    torch.testing.assert_close(rescaled, affine, rtol=0, atol=2e-6)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@every_schedule
def test_every_prediction_gives_back_the_image_and_the_noise(name, zero, prediction, images):
    schedule = MAKERS[name](zero_terminal_snr=zero)
    x0, noise = images(0), images(1)
    x_t = schedule.add_noise(x0, noise, TIMES)
    output = {"eps": noise, "x0": x0, "v": schedule.velocity(x0, noise, TIMES)}[prediction]
    torch.testing.assert_close(schedule.to_x0(output, x_t, TIMES, prediction), x0, rtol=0, atol=1e-8)
    torch.testing.assert_close(schedule.to_eps(output, x_t, TIMES, prediction), noise, rtol=0, atol=1e-8)


def test_noise_and_velocity_are_a_rotation_of_image_and_noise(images):
    schedule, x0, noise = NoiseSchedule.cosine(), images(0), images(1)
    x_t, v = schedule.add_noise(x0, noise, TIMES), schedule.velocity(x0, noise, TIMES)
    a, square = schedule.alpha_bar(TIMES, x0), x0**2 + noise**2
    torch.testing.assert_close(x_t * x0 + v * noise, a.sqrt() * square)
    torch.testing.assert_close(x_t * noise - v * x0, (1 - a).sqrt() * square)


def test_each_image_is_noised_by_its_own_timestep(images):
    schedule, x0, noise = NoiseSchedule.linear(), images(0), images(1)
    together = schedule.add_noise(x0, noise, TIMES)
    for i, t in enumerate(TIMES.tolist()):
        a = schedule.alphas_cumprod[t].double().item()
        torch.testing.assert_close(together[i], math.sqrt(a) * x0[i] + math.sqrt(1 - a) * noise[i])


@pytest.mark.parametrize("prediction", ["x0", "v"])
def test_at_alpha_bar_zero_the_image_is_still_known_from_x0_and_v(prediction, images):
    schedule, x0, noise = NoiseSchedule.cosine(100, zero_terminal_snr=True), images(0), images(1)
    t = torch.full((5,), 99)
    x_t = schedule.add_noise(x0, noise, t)
    assert torch.equal(x_t, noise)
    assert torch.equal(schedule.velocity(x0, noise, t), -x0)
    output = x0 if prediction == "x0" else -x0
    torch.testing.assert_close(schedule.to_x0(output, x_t, t, prediction), x0)
    torch.testing.assert_close(schedule.to_eps(output, x_t, t, prediction), noise)


def test_at_alpha_bar_zero_noise_cannot_tell_the_image(images):
    schedule, x = NoiseSchedule.linear(100, zero_terminal_snr=True), images(0)
    with pytest.raises(ValueError, match="t = 99.*predict 'v' or 'x0'"):
        schedule.to_x0(x, x, torch.tensor([6, 7, 8, 9, 99]), "eps")
    assert schedule.to_x0(x, x, torch.tensor([6, 7, 8, 9, 98]), "eps").isfinite().all()


def test_alpha_bar_is_one_before_the_first_timestep_and_refuses_others(images):
    schedule, x = NoiseSchedule.linear(10), images(0)
    found = schedule.alpha_bar(torch.tensor([-1, 0, 9, -1, 4]), x)
    expected = [1, *schedule.alphas_cumprod[[0, 9]].tolist(), 1, *schedule.alphas_cumprod[[4]].tolist()]
    assert found.shape == (5, 1, 1, 1) and found.flatten().tolist() == expected
    for outside in (-2, 10):
        with pytest.raises((IndexError, RuntimeError)):
            schedule.alpha_bar(torch.tensor([outside]), x[:1])


def test_half_precision_images_keep_the_schedule_in_float32(images):
    schedule = NoiseSchedule.cosine()
    x0, noise, t = images(0).half(), images(1).half(), torch.zeros(5, dtype=torch.int64)
    exact = schedule.add_noise(x0.double(), noise.double(), t)
    torch.testing.assert_close(schedule.add_noise(x0, noise, t).double(), exact, rtol=0, atol=1e-5)


def test_snr_is_the_power_of_image_over_noise():
    schedule = NoiseSchedule.scaled_linear(zero_terminal_snr=True)
    snr = schedule.snr(torch.tensor([-1, 0, 400, 999]))
    a = schedule.alphas_cumprod[400].item()
    assert snr[0] == math.inf and snr[3] == 0
    assert snr[2].item() == pytest.approx(a / (1 - a), rel=1e-5)
    assert (schedule.snr(torch.arange(1000)).diff() < 0).all()


@pytest.mark.parametrize("make", [
    lambda: NoiseSchedule.linear(beta_start=0.0), lambda: NoiseSchedule.scaled_linear(beta_end=1.5),
    lambda: NoiseSchedule.cosine(1, zero_terminal_snr=True)])
def test_impossible_schedules_are_refused(make):
    with pytest.raises(RequestError):
        make()


@pytest.mark.parametrize("table", [[], [0.5, 0.6], [1.0, 0.5], [0.5, -0.1], [0.5, float("nan")]])
def test_a_table_that_does_not_fall_is_refused(table):
    with pytest.raises(ValueError, match="fall strictly"):
        NoiseSchedule(torch.tensor(table))


def test_unknown_predictions_are_refused(images):
    x = images(0)
    for convert in (NoiseSchedule.linear().to_x0, NoiseSchedule.linear().to_eps):
        with pytest.raises(ValueError, match="'epsilon'; expected one of eps, x0, v"):
            convert(x, x, TIMES, "epsilon")
