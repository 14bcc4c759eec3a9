"""Several processes under torchrun; with a single process everything here does nothing."""

import os
import sys

from mdgen.errors import RequestError


def active() -> bool:
    """Whether a group was joined. Who has joined one has imported torch, which is slow and not needed to say no."""
    return "torch.distributed" in sys.modules and dist().is_available() and dist().is_initialized()


def dist():
    import torch.distributed
    return torch.distributed


def rank() -> int:
    return dist().get_rank() if active() else 0


def world_size() -> int:
    return dist().get_world_size() if active() else 1


def is_main() -> bool:
    """True in the one process that writes files and talks to the user."""
    return rank() == 0


def init_from_environment(device_type: str | None = None):
    """Join the group that torchrun's variables describe, and return this process's torch.device.

    device_type: "cuda", "cpu", or None for CUDA where there is one. Exchange by NCCL on CUDA, else by gloo.
    Turns TF32 off for the whole process.
    """
    import torch

    if device_type not in (None, "cpu", "cuda"):
        raise RequestError(f"device is {device_type}; expected cpu or cuda")
    device_type = device_type or ("cuda" if torch.cuda.is_available() else "cpu")
    if device_type == "cuda" and not torch.cuda.is_available():
        raise RequestError("--device is cuda, but torch finds no usable GPU; leave the flag out, or see "
                           "evaluate.py environment")
    # float32 is to mean float32: images and figures shall not depend on batch size or device by more than that
    torch.backends.cudnn.allow_tf32 = False
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return torch.device(device_type)
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if device_type == "cuda":
        if local_rank >= torch.cuda.device_count():
            raise RequestError(f"process {local_rank} has no GPU: {torch.cuda.device_count()} are visible; "
                               f"start torchrun with --nproc-per-node {torch.cuda.device_count()}")
        torch.cuda.set_device(local_rank)
    if not active():
        dist().init_process_group("nccl" if device_type == "cuda" else "gloo")
    return torch.device(device_type, local_rank) if device_type == "cuda" else torch.device(device_type)


def barrier() -> None:
    """Wait until every process is here."""
    if active():
        dist().barrier()


def any_process(flag: bool) -> bool:
    """True in every process if it is true in one; all must call it at the same place."""
    if not active():
        return flag
    import torch

    device = "cuda" if dist().get_backend() == "nccl" else "cpu"
    votes = torch.tensor(float(flag), device=device)
    dist().all_reduce(votes)
    return bool(votes > 0)


def average_gradients(parameters) -> None:
    """Replace every gradient by its mean over the processes; a missing one counts as zero."""
    if not active():
        return
    import torch

    parameters = [p for p in parameters if p.requires_grad]
    for p in parameters:
        p.grad = torch.zeros_like(p) if p.grad is None else p.grad
    flat = torch.cat([p.grad.reshape(-1) for p in parameters])  # one exchange instead of one per tensor
    dist().all_reduce(flat)
    flat /= world_size()
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters])):
        p.grad.copy_(part.view_as(p))


def shut_down() -> None:
    if active():
        dist().destroy_process_group()
