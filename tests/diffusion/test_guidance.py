import pytest
import torch

from mdgen.diffusion.guidance import classifier_free

NULL = 3


class Known:
    """x0_hat = x_t · t + a number per user and channel; counts its calls and batch sizes."""

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
