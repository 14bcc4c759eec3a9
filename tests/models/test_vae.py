import numpy as np
import pytest
import torch

from mdgen.models import VAE
from mdgen.training.gradient_checkpointing import checkpointed


def smooth_images(count=24, channels=1, height=16, width=24, seed=0):
    """Images whose neighbouring pixels are alike, so that principal components have something to find."""
    noise = torch.randn(count, channels, height, width, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.avg_pool2d(noise, 5, stride=1, padding=2) + 0.05 * noise + 0.2
    return smooth.clamp(-1, 1)


def numpy_patches(images, factor):
    """[N, C, H, W] -> [patches, factor² C], cut by slicing."""
    n, c, height, width = images.shape
    blocks = [images[:, :, i:i + factor, j:j + factor].reshape(n, -1)
              for i in range(0, height, factor) for j in range(0, width, factor)]
    return np.stack(blocks, axis=1).reshape(-1, c * factor**2)


def pca_error(images, factor, kept):
    """Mean squared error of the best linear code of `kept` numbers per patch, by the singular values."""
    rows = numpy_patches(images.double().numpy(), factor)
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    return float((values[kept:] ** 2).sum() / rows.size)


@pytest.mark.parametrize("channels, factor, latents", [(1, 4, 3), (3, 4, 8), (1, 8, 12)])
def test_patch_basis_reconstructs_as_well_as_principal_components(channels, factor, latents):
    images = smooth_images(channels=channels)
    vae = VAE(channels, latents, factor, width=8, blocks=1)
    vae.fit_patch_basis(images)
    mean, _ = vae.encode(images)
    error = (vae.decode(mean) - images).square().mean().item()
    expected = pca_error(images, factor, latents)
    assert expected > 1e-4 and error == pytest.approx(expected, rel=1e-3, abs=1e-7)


def test_fitted_latents_are_white():
    images = smooth_images()
    vae = VAE(1, 6, 4, width=8, blocks=1)
    vae.fit_patch_basis(images)
    rows = vae.encode(images)[0].movedim(1, -1).flatten(0, -2).detach().double()
    covariance = (rows - rows.mean(dim=0)).T @ rows / len(rows)
    assert rows.mean(dim=0).abs().max() < 1e-4
    assert torch.allclose(covariance, torch.eye(6, dtype=torch.float64), atol=1e-3)


@pytest.mark.parametrize("latents", [16, 20])
def test_as_many_latents_as_patch_entries_lose_nothing(latents):
    images = smooth_images()
    vae = VAE(1, latents, 4, width=8, blocks=1)
    vae.fit_patch_basis(images)
    assert torch.allclose(vae.decode(vae.encode(images)[0]), images, atol=1e-4)


def test_a_constant_training_set_gives_finite_weights():
    vae = VAE(1, 4, 4, width=8, blocks=1)
    vae.fit_patch_basis(torch.full((3, 1, 16, 16), -1.0))
    assert all(torch.isfinite(p).all() for p in vae.parameters())
    assert torch.allclose(vae.decode(vae.encode(-torch.ones(1, 1, 16, 16))[0]), -torch.ones(1, 1, 16, 16),
                          atol=1e-4)


def test_forward_draws_from_the_posterior_of_its_generator():
    vae, images = VAE(1, 4, 8, width=8, blocks=1), smooth_images(count=2)

    def draw(seed):
        return vae(images, torch.Generator().manual_seed(seed))

    reconstruction, mean, log_variance = draw(0)
    assert reconstruction.shape == images.shape and mean.shape == log_variance.shape == (2, 4, 2, 3)
    assert torch.equal(reconstruction, draw(0)[0]) and not torch.equal(reconstruction, draw(1)[0])
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(reconstruction, vae.decode(mean + (log_variance / 2).exp() * noise))


@pytest.mark.parametrize("least", [0.1, 0.02])
def test_the_posterior_never_gets_narrower_than_asked(least):
    """The decoder must forgive what a drawn latent is off by, however sure the encoder is."""
    vae, images = VAE(1, 4, 8, width=8, blocks=1, min_deviation=least), smooth_images(count=2)
    for bias, deviation in ((0.0, least), (-3.0, least), (2.0, least * np.e)):
        torch.nn.init.constant_(vae.encoder[-1].bias, bias)
        assert vae.encode(images)[1].exp().sqrt().detach().numpy() == pytest.approx(deviation, rel=0.01)


def test_a_patch_reaches_only_its_neighbourhood_through_the_linear_skeleton():
    images = smooth_images(count=4)
    vae = VAE(1, 5, 4, width=8, blocks=1)
    vae.fit_patch_basis(images)
    changed = images.clone()
    changed[:, :, 4:8, 8:12] += 0.5
    moved = (vae.encode(changed)[0] - vae.encode(images)[0]).abs().amax(dim=(0, 1))
    assert moved[1, 2] > 0.1 and moved.sum() == moved[1, 2]


def test_the_patch_basis_is_the_same_from_batches():
    images, whole, batched = smooth_images(), VAE(1, 5, 4, width=8, blocks=1), VAE(1, 5, 4, width=8, blocks=1)
    whole.fit_patch_basis(images)
    batched.fit_patch_basis(images.split(7))
    assert torch.allclose(whole.analysis.weight.abs(), batched.analysis.weight.abs(), atol=1e-4)
    assert torch.allclose(whole.synthesis(whole.analysis(torch.ones(1, 16, 1, 1))),
                          batched.synthesis(batched.analysis(torch.ones(1, 16, 1, 1))), atol=1e-4)


def test_gradients_are_equal_with_gradient_checkpointing():
    def gradients(run_block, calls):
        torch.manual_seed(0)
        vae = VAE(1, 4, 4, width=8, blocks=2)
        for layers in (vae.encoder, vae.decoder):   # zero outputs would hide the blocks
            torch.nn.init.normal_(layers[-1].weight, std=0.1)
        if run_block:
            vae.run_block = lambda *inputs: calls.append(1) or run_block(*inputs)
        vae(smooth_images(count=2), torch.Generator().manual_seed(1))[0].square().mean().backward()
        return [p.grad for p in vae.parameters()]

    calls = []
    plain, saved = gradients(None, calls), gradients(checkpointed, calls)
    assert len(calls) == 4 and all(torch.equal(a, b) for a, b in zip(plain, saved, strict=True))
