"""What turns gradients into steps: AdamW, and Muon for the hidden convolutions of a network.

Muon takes, in the place of a weight's averaged gradient, the nearest matrix whose singular values are all 1: all
directions of a layer learn at one speed, also those with small gradients. Jordan et al. 2024, "Muon: an optimizer for
hidden layers"; with the scale of Liu et al. 2025 (arXiv 2502.16982, eq. 4) it takes AdamW's learning rate and decay.
"""

import torch
from torch import nn

from mdgen.config import TrainingConfig

MOMENTUM = 0.95
# a, b, c of the polynomial a s + b s^3 + c s^5 that, iterated, brings singular values s in (0, 1] near 1, not to it
QUINTIC, ITERATIONS = (3.4445, -4.7750, 2.0315), 5
UPDATE_SIZE = 0.2   # root mean square of an update before the learning rate, about AdamW's


def make_optimizer(network, config: TrainingConfig):
    """AdamW, decaying matrices and convolution kernels only; with "muon" the hidden ones of these go by Muon."""
    hidden = hidden_convolutions(network) if config.optimizer == "muon" else []
    hidden_ids = {id(p) for p in hidden}
    decayed = [p for p in network.parameters() if p.ndim > 1 and id(p) not in hidden_ids]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    options = {"lr": config.learning_rate, "betas": (0.9, 0.99)}
    if not hidden:
        return torch.optim.AdamW(groups, **options)
    return Muon([*groups, {"params": hidden, "weight_decay": config.weight_decay, "muon": True}], **options)


def hidden_convolutions(network) -> list:
    """Kernels of a UNet's convolutions but its `outer_convolutions`, which do not go from features to features.

    Linear layers are left to AdamW: they carry time and user, whose coordinates each have a meaning.
    """
    outer = {id(convolution) for convolution in network.outer_convolutions}
    return [module.weight for module in network.modules() if isinstance(module, nn.Conv2d) and id(module) not in outer]


class Muon(torch.optim.AdamW):
    """Muon for the parameter groups with "muon": True, AdamW for all others."""

    @torch.no_grad()
    def step(self) -> None:
        """One step with the gradients at hand; those of Muon's weights are used up by it."""
        for group in self.param_groups:
            for weight in group["params"] if group.get("muon") else ():
                if weight.grad is not None:
                    self._step_hidden(weight, group["lr"], group["weight_decay"])
                    weight.grad = None   # AdamW passes over it
        super().step()

    def _step_hidden(self, weight, rate: float, decay: float) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
            state["step"] = torch.zeros(())   # AdamW wants one in every state that it loads
        momentum = state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
        ahead = torch.lerp(weight.grad, momentum, MOMENTUM).flatten(1)   # Nesterov's: [out, in · k · k]
        update = orthogonalised(ahead) * UPDATE_SIZE * max(ahead.shape) ** 0.5
        weight.mul_(1 - rate * decay).sub_(update.view_as(weight), alpha=rate)


def orthogonalised(matrix):
    """About U V^T of the [m, n] matrix U S V^T, by Newton-Schulz: singular values between 0.6 and 1.3, not S.

    Those below 1/700 of the Frobenius norm come out smaller; zeros stay zeros. 20 m n k + 10 k^3 operations in float32,
    k = min(m, n).
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide.float() / (wide.norm() + 1e-12)
    a, b, c = QUINTIC
    for _ in range(ITERATIONS):
        gram = x @ x.T                                                         # [k, k]
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T
