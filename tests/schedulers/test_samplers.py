"""What holds for every sampler alike."""

from functools import partial

import pytest
import torch

from mdgen.schedulers import SPACINGS, NoiseSchedule, sample_ddim, sample_ddpm, sample_dpmpp_2m, spaced_timesteps

SAMPLERS = {"ddpm": sample_ddpm, "ddim": sample_ddim, "ddim_half": partial(sample_ddim, eta=0.5),
            "ddim_one": partial(sample_ddim, eta=1.0), "dpm": sample_dpmpp_2m}
every_sampler = pytest.mark.parametrize("name", SAMPLERS)


class Mixture:
    """Two correlated Gaussians in the plane of two channels; each pixel [2] is one independent sample."""

    weights = torch.tensor([0.3, 0.7], dtype=torch.float64)
    means = torch.tensor([[-1.0, 0.6], [0.8, -0.4]], dtype=torch.float64)
    covariances = torch.tensor(
        [[[0.10, 0.04], [0.04, 0.05]], [[0.06, -0.05], [-0.05, 0.20]]], dtype=torch.float64)

    def moments(self):
        mean = self.weights @ self.means
        spread = self.means - mean
        outer = spread[:, :, None] * spread[:, None, :]
        return mean, (self.weights[:, None, None] * (self.covariances + outer)).sum(0)

    def denoiser(self, schedule):
        """The exact E[x0 | x_t]: responsibilities times each component's linear regression."""
        def denoise(x, t, user):
            a = schedule.alphas_cumprod[t[0]].double()
            points = x.movedim(1, -1)  # [B, H, W, 2]
            log_weights, centres = [], []
            for weight, mean, covariance in zip(self.weights, self.means, self.covariances):
                noisy = a * covariance + (1 - a) * torch.eye(2, dtype=torch.float64)
                gap = points - a.sqrt() * mean
                whitened = gap @ noisy.inverse()
                log_weights.append(weight.log() - noisy.logdet() / 2 - (whitened * gap).sum(-1) / 2)
                centres.append(mean + a.sqrt() * whitened @ covariance)
            share = torch.stack(log_weights).softmax(0)[..., None]
            return (share * torch.stack(centres)).sum(0).movedim(-1, 1)
        return denoise


def seeded(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def bend(x, t, user):
    """Depends on image, timestep and user; only operations that round alike whatever the batch."""
    return x / (1 + x * x) - (t + 10 * user)[:, None, None, None] / 100


@every_sampler
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("schedule", [
    NoiseSchedule.cosine(24, zero_terminal_snr=True), NoiseSchedule.linear(24)])
def test_every_step_count_visits_its_timesteps_and_ends_at_the_estimate(name, spacing, schedule, images):
    x_T, truth, user = images(0, batch=2).float(), images(1, batch=2).float(), torch.tensor([3, 8])
    for steps in range(1, 25):
        timesteps, visited = spaced_timesteps(24, steps, spacing), []

        def watched(x, t, given, denoiser):
            assert torch.equal(given, user) and x.isfinite().all()
            visited.append(t.tolist())
            return denoiser(x, t, given)

        def run(denoiser):
            return SAMPLERS[name](partial(watched, denoiser=denoiser), schedule, x_T, timesteps, user,
                                  generators=seeded(1, 2))

        assert torch.equal(run(lambda x, t, user: truth), truth)
        assert visited == [[t, t] for t in timesteps.tolist()]
        ends = []
        x0 = run(lambda x, t, user: ends.append(bend(x, t, user)) or ends[-1])
        assert torch.equal(x0, ends[-1])


@every_sampler
def test_an_image_depends_on_its_own_seed_and_start_alone(name, images):
    schedule, timesteps = NoiseSchedule.cosine(50), spaced_timesteps(50, 12, "trailing")
    x_T, user, seeds = images(0).float(), torch.tensor([0, 1, 2, 1, 0]), [5, 6, 7, 8, 9]

    def draw(rows):
        generators = seeded(*(seeds[row] for row in rows))
        return SAMPLERS[name](bend, schedule, x_T[rows], timesteps, user[rows], generators=generators)

    together = draw([0, 1, 2, 3, 4])
    assert torch.equal(together[[3]], draw([3]))
    assert torch.equal(together[[4, 0, 2]], draw([4, 0, 2]))
    other = SAMPLERS[name](bend, schedule, x_T, timesteps, user, generators=seeded(15, 6, 7, 8, 9))
    assert torch.equal(other[1:], together[1:])
    assert torch.equal(other[0], together[0]) == (name in ("ddim", "dpm"))


@every_sampler
def test_the_inputs_stay_as_they_were_and_no_graph_is_kept(name, images):
    x_T, weight = images(0).float(), torch.ones(1, requires_grad=True)
    before = x_T.clone()
    x0 = SAMPLERS[name](lambda x, t, user: weight * bend(x, t, user), NoiseSchedule.linear(50), x_T,
                        spaced_timesteps(50, 4, "leading"), torch.zeros(5).long(),
                        generators=seeded(0, 1, 2, 3, 4))
    assert torch.equal(x_T, before) and not x0.requires_grad


@pytest.mark.parametrize("name, steps", [("ddpm", 250), ("ddim", 100), ("ddim_half", 100), ("dpm", 40)])
@pytest.mark.parametrize("zero", [False, True])
def test_a_mixture_of_gaussians_is_recovered(name, steps, zero):
    mixture = Mixture()
    schedule = NoiseSchedule.cosine(zero_terminal_snr=zero)
    x_T = torch.randn(1, 2, 100, 100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x0 = SAMPLERS[name](mixture.denoiser(schedule), schedule, x_T, spaced_timesteps(1000, steps, "trailing"),
                        torch.zeros(1).long(), generators=seeded(1))
    points = x0[0].flatten(1)  # [2, 10000]
    mean, covariance = mixture.moments()
    torch.testing.assert_close(points.mean(1), mean, rtol=0, atol=0.03)
    torch.testing.assert_close(points.cov(), covariance, rtol=0, atol=0.03)
    distance = (points.T[:, None] - mixture.means).norm(dim=-1)
    left = distance.argmin(1) == 0
    assert left.double().mean().item() == pytest.approx(0.3, abs=0.02)
    torch.testing.assert_close(points[:, left].cov(), mixture.covariances[0], rtol=0, atol=0.015)
    torch.testing.assert_close(points[:, ~left].cov(), mixture.covariances[1], rtol=0, atol=0.015)


# 2M takes its theory's order when steps are even in log SNR; a fine table lets them be so at any count
FINE = NoiseSchedule.linear(60_000, 1.6e-6, 3.3e-4)


def even_in_log_snr(steps):
    log_snr = FINE.alphas_cumprod.double().logit()
    targets = torch.linspace(-6, 6, steps, dtype=torch.float64)
    return len(log_snr) - 1 - torch.searchsorted(log_snr.flip(0), targets)


def orders(sampler, denoiser, x_T, exact):
    """log2 of the error's fall at each doubling of the steps."""
    errors = torch.stack([
        (sampler(denoiser, FINE, x_T, even_in_log_snr(steps), torch.zeros(1).long()) - exact).abs().mean()
        for steps in (21, 41, 81, 161)])
    return (errors[:-1] / errors[1:]).log2().tolist()


@pytest.mark.parametrize("name, order", [("ddim", 1), ("dpm", 2)])
def test_the_error_on_a_gaussian_falls_with_the_power_of_the_step(name, order):
    """Data N(0, s^2): the sampling ODE keeps x_t / std_t, so the denoiser's answer at a known x is exact."""
    a, scale = FINE.alphas_cumprod.double(), 1.5

    def denoiser(x, t, user):
        return a[t[0]].sqrt() * scale**2 / (a[t[0]] * scale**2 + 1 - a[t[0]]) * x

    first, *_, last = even_in_log_snr(21)
    deviation = (a * scale**2 + 1 - a).sqrt()
    x_T = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    exact = denoiser(x_T * deviation[last] / deviation[first], last[None], None)
    assert orders(SAMPLERS[name], denoiser, x_T, exact) == pytest.approx([order] * 3, abs=0.1)


@pytest.mark.parametrize("name, order", [("ddim", 1), ("dpm", 2)])
def test_the_error_on_a_mixture_falls_with_the_power_of_the_step(name, order):
    """No closed form here: the truth is DDIM, the simpler sampler, extrapolated from many steps."""
    denoiser = Mixture().denoiser(FINE)
    x_T = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    coarse, fine = (sample_ddim(denoiser, FINE, x_T, even_in_log_snr(steps), torch.zeros(1).long())
                    for steps in (1001, 2001))
    assert orders(SAMPLERS[name], denoiser, x_T, 2 * fine - coarse) == pytest.approx([order] * 3, abs=0.25)
