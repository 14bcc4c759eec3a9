"""What the samplers share: the timesteps to visit, the walk through them, and noise per image."""

import numpy as np
import torch

from mdgen.errors import RequestError

SPACINGS = ("leading", "trailing", "linspace")


def spaced_timesteps(num_timesteps: int, steps: int, spacing: str):
    """`steps` of the timesteps 0 … num_timesteps - 1 (Lin et al. 2024, arXiv 2305.08891, table 2).

    Returns [steps] int64, strictly descending. "trailing" starts at the last timestep, where x_T is;
    "leading" ends at 0 and starts a stride early or more; "linspace" holds both ends. With steps = 1
    "leading" and "linspace" have 0 alone, where almost no noise is removed. Halves round to even.
    RequestError unless 1 <= steps <= num_timesteps and the spacing is one of these.
    """
    if not 1 <= steps <= num_timesteps:
        raise RequestError(f"steps is {steps}; expected 1 to {num_timesteps}, the schedule's timesteps")
    if spacing not in SPACINGS:
        raise RequestError(f"spacing is {spacing!r}; expected one of {', '.join(SPACINGS)}")
    if spacing == "trailing":
        visited = np.arange(num_timesteps, 0, -num_timesteps / steps)[:steps]  # rounding can append a 0
        return torch.from_numpy(visited.round().astype(np.int64) - 1)
    if spacing == "leading":
        return torch.arange(steps).flip(0) * (num_timesteps // steps)
    return torch.from_numpy(np.linspace(0, num_timesteps - 1, steps).round().astype(np.int64)).flip(0)


def transitions(schedule, timesteps, x):
    """The walk over descending `timesteps` and on to -1: yields (t [B], t_prev [B], last) for the batch x.

    Every step ends at the next visited timestep. Implementations whose DDIM subtracts num_timesteps // steps instead
    agree where that is the same: "leading", and "trailing" with steps that divide num_timesteps.
    ValueError unless timesteps is a non-empty, strictly descending subset of the schedule's.
    """
    visited = [*timesteps.tolist(), -1]
    falls = all(now > after for now, after in zip(visited, visited[1:]))
    if len(visited) < 2 or not falls or visited[0] >= schedule.num_timesteps:
        raise ValueError(f"timesteps must fall strictly within {schedule.num_timesteps - 1} … 0; see spaced_timesteps")
    for pair in zip(visited, visited[1:]):
        t, t_prev = (torch.full((len(x),), time, device=x.device) for time in pair)
        yield t, t_prev, pair[1] == -1


def draw_noise(generators, like):
    """Unit normal noise for `like` [B, ...], image i from generators[i] alone, on that generator's device.

    ValueError without generators, or unless there is exactly one per image.
    """
    if generators is None or len(generators) != len(like):
        given = "none" if generators is None else len(generators)
        raise ValueError(f"drawing noise: expected {len(like)} generators, one per image, but got {given}")
    rows = [torch.randn(like.shape[1:], generator=generator, device=generator.device, dtype=like.dtype)
            for generator in generators]
    return torch.stack([row.to(like.device) for row in rows])
