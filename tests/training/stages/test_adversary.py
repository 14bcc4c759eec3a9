from dataclasses import replace

import pytest
import torch
from torch import nn

from mdgen.config import TrainingConfig
from mdgen.runs.checkpoint import RunState
from mdgen.training.loop import Task, train
from mdgen.training.stages.adversary import Adversary
from mdgen.training.stages.image_loss import ImageLoss

CPU = torch.device("cpu")
TRAINING = TrainingConfig(steps=20, batch_size=4, learning_rate=1e-3, warmup_steps=0, precision="off", preview_every=0)


class BlurTask(Task):
    """A convolution that shall reproduce noise images, with an adversary beside it."""

    name, num_samples = "toy", 16

    def __init__(self, weight=0.5):
        torch.manual_seed(0)
        self.images, self.network = torch.randn(16, 1, 16, 16).clamp(-1, 1), nn.Conv2d(1, 1, 3, padding=1)
        adversary = Adversary(weight, 1, TRAINING.steps, CPU)
        self.image_loss = ImageLoss(adversary=adversary)
        self.opponents = self.image_loss.opponents

    def loss(self, indices, generator):
        images = self.images[indices]
        return self.image_loss(self.network(images), images, self.network.weight, self.step)

    def validate(self, network):
        return {}


@pytest.mark.usefixtures("constant_rate")
def test_a_game_that_was_stopped_goes_on_bitwise(tmp_path):
    train(BlurTask(), replace(TRAINING, steps=5), tmp_path / "parts", seed=0, device=CPU)
    parts = train(BlurTask(), TRAINING, tmp_path / "parts", seed=0, device=CPU)
    whole = train(BlurTask(), TRAINING, tmp_path / "whole", seed=0, device=CPU)
    assert torch.equal(parts.weight, whole.weight)
    states = [RunState(tmp_path / name / "toy" / "state.pt").load()["opponents"][0]["network"]
              for name in ("parts", "whole")]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.usefixtures("constant_rate")
def test_the_adversary_learns_first_and_pulls_later(tmp_path):
    """Of 20 steps alone until 2, full at 4: until step 2 nothing but the reconstruction moves the decoder."""
    def weights(weight, steps):
        training = replace(TRAINING, steps=steps)
        return train(BlurTask(weight), training, tmp_path / f"{weight}-{steps}", seed=0, device=CPU).weight

    assert torch.equal(weights(0.5, 3), weights(5.0, 3))       # at step 2 the ramp is still 0
    assert not torch.equal(weights(0.5, 4), weights(5.0, 4))
    fresh, state = BlurTask().opponents[0].network.state_dict(), RunState(tmp_path / "0.5-3" / "toy" / "state.pt")
    learnt = state.load()["opponents"][0]["network"]
    assert not torch.equal(fresh["head.weight"], learnt["head.weight"])


def test_it_learns_to_tell_smooth_images_from_speckled_ones():
    torch.manual_seed(0)
    adversary = Adversary(0.5, 1, 100, CPU)
    optimizer = torch.optim.Adam(adversary.network.parameters(), 3e-3)
    for _ in range(40):
        images = torch.randn(8, 1, 16, 16).clamp(-1, 1)
        smooth = nn.functional.avg_pool2d(images, 3, stride=1, padding=1)
        adversary.pull(images, smooth, None, None, step=0)
        loss, right = adversary.loss(None, None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3 and right["real"] > 0.9 and right["decoded"] > 0.9


def test_perceptual_distance_joins_the_loss_with_its_weight():
    images = torch.rand(2, 1, 16, 16)
    loss, metrics = ImageLoss(lambda x, y: (x - y).abs().amax(dim=(1, 2, 3)), 0.5)(
        images + 0.1, images, None, 0)
    assert metrics["perceptual"].item() == pytest.approx(0.1, rel=1e-3)
    assert loss.item() == pytest.approx(0.1**2 + 0.5 * 0.1, rel=1e-3)
