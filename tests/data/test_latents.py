import pytest
import torch

from mdgen.data.latents import LatentCache, LatentStatistics, encode_latents
from mdgen.errors import RequestError
from mdgen.models import VAE
from mdgen.runs.checkpoint import RunState, fingerprint

NAMES = ["ID_1", "ID_2"]


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    vae = VAE(1, 4, 4, width=8, blocks=1).eval()
    with torch.no_grad():
        for parameter in vae.parameters():
            if not parameter.any():
                parameter.normal_(std=0.3)
    return vae


@pytest.fixture(scope="module")
def images():
    return torch.rand(30, 1, 16, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(scope="module")
def cache(vae, images):
    return encode_latents(vae, lambda indices: images[indices], torch.arange(30) // 15, NAMES, "h" * 16,
                          batch_size=7)


def test_the_whole_sets_drawn_latents_have_mean_0_and_deviation_1_per_channel(cache):
    mean = cache.means.mean(dim=(0, 2, 3))
    total = cache.means.var(dim=(0, 2, 3), unbiased=False) + cache.deviations.square().mean(dim=(0, 2, 3))
    assert torch.allclose(mean, torch.zeros(4), atol=1e-5) and torch.allclose(total, torch.ones(4), atol=1e-4)
    drawn = torch.cat([cache.draw(torch.arange(30), torch.Generator().manual_seed(k)) for k in range(20)])
    assert torch.allclose(drawn.std(dim=(0, 2, 3)), torch.ones(4), atol=0.03)


def test_restored_means_are_the_vaes_own_in_the_images_order(cache, vae, images):
    mean, log_variance = vae.encode(images)
    assert torch.allclose(cache.statistics.restore(cache.means), mean, atol=1e-5)
    assert torch.allclose(cache.deviations * cache.statistics.deviation, (log_variance / 2).exp(), atol=1e-5)
    assert torch.allclose(cache.statistics.normalise(cache.statistics.restore(cache.means)), cache.means,
                          atol=1e-5)


def test_draws_come_from_the_posterior_of_the_asked_image(cache):
    indices = torch.tensor([3, 29, 3])
    draws = torch.stack([cache.draw(indices, torch.Generator().manual_seed(k)) for k in range(400)])
    scaled = (draws - cache.means[indices]) / cache.deviations[indices]
    assert torch.equal(draws[0], cache.draw(indices, torch.Generator().manual_seed(0)))
    assert abs(float(scaled.mean())) < 0.01 and float(scaled.std()) == pytest.approx(1, abs=0.01)
    assert not torch.equal(draws[0, 0], draws[0, 2])              # the same image twice gets two draws


def test_a_channel_without_variance_stays_finite():
    statistics = LatentStatistics.of(torch.ones(3, 2, 2, 2), torch.zeros(3, 2, 2, 2))
    assert torch.isfinite(statistics.normalise(torch.ones(1, 2, 2, 2))).all()


def test_file_and_back(cache, tmp_path):
    file = RunState(tmp_path / "latents.pt")
    file.save(cache.to_state())
    again = LatentCache.from_state(file.load(), "h" * 16, NAMES)
    for a, b in ((cache.means, again.means), (cache.deviations, again.deviations), (cache.users, again.users),
                 (cache.statistics.mean, again.statistics.mean),
                 (cache.statistics.deviation, again.statistics.deviation)):
        assert torch.equal(a, b)


@pytest.mark.parametrize("vae_hash, names, part", [
    ("0" * 16, NAMES, "made by VAE hhhhhhhhhhhhhhhh, but this run's VAE is 0000000000000000; delete"),
    ("h" * 16, ["ID_2", "ID_1"], "belong to users ID_1, ID_2, but this run has ID_2, ID_1; delete"),
    ("h" * 16, [*NAMES, "ID_3"], "but this run has ID_1, ID_2, ID_3; delete"),
])
def test_another_vae_or_user_list_is_refused(cache, vae_hash, names, part):
    with pytest.raises(RequestError) as caught:
        LatentCache.from_state(cache.to_state(), vae_hash, names)
    assert part in str(caught.value) and "\n" not in str(caught.value)


def test_the_hash_follows_any_weight(vae):
    state = {key: value.clone() for key, value in vae.state_dict().items()}
    before = fingerprint(state)
    state["decoder.0.bias"][3] += 1e-6
    assert fingerprint(state) != before == fingerprint(vae.state_dict())
