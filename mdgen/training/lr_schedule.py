"""The learning rate as a pure function of the optimiser step."""

import math


def learning_rate(step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    """Learning rate of the update that follows `step` finished optimiser updates.

    Counted in optimiser updates: neither in micro-batches nor in epochs. Updates 0 to warmup_steps - 1 rise
    linearly and the last of them runs at `peak`. After that it falls along a cosine (Loshchilov & Hutter 2017,
    eq. 5, one cycle) to 0 at total_steps, and remains there.
    """
    if step < 0:
        raise ValueError(f"step is {step}; expected 0 or more")
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = min((step - warmup_steps) / max(total_steps - warmup_steps, 1), 1.0)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))
