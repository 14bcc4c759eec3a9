import pytest
import torch

from mdgen.config import SamplingConfig
from mdgen.diffusion.guidance import (
    Guides,
    NoisyClassifier,
    autoguidance,
    both_guidances,
    classifier_free,
    classifier_guidance,
    guided_by,
    within,
)
from mdgen.models import LatentClassifier
from mdgen.schedulers import NoiseSchedule

NULL = 3


class Known:
    """x0_hat = x_t · t + a number per user and channel; counts its calls and batch sizes."""

    num_users = NULL
    table = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [0.5, -4.0]])   # the last is the null user's

    def __init__(self):
        self.sizes = []

    def __call__(self, x_t, t, user):
        self.sizes.append(len(x_t))
        return x_t * t[:, None, None, None] + self.table[user][:, :, None, None]


@pytest.mark.parametrize("scale", [0.0, 1.0, 1.5, 4.0, -1.0])
def test_guidance_is_the_closed_form_on_all_channels(scale):
    x, t, user = torch.randn(3, 2, 2, 4), torch.tensor([2, 3, 4]), torch.tensor([2, 0, 1])
    conditional = x * t[:, None, None, None] + Known.table[user][:, :, None, None]
    unconditional = x * t[:, None, None, None] + Known.table[NULL][None, :, None, None]
    expected = (1 - scale) * unconditional + scale * conditional
    assert torch.allclose(classifier_free(Known(), NULL, scale)(x, t, user), expected, atol=1e-4)


def test_scale_one_costs_one_pass_and_any_other_two():
    x, t, user = torch.randn(3, 2, 2, 4), torch.ones(3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)
    for scale, evaluated in ((1.0, 3), (1.5, 6)):
        denoiser = Known()
        classifier_free(denoiser, NULL, scale)(x, t, user)
        assert sum(denoiser.sizes) == evaluated


def test_the_null_user_is_unmoved_by_guidance():
    x, t, user = torch.randn(1, 2, 2, 4), torch.tensor([5]), torch.tensor([NULL])
    assert torch.allclose(classifier_free(Known(), NULL, 7.0)(x, t, user), Known()(x, t, user), atol=1e-5)


SCHEDULE = NoiseSchedule.cosine(1000, zero_terminal_snr=True)
SHARES = torch.tensor([0.5, 0.3, 0.2])
MEANS = torch.tensor([[-1.0, 0.6], [0.8, -0.4], [0.2, 1.5]])
VARIANCES = torch.tensor([0.2, 0.5, 0.1])


class Users:
    """Three users, each an isotropic Gaussian over two channels of one pixel; everything about it is closed form."""

    schedule, num_users = SCHEDULE, NULL

    def each(self, x_t, t):
        """alpha-bar [B, 1], x [B, 2], gaps to the noised means [B, K, 2], noised variances [B, K]."""
        a, x = SCHEDULE.alpha_bar(t, x_t)[:, :, 0, 0], x_t[:, :, 0, 0]
        return a, x[:, None] - a[..., None].sqrt() * MEANS, a * VARIANCES + 1 - a

    def classifier(self, x_t, t):
        """Exact log p(user | x_t) + constant (x_t)."""
        _, gap, variance = self.each(x_t, t)
        return SHARES.log() - variance.log() - gap.square().sum(-1) / (2 * variance)

    def __call__(self, x_t, t, user):
        """E[x0 | x_t, user], for the null user E[x0 | x_t]."""
        a, gap, variance = self.each(x_t, t)
        answers = MEANS + (a.sqrt() * VARIANCES / variance)[..., None] * gap              # [B, K, 2]
        share = self.classifier(x_t, t).softmax(dim=1)[..., None]
        answers = torch.cat([answers, (share * answers).sum(dim=1, keepdim=True)], dim=1)
        return answers[torch.arange(len(user)), user][:, :, None, None]

    def unconditional(self, x_t, t, user):
        return self(x_t, t, torch.full_like(user, NULL))


def noised(level, count=6):
    x = torch.randn(count, 2, 1, 1, generator=torch.Generator().manual_seed(level), dtype=torch.float64)
    return x, torch.full((count,), level), torch.arange(count) % NULL


@pytest.mark.parametrize("level", [10, 400, 900, 998])
def test_the_exact_classifier_turns_the_unconditional_denoiser_into_the_conditional_one(level):
    users, now = Users(), noised(level)
    guided = classifier_guidance(users.unconditional, users.classifier, SCHEDULE, 1.0)
    assert torch.allclose(guided(*now), users(*now), atol=1e-5)
    assert not torch.allclose(users.unconditional(*now), users(*now), atol=1e-2)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_classifiers_scale_is_classifier_free_guidance_at_one_more(scale):
    users, now = Users(), noised(600)
    found = classifier_guidance(users, users.classifier, SCHEDULE, scale)(*now)
    assert torch.allclose(found, classifier_free(users, NULL, 1 + scale)(*now), atol=1e-5)


def test_where_nothing_is_known_a_classifier_shifts_nothing():
    users, (x, t, user) = Users(), noised(999)
    guided = classifier_guidance(users, lambda x, t: x.flatten(1)[:, [0, 1, 0]] * 1e6, SCHEDULE, 5.0)
    assert torch.equal(guided(x, t, user), users(x, t, user))


def test_the_network_classifier_shifts_by_finite_amounts_at_every_level_under_inference_mode():
    torch.manual_seed(0)
    network = LatentClassifier(2, NULL, width=8, embedding_dim=16).eval()
    shifts = []
    with torch.inference_mode():
        classifier = NoisyClassifier(network, SCHEDULE)
        guided = classifier_guidance(lambda x, t, user: torch.zeros_like(x), classifier, SCHEDULE, 1.0)
        for level in (0, 500, 990, 998, 999):
            shifts.append(guided(torch.randn(4, 2, 4, 6), torch.full((4,), level), torch.arange(4) % NULL).abs().max())
    assert all(0 < shift < 10 for shift in shifts[:-1]) and shifts[-1] == 0, shifts
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("scale", [0.0, 1.0, 1.5, 3.0])
def test_autoguidance_is_the_closed_form_and_one_is_the_strong_model_at_its_price(scale):
    strong, weak = Known(), Known()
    weak.table = Known.table * 0.5 + 1
    x, t, user = torch.randn(3, 2, 2, 4), torch.tensor([2, 3, 4]), torch.tensor([2, 0, 1])
    found = autoguidance(strong, weak, scale)(x, t, user)
    assert sum(strong.sizes) == 3 and sum(weak.sizes) == (0 if scale == 1 else 3)
    worse = x * t[:, None, None, None] + weak.table[user][:, :, None, None]
    expected = scale * Known()(x, t, user) + (1 - scale) * worse
    assert torch.allclose(found, expected, atol=1e-4)


def test_both_guidances_at_cfg_scale_one_leave_the_null_user_out():
    strong, weak, x = Known(), Known(), torch.randn(3, 2, 2, 4)
    both_guidances(strong, weak, 1.0, 1.5, lambda t: True)(x, torch.tensor([2, 3, 4]), torch.tensor([2, 0, 1]))
    assert sum(strong.sizes) == sum(weak.sizes) == 3


@pytest.mark.parametrize("inside", [True, False])
def test_both_guidances_add_their_pushes_and_enrolled_users_get_the_first(inside):
    strong, weak = Known(), Known()
    strong.table = torch.cat([Known.table, torch.tensor([[7.0, -7.0]])])       # behind the null user: enrolled
    weak.table = Known.table * 0.5 + 1
    x, t, user = torch.randn(4, 2, 2, 4), torch.tensor([2, 3, 4, 1]), torch.tensor([2, 0, 1, NULL + 1])
    found = both_guidances(strong, weak, 3.0, 1.25, lambda t: inside)(x, t, user)
    assert sum(strong.sizes) == (8 if inside else 4) and sum(weak.sizes) == 4
    own, null = strong.table[user], strong.table[NULL]
    pushed = own + 2.0 * (own - null) * inside
    pushed[:3] += 0.25 * (own - weak.table[user.clamp(max=NULL)])[:3]
    assert torch.allclose(found, x * t[:, None, None, None] + pushed[:, :, None, None], atol=1e-4)


def test_whichever_scale_is_not_neutral_acts():
    users, weak, now = Users(), Users().unconditional, noised(500)
    guides = Guides(weak, users.classifier)

    def found(**sampling):
        return guided_by(SamplingConfig(**{"cfg_scale": 1.0, **sampling}), users, guides)(*now)

    assert torch.equal(found(), users(*now))
    assert torch.equal(found(cfg_scale=2.5), classifier_free(users, NULL, 2.5)(*now))
    assert torch.equal(found(autoguidance_scale=2.5), autoguidance(users, weak, 2.5)(*now))
    along = classifier_guidance(users, users.classifier, SCHEDULE, 2.0)(*now)
    assert torch.equal(found(classifier_scale=2.0), along)
    pushes = [found(**one) - users(*now) for one in ({"cfg_scale": 2.5}, {"autoguidance_scale": 1.5},
                                                     {"classifier_scale": 2.0})]
    together = found(cfg_scale=2.5, autoguidance_scale=1.5, classifier_scale=2.0)
    assert torch.allclose(together, users(*now) + sum(pushes), atol=1e-5)
    outside = found(cfg_scale=2.5, autoguidance_scale=2.5, cfg_interval=(0.6, 1.0))
    assert torch.allclose(outside, found(autoguidance_scale=2.5), atol=1e-6)


def test_autoguidance_alone_leaves_enrolled_users_as_they_are():
    strong, weak, x = Known(), Known(), torch.randn(2, 2, 2, 4)
    strong.schedule = SCHEDULE
    strong.table, weak.table = torch.cat([Known.table, torch.tensor([[7.0, -7.0]])]), Known.table * 0.5
    now = x, torch.tensor([2, 3]), torch.tensor([NULL + 1, 0])
    found = guided_by(SamplingConfig(cfg_scale=1.0, autoguidance_scale=2.0), strong, Guides(weak))(*now)
    plain = Known()
    plain.table = strong.table
    assert torch.equal(found[0], plain(*now)[0]) and (found[1] - plain(*now)[1]).abs().max() > 0.1


def test_outside_the_interval_the_plain_denoiser_answers_alone():
    for level, guides in ((999, False), (701, False), (700, True), (400, True), (100, True), (99, False), (0, False)):
        denoiser, now = Known(), (torch.randn(2, 2, 2, 4), torch.full((2,), level), torch.tensor([0, 2]))
        guided = classifier_free(denoiser, NULL, 2.0)
        found = within(guided, denoiser, SCHEDULE, (0.1, 0.7))(*now)
        assert sum(denoiser.sizes) == (4 if guides else 2), level
        assert torch.equal(found, (guided if guides else denoiser)(*now)), level
        assert guides == (not torch.equal(found, denoiser(*now)))


def test_the_full_interval_always_guides():
    for level in (0, 999):
        denoiser = Known()
        within(classifier_free(denoiser, NULL, 2.0), denoiser, SCHEDULE, (0.0, 1.0))(
            torch.randn(1, 2, 2, 4), torch.tensor([level]), torch.tensor([0]))
        assert denoiser.sizes == [2]


@pytest.mark.parametrize("scale", ["autoguidance_scale", "classifier_scale"])
def test_guidance_without_its_network_is_an_error(scale):
    with pytest.raises(ValueError, match="expected the network that it needs"):
        guided_by(SamplingConfig(**{scale: 2.0}), Users())
