"""Trade time for memory: forget a block's activations and compute them again in the backward pass."""

import torch
from torch.utils.checkpoint import checkpoint


def checkpointed(function, *args, enabled: bool = True):
    """Return function(*args), keeping only its inputs until the backward pass (Chen et al. 2016, sec. 3).

    function: a module or callable whose randomness comes from torch's default generators; their state is
    restored for the second pass, so dropout repeats its mask and gradients equal those of a plain call. Plain
    call when `enabled` is false or no gradient is recorded. Non-reentrant, so that it works under
    DistributedDataParallel and lets gradients reach weights even when no input needs one.
    """
    if not (enabled and torch.is_grad_enabled()):
        return function(*args)
    return checkpoint(function, *args, use_reentrant=False, preserve_rng_state=True)


def checkpoint_blocks(network) -> None:
    """Let every network in here that has a `run_block` run its blocks by `checkpointed`."""
    for module in network.modules():
        if hasattr(module, "run_block"):
            module.run_block = checkpointed
