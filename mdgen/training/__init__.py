"""Training: one loop, and the utilities that it is made of.

The stages (`mdgen.training.stages.vae`, `mdgen.training.stages.diffusion`) bring their loss to the loop; nothing in the packages
radar, data, models, losses, schedulers and diffusion imports from here.
"""

from mdgen.training.amp import MixedPrecision
from mdgen.training.ema import EMA
from mdgen.training.gradient_checkpointing import checkpointed
from mdgen.runs.checkpoint import RunState

__all__ = ["EMA", "MixedPrecision", "RunState", "checkpointed"]
