"""The Siamese judge learns from the training part alone, by any of its losses, and measures what was planted."""

import json

import numpy as np
import pytest
import torch

from mdgen.config import Config, DataConfig, EvaluationConfig
from mdgen.data.splits import Split
from mdgen.errors import RequestError
from mdgen.training.log import read_log
from mdgen.validation.judges.siamese import LOSSES, SPREAD, embed, siamese_key, spread_places, train_siamese
from mdgen.validation.metrics.verification import verification

CPU = torch.device("cpu")
SETTINGS = {"siamese_steps": 40}


def split_of(folders):
    return Split.of(folders, DataConfig(validation_fraction=0.25))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("judges")


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_teaches_who_is_who(loss, folder, stripes):
    """Held-out walkers are verified, and two users whose generated images were exchanged are found out."""
    split, generated = split_of(stripes()), stripes(seed=1, rows=(6, 22, 14))
    network, key = train_siamese(split, EvaluationConfig(siamese_loss=loss, **SETTINGS), folder, seed=0, device=CPU)
    gallery = embed(network, split.folders, split.train, CPU)
    found = {name: verification(*gallery, *embed(network, tree, rows, CPU)) for name, tree, rows in (
        ("held_out", split.folders, split.validation), ("generated", generated, torch.arange(len(generated))))}
    assert found["held_out"]["eer"] < 0.02 and found["held_out"]["rank1"] == 1
    assert found["generated"]["rank1_per_user"] == [1, 0, 0]
    margins = found["generated"]["prototype_margin_per_user"]
    assert margins[0] > 0.1 > -0.1 > max(margins[1:])
    assert read_log(folder / key / "log.jsonl")[-1]["validation_eer"] == found["held_out"]["eer"]
    json.dumps(found, allow_nan=False)


def test_the_second_call_loads_and_a_fresh_folder_trains_the_same_judge(tmp_path, stripes):
    split, config = split_of(stripes()), EvaluationConfig(**SETTINGS)
    random_state = torch.get_rng_state()
    network, key = train_siamese(split, config, tmp_path / "a", seed=0, device=CPU)
    state = tmp_path / "a" / key / "siamese" / "state.pt"
    before = state.stat().st_mtime_ns
    again, _ = train_siamese(split, config, tmp_path / "a", seed=0, device=CPU)
    fresh, _ = train_siamese(split, config, tmp_path / "b", seed=0, device=CPU)
    assert state.stat().st_mtime_ns == before and not again.training
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]) and torch.equal(value, fresh.state_dict()[name])


def test_the_key_follows_what_the_judge_learns_from_and_nothing_else(stripes):
    split, config = split_of(stripes()), EvaluationConfig()
    key, other = siamese_key(split, config, seed=0), stripes()
    other.images[split.validation] = 0
    assert siamese_key(split_of(other), config, seed=0) == key
    assert siamese_key(split, EvaluationConfig(classifier_steps=1), seed=0) == key
    other.images[split.train[0], 0, 0, 0] += 1
    changed = [siamese_key(split_of(other), config, seed=0), siamese_key(split, config, seed=1),
               *(siamese_key(split, EvaluationConfig(**{name: value}), seed=0) for name, value in
                 {"siamese_steps": 41, "siamese_loss": "triplet"}.items())]
    assert len({key, *changed}) == len(changed) + 1


def test_embeddings_are_the_network_s_own_in_order(folder, stripes):
    folders = stripes()
    network, _ = train_siamese(split_of(folders), EvaluationConfig(**SETTINGS), folder, seed=0, device=CPU)
    embeddings, users = embed(network, folders, torch.tensor([40, 3, 17]), CPU)
    with torch.no_grad():
        np.testing.assert_allclose(embeddings, network.embed(folders.floats([40, 3, 17])), atol=1e-6)
    assert users.tolist() == [2, 0, 1] and embeddings.dtype == np.float64


@pytest.mark.parametrize("count, chosen", [(90, 4), (16, 4), (17, 4), (90, 8)])
def test_images_of_a_batch_do_not_overlap_and_all_are_used(count, chosen):
    generator, seen = torch.Generator().manual_seed(0), set()
    for _ in range(300):
        places = spread_places(count, chosen, generator).sort().values
        assert len(places) == chosen and places.diff().min() >= SPREAD
        seen |= set(places.tolist())
    assert seen == set(range(count))


def test_few_images_are_repeated_rather_than_missed():
    generator = torch.Generator().manual_seed(0)
    assert sorted(spread_places(2, 4, generator).tolist()) == [0, 0, 1, 1]
    assert len(spread_places(5, 4, generator).unique()) == 4


@pytest.mark.parametrize("setting, value", [("siamese_loss", "cosine"), ("siamese_steps", 0)])
def test_senseless_settings_are_refused(setting, value):
    with pytest.raises(RequestError, match=f"evaluation.{setting} is "):
        Config(evaluation=EvaluationConfig(**{setting: value}))
