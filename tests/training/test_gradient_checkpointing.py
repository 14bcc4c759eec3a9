import pytest
import torch
from torch import nn

from mdgen.training.gradient_checkpointing import checkpointed


class Block(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.calls = 0
        self.layers = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Dropout(0.5),
                                    nn.Linear(4 * width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))

    def forward(self, x, shift):
        self.calls += 1
        return x + shift + self.layers(x)


def make_blocks():
    torch.manual_seed(0)
    return nn.ModuleList(Block() for _ in range(3))


def loss_of(blocks, enabled):
    torch.manual_seed(1)  # dropout's masks
    x = torch.linspace(-1, 1, 8 * 32).reshape(8, 32)
    for block in blocks:
        x = checkpointed(block, x, torch.tensor(0.1), enabled=enabled)
    return x.square().mean()


def gradients(blocks, enabled):
    loss = loss_of(blocks, enabled)
    loss.backward()
    return loss.detach(), [p.grad.clone() for p in blocks.parameters()]


def saved_bytes(blocks, enabled):
    """Bytes of distinct tensors kept between the forward and the backward pass, weights aside."""
    own = {p.data_ptr() for p in blocks.parameters()}
    kept = {}

    def pack(tensor):
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = loss_of(blocks, enabled)
    return sum(kept.values()), loss


def test_gradients_with_dropout_are_equal_bitwise():
    plain_loss, plain = gradients(make_blocks(), enabled=False)
    loss, recomputed = gradients(make_blocks(), enabled=True)
    assert torch.equal(plain_loss, loss)
    assert all(torch.equal(a, b) for a, b in zip(plain, recomputed))
    assert all(g.abs().sum() > 0 for g in recomputed)


def test_dropout_really_acts_in_the_comparison():
    blocks = make_blocks()
    dropped = loss_of(blocks, True)
    assert not torch.equal(dropped, loss_of(blocks.eval(), True))


def test_each_block_runs_a_second_time_in_the_backward_pass():
    blocks = make_blocks()
    loss = loss_of(blocks, enabled=True)
    assert [block.calls for block in blocks] == [1, 1, 1]
    loss.backward()
    assert [block.calls for block in blocks] == [2, 2, 2]


def test_activations_are_not_kept():
    plain, _ = saved_bytes(make_blocks(), enabled=False)
    lean, _ = saved_bytes(make_blocks(), enabled=True)
    assert lean < plain / 5


@pytest.mark.parametrize("enabled, grad", [(False, True), (True, False)])
def test_a_plain_call_when_switched_off_or_without_gradients(enabled, grad):
    block = Block()
    x = torch.ones(2, 32)
    with torch.set_grad_enabled(grad):
        out = checkpointed(block, x, torch.tensor(0.0), enabled=enabled)
    if grad:
        out.sum().backward()
    assert block.calls == 1


def test_the_random_stream_after_the_backward_pass_is_that_of_a_plain_run():
    draws = []
    for enabled in (False, True):
        gradients(make_blocks(), enabled)
        draws.append(torch.rand(4))
    assert torch.equal(*draws)
