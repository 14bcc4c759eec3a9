import pytest
import torch

from mdgen.models import UNet, UNetWithExtraUsers
from mdgen.training.gradient_checkpointing import checkpointed

NUM_USERS = 3


def make_unet(awake=True, **options):
    torch.manual_seed(0)
    unet = UNet(4, NUM_USERS,
                **{"channels": (16, 32), "blocks": 1, "attention": (False, True), "embedding_dim": 32,
                                 **options})
    if awake:   # layers that start at zero hide what is behind them
        with torch.no_grad():
            for parameter in unet.parameters():
                if not parameter.any():
                    parameter.normal_(std=0.1)
    return unet


def batch(count=2, height=8, width=12, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 4, height, width, generator=generator)
    return x, torch.arange(count) * 100 + 7, torch.arange(count) % NUM_USERS


@pytest.mark.parametrize("channels, attention", [((16,), (True,)), ((16, 32), (False, False)),
                                                 ((8, 20, 36), (False, True, True))])
def test_output_is_zero_at_the_start_and_has_the_inputs_shape(channels, attention):
    unet = make_unet(awake=False, channels=channels, attention=attention)
    x, t, user = batch(height=8, width=12)
    output = unet(x, t, user)
    assert output.shape == x.shape and not output.any()


def test_user_time_and_place_all_reach_the_output():
    unet = make_unet().eval()
    x, t, user = batch()
    plain = unet(x, t, user)
    assert not torch.allclose(plain, unet(x, t, (user + 1) % NUM_USERS), atol=1e-4)
    assert not torch.allclose(plain, unet(x, t + 100, user), atol=1e-4)
    moved = unet(x.roll(4, dims=2), t, user).roll(-4, dims=2)     # a row is a velocity, not just any place
    assert not torch.allclose(plain, moved, atol=1e-4)


def test_equal_embeddings_make_users_equal_and_the_null_user_is_one_more():
    unet = make_unet().eval()
    x, t, user = batch()
    with torch.no_grad():
        unet.user_embedding.weight[1] = unet.user_embedding.weight[0]
    assert torch.allclose(unet(x, t, torch.zeros_like(user)), unet(x, t, torch.ones_like(user)))
    null = torch.full_like(user, NUM_USERS)
    assert not torch.allclose(unet(x, t, null), unet(x, t, user), atol=1e-4)
    with pytest.raises(IndexError):
        unet(x, t, null + 1)


def test_samples_of_a_batch_do_not_see_each_other():
    unet = make_unet().eval()
    x, t, user = batch(count=3)
    together = unet(x, t, user)
    for b in range(3):
        assert torch.allclose(together[b:b + 1], unet(x[b:b + 1], t[b:b + 1], user[b:b + 1]), atol=1e-5)


def test_gradients_are_equal_with_gradient_checkpointing():
    def gradients(run_block):
        unet = make_unet(dropout=0.3)
        if run_block:
            unet.run_block = run_block
        torch.manual_seed(5)                                       # dropout
        unet(*batch()).square().mean().backward()
        return [p.grad for p in unet.parameters()]

    plain, saved = gradients(None), gradients(checkpointed)
    assert all(torch.equal(a, b) for a, b in zip(plain, saved, strict=True))
    assert min(float(g.abs().max()) for g in plain[:4]) > 0


def test_checkpointing_keeps_fewer_activations():
    def kept(run_block):
        unet, sizes = make_unet(blocks=2), {}
        if run_block:
            unet.run_block = run_block
        own = {p.data_ptr() for p in unet.parameters()}

        def pack(tensor):
            if tensor.data_ptr() not in own:
                sizes[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = unet(*batch()).sum()
        assert loss.requires_grad
        return sum(sizes.values())

    assert kept(checkpointed) < 0.5 * kept(None)


def test_every_parameter_learns():
    unet = make_unet()
    x, t, _ = batch(count=4)
    unet(x, t, torch.arange(4)).square().mean().backward()         # all users and the null user
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in unet.parameters())


def test_attention_must_name_every_level():
    with pytest.raises(ValueError, match="1 entries for 2 levels"):
        make_unet(attention=(True,))


def test_more_users_stand_behind_the_null_user_and_change_nobody():
    unet = make_unet().eval().requires_grad_(False)
    x, t, user = batch(count=4)
    user = torch.tensor([0, 1, 2, NUM_USERS])                          # all that there were
    rows = torch.zeros(2, 1 + unet.num_stages, 32)
    rows[0, 0], rows[1] = unet.user_embedding.weight[1], 0.5
    rows.requires_grad_(True)
    more = UNetWithExtraUsers(unet, rows)
    assert more.num_users == NUM_USERS and torch.equal(more(x, t, user), unet(x, t, user))
    assert torch.equal(more(x, t, torch.full_like(user, NUM_USERS + 1)), unet(x, t, torch.ones_like(user)))
    more(x, t, torch.full_like(user, NUM_USERS + 2)).square().mean().backward()
    assert rows.grad[1].abs().amax(dim=1).min() > 0 and not rows.grad[0].any()        # every stage has its own
    assert unet.user_embedding.weight.shape[0] == NUM_USERS + 1 and unet.user_embedding.weight.grad is None
