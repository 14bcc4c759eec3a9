"""Training: one loop, and the utilities that it is made of.

Every stage in `mdgen.training.stages` brings its loss to the loop.
"""

from mdgen.runs.checkpoint import RunState
from mdgen.training.amp import MixedPrecision
from mdgen.training.ema import EMA
from mdgen.training.gradient_checkpointing import checkpointed

__all__ = ["EMA", "MixedPrecision", "RunState", "checkpointed"]
