"""Exponential moving average of a model's weights: the copy that images are generated with."""

import copy

import torch


class EMA:
    """Running mean of the weights, theta_avg <- d theta_avg + (1 - d) theta, in float32.

    With warm-up, d = min(decay, (1 + n) / (10 + n)) after n updates, so that a short run does not sample from
    its random start. Parameters are averaged; buffers are copied. `average` is a deep copy of the model in
    eval mode whose parameters take no gradient; use it like the model itself.
    """

    def __init__(self, model, decay: float = 0.999, warmup: bool = True):
        if not 0 <= decay <= 1:
            raise ValueError(f"decay is {decay}; expected 0 to 1")
        self.model, self.decay, self.warmup, self.updates = model, decay, warmup, 0
        self.average = copy.deepcopy(model).float().eval().requires_grad_(False)

    def current_decay(self) -> float:
        """The decay that the next update uses."""
        return min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.warmup else self.decay

    @torch.no_grad()
    def update(self) -> None:
        """Take the model's present weights into the average; call once after each optimiser step."""
        weights = [p.float() for p in self.model.parameters()]
        torch._foreach_lerp_(list(self.average.parameters()), weights, 1 - self.current_decay())
        for mean, value in zip(self.average.buffers(), self.model.buffers()):
            mean.copy_(value)
        self.updates += 1

    @torch.no_grad()
    def copy_to(self, model) -> None:
        """Overwrite the weights and buffers of a model of the same architecture with the average."""
        model.load_state_dict(self.average.state_dict())

    def state_dict(self) -> dict:
        return {"average": self.average.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict) -> None:
        self.average.load_state_dict(state["average"])
        self.updates = state["updates"]
