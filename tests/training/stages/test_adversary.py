from dataclasses import replace

import pytest
import torch
from torch import nn

from mdgen.config import AdversaryConfig, TrainingConfig
from mdgen.training.stages.adversary import Adversary
from mdgen.training.stages.image_loss import ImageLoss
from mdgen.training.loop import train
from mdgen.runs.checkpoint import RunState

CPU = torch.device("cpu")
CONFIG = AdversaryConfig(weight=0.5, width=4, depth=2, start=0.25, ramp=0.25)
TRAINING = TrainingConfig(steps=8, batch_size=4, learning_rate=1e-3, warmup_steps=0, precision="off", preview_every=0)


class BlurTask:
    """A convolution that shall reproduce noise images, with an adversary beside it."""

    name, num_samples = "toy", 16

    def __init__(self, weight=0.5):
        torch.manual_seed(0)
        self.images, self.network = torch.randn(16, 1, 16, 16).clamp(-1, 1), nn.Conv2d(1, 1, 3, padding=1)
        adversary = Adversary(replace(CONFIG, weight=weight), 1, TRAINING.steps, CPU)
        self.image_loss, self.step = ImageLoss("mse", None, 0.0, adversary), 0
        self.opponents = self.image_loss.opponents

    def loss(self, indices, generator):
        images = self.images[indices]
        return self.image_loss(self.network(images), images, self.network.weight, self.step)

    def validate(self, network):
        return {}

    def preview(self, network, path):
        pass


def test_a_game_that_was_stopped_goes_on_bitwise(tmp_path):
    task = BlurTask()
    whole = train(task, TRAINING, tmp_path / "whole", seed=0, device=CPU)
    train(BlurTask(), replace(TRAINING, steps=5, schedule="constant"), tmp_path / "parts", seed=0, device=CPU)
    constant = train(BlurTask(), replace(TRAINING, schedule="constant"), tmp_path / "parts", seed=0, device=CPU)
    again = train(BlurTask(), replace(TRAINING, schedule="constant"), tmp_path / "again", seed=0, device=CPU)
    assert torch.equal(constant.weight, again.weight) and not torch.equal(constant.weight, whole.weight)
    states = [RunState(tmp_path / name / "toy" / "state.pt").load()["opponents"][0]["network"]
              for name in ("parts", "again")]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_the_adversary_learns_first_and_pulls_later(tmp_path):
    """start 2, alone until 4, full at 6: until step 4 nothing but the reconstruction moves the decoder."""
    def weights(weight, steps):
        training = replace(TRAINING, steps=steps, schedule="constant")
        return train(BlurTask(weight), training, tmp_path / f"{weight}-{steps}", seed=0, device=CPU).weight

    assert torch.equal(weights(0.5, 5), weights(5.0, 5))       # at step 4 the ramp is still 0
    assert not torch.equal(weights(0.5, 6), weights(5.0, 6))
    fresh, state = BlurTask().opponents[0].network.state_dict(), RunState(tmp_path / "0.5-5" / "toy" / "state.pt")
    learnt = state.load()["opponents"][0]["network"]
    assert not torch.equal(fresh["head.weight"], learnt["head.weight"])


def test_it_learns_to_tell_smooth_images_from_speckled_ones():
    torch.manual_seed(0)
    adversary = Adversary(replace(CONFIG, width=8), 1, 100, CPU)
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
    loss, metrics = ImageLoss("l1", lambda x, y: (x - y).abs().amax(dim=(1, 2, 3)), 0.5, None)(
        images + 0.1, images, None, 0)
    assert metrics["perceptual"].item() == pytest.approx(0.1, rel=1e-3)
    assert loss.item() == pytest.approx(0.1 + 0.5 * 0.1, rel=1e-3)
