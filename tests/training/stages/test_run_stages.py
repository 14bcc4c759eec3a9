"""What belongs to a run that was begun, and is asked for otherwise."""

import json

import pytest

from mdgen.config import Config, override
from mdgen.config.presets import preset
from mdgen.training.stages.run_stages import with_held_out


@pytest.mark.parametrize("stored, asked, kept", [
    (None, [], "end"), ("block", [], "block"), ("recording", [], "block"),   # which the caller refuses
    (None, ["data.held_out=recording"], "recording"), (None, ["data.held_out_names=day2"], "block")])
def test_a_run_of_an_older_version_keeps_its_held_out_images(tmp_path, stored, asked, kept):
    values = json.loads(Config().to_json())
    values["data"].pop("held_out_names")
    if stored is None:
        values["data"].pop("held_out")   # as older versions wrote it
    else:
        values["data"]["held_out"] = stored
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert with_held_out(override(preset("small"), asked), tmp_path).data.held_out == kept


def test_a_new_run_is_left_as_it_is_asked_for(tmp_path):
    assert with_held_out(preset("small"), tmp_path) == preset("small")
