import dataclasses
import json

import pytest

from mdgen.config import Config, TrainingConfig, override
from mdgen.config.presets import PRESETS
from mdgen.errors import RequestError


def refusal(make):
    with pytest.raises(RequestError) as caught:
        make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def leaves(values, prefix=""):
    for key, value in values.items():
        yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]


@pytest.mark.parametrize("name", PRESETS)
def test_json_and_back(name):
    config = override(PRESETS[name](), ["seed=7", "unet.dropout=0.25", "data.colormap=jet"])
    again = Config.from_json(config.to_json())
    assert again == config and again.to_json() == config.to_json()
    assert (again.seed, again.unet.dropout, again.data.colormap) == (7, 0.25, "jet")
    assert isinstance(again.unet.channels, tuple)


def test_every_setting_can_be_assigned_its_own_value_by_its_full_name():
    config = PRESETS["demo"]()
    assignments = [f"{key}={json.dumps(value)}" for key, value in leaves(dataclasses.asdict(config))]
    assert len(assignments) > 50 and override(config, assignments) == config


def test_an_assignment_changes_its_setting_and_nothing_else():
    before = dict(leaves(dataclasses.asdict(PRESETS["small"]())))
    after = dict(leaves(dataclasses.asdict(override(PRESETS["small"](), ["vae_training.steps=3"]))))
    assert {key for key in after if after[key] != before[key]} == {"vae_training.steps"}


@pytest.mark.parametrize("assignment, key, value", [
    ("unet.channels=[16,32,64]", "channels", (16, 32, 64)), ("unet.dropout=0", "dropout", 0.0),
    ("unet.attention=[true,false,true]", "attention", (True, False, True)),
])
def test_values_take_the_settings_type(assignment, key, value):
    extra = ["unet.attention=[false,false,true]"] if key == "channels" else ["unet.channels=[16,32,64]"]
    found = getattr(override(Config(), [assignment, *extra] if key != "dropout" else [assignment]).unet, key)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["true", "True"])
def test_both_spellings_of_true(text):
    config = override(Config(), [f"vae_training.gradient_checkpointing={text}"])
    assert config.vae_training.gradient_checkpointing is True


@pytest.mark.parametrize("assignment, parts", [
    ("unet.dropuot=0.1", ["unet.dropuot", "did you mean unet.dropout?"]),
    ("unte.dropout=0.1", ["unte", "did you mean unet?"]),
    ("unet.zzz=1", ["unet.zzz", "channels, blocks, attention"]),
    ("seeed=1", ["seeed", "did you mean seed?"]),
    ("unet.dropout.rate=1", ["unet.dropout is one value (0.1)", "unet.dropout=VALUE"]),
    ("unet.dropout", ["has no '='", "unet.dropout=0.1"]),
    ("=3", ["there is no setting"]),
    ("unet=3", ["unet is 3", "group of settings"]),
    ("seed=1.5", ["seed is 1.5", "expected int"]),
    ("seed=true", ["seed is True", "expected int"]),
    ("unet.blocks=two", ["unet.blocks is 'two'", "expected int"]),
    ("unet.dropout=true", ["unet.dropout is True", "expected float"]),
    ("unet.channels=[16,\"a\"]", ["unet.channels is 'a'", "expected int"]),
    ("data.colormap=null", ["data.colormap is None", "expected str"]),
    ("vae_training.gradient_checkpointing=1", ["gradient_checkpointing is 1", "expected bool"]),
    ("vae_training.learning_rate=NaN", ["learning_rate is nan", "finite"]),
    ("sampling.cfg_scale=Infinity", ["cfg_scale is inf", "finite"]),
])
def test_a_wrong_assignment_is_named_with_what_was_expected(assignment, parts):
    message = refusal(lambda: override(Config(), [assignment]))
    assert all(part in message for part in parts), message


@pytest.mark.parametrize("assignment, part", [
    ("data.channels=rainbow", "expected one of auto, rgb, intensity"),
    ("data.colormap=rainbow", "expected one of auto, jet"),
    ("vae.down_factor=3", "vae.down_factor is 3; expected one of 4, 8"),
    ("diffusion.schedule=cosin", "expected one of linear, scaled_linear, cosine"),
    ("diffusion.prediction=w", "expected one of eps, x0, v"),
    ("diffusion.prediction=eps", "zero_terminal_snr is true, which does not go with prediction eps"),
    ("sampling.sampler=euler", "expected one of ddim, ddpm, dpm"),
    ("sampling.spacing=odd", "expected one of leading, trailing, linspace"),
    ("sampling.steps=1001",
     "sampling.steps is 1001; expected at most diffusion.num_timesteps, which is 1000"),
    ("vae_training.precision=fp8", "expected one of auto, bf16, fp16, off"),
    ("diffusion_training.optimizer=sgd", "expected one of adamw, muon"),
    ("joint_training.optimizer=muon", "setting joint_training.optimizer is gone"),
    ("unet.attention=[true]", "1 entries for 2 levels"),
    ("unet.channels=[]", "unet.channels is []; expected even widths"),
    ("unet.channels=[16,0]", "unet.channels is (16, 0); expected 1 or more"),
    ("unet.channels=[15,32]", "expected even widths"),
    ("vae_training.steps=-5", "vae_training.steps is -5; expected 1 or more"),
    ("diffusion_training.batch_size=0", "diffusion_training.batch_size is 0; expected 1 or more"),
    ("diffusion_training.accumulation=0", "accumulation is 0"),
    ("vae_training.steps=0", "vae_training.steps is 0; expected 1 or more"),
    ("vae_training.save_every=0", "save_every is 0"),
    ("vae_training.preview_every=-1", "preview_every is -1; expected 0 or more"),
    ("vae_training.learning_rate=-0.1", "learning_rate is -0.1; expected 0 or more"),
    ("data.gap=-1", "data.gap is -1"),
    ("sampling.steps=0", "sampling.steps is 0"),
    ("sampling.eta=1.5", "sampling.eta is 1.5; expected 0 to 1"),
    ("unet.dropout=-0.1", "unet.dropout is -0.1"),
    ("diffusion.label_dropout=2", "diffusion.label_dropout is 2.0"),
    ("sampling.cfg_interval=[0.5]", "sampling.cfg_interval is [0.5]; expected two shares"),
    ("sampling.cfg_interval=[0.7,0.1]", "LOW < HIGH"),
    ("sampling.cfg_interval=[0,1.5]", "sampling.cfg_interval is (0.0, 1.5); expected 0 to 1"),
    ("seed=-1", "seed is -1; expected 0 to"),
    ("enroll_training.snapshot_at=0.5", "setting enroll_training.snapshot_at is gone"),
])
def test_settings_that_cannot_work_are_refused_before_any_work(assignment, part):
    message = refusal(lambda: override(Config(), [assignment]))
    assert part in message, message


@pytest.mark.parametrize("settings, divisor", [
    ([], 8), (["vae.down_factor=8"], 16), (["unet.channels=[8,8,8]", "unet.attention=[false,true,true]"], 16),
])
def test_a_size_that_does_not_divide_is_refused_and_the_proposed_one_works(settings, divisor):
    assert override(Config(), [*settings, f"data.height={5 * divisor}", f"data.width={divisor}"])
    for key in ("height", "width"):
        message = refusal(lambda: override(Config(), [*settings, f"data.{key}={5 * divisor + 1}"]))
        assert f"data.{key} is {5 * divisor + 1}; expected a multiple of {divisor}" in message
        proposed = message.rsplit(" ", 1)[1]
        assert getattr(override(Config(), [*settings, f"data.{key}={proposed}"]).data, key) == 5 * divisor
        assert "such as" in refusal(lambda: override(Config(), [*settings, f"data.{key}=0"]))


@pytest.mark.parametrize("text, part", [
    ('{"seed": 1', "not JSON"), ("[1, 2]", "expected a group of settings"),
    ('{"sed": 1}', "did you mean seed?"),
    ('{"unet": {"droput": 0.1}}', "did you mean unet.dropout?"), ('{"unet": 5}', "unet is 5"),
    ('{"seed": "1"}', "seed is '1'"),
])
def test_a_damaged_configuration_file_is_refused(text, part):
    assert part in refusal(lambda: Config.from_json(text))


def test_a_configuration_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainingConfig().steps = 1
