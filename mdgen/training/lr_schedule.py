"""The learning rate as a pure function of the optimiser step."""

import math


def learning_rate(step: int, *, peak: float, warmup_steps: int, total_steps: int, schedule: str = "cosine",
                  final_fraction: float = 0.0) -> float:
    """Learning rate of the update that follows `step` finished optimiser updates.

    Counted in optimiser updates: neither in micro-batches nor in epochs. Updates 0 to warmup_steps - 1 rise
    linearly and the last of them runs at `peak`. After that "constant" stays there and "cosine" (Loshchilov &
    Hutter 2017, eq. 5, one cycle) falls to peak * final_fraction at total_steps, and remains there.
    """
    if step < 0:
        raise ValueError(f"step is {step}; expected 0 or more")
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    if schedule == "constant":
        return peak
    if schedule != "cosine":
        raise ValueError(f"schedule is {schedule!r}; expected 'cosine' or 'constant'")
    progress = min((step - warmup_steps) / max(total_steps - warmup_steps, 1), 1.0)
    return peak * (final_fraction + (1 - final_fraction) * 0.5 * (1 + math.cos(math.pi * progress)))
