import json

import pytest

from mdgen.errors import RequestError
from mdgen.training.tensorboard import check_tensorboard, write_tensorboard


def test_it_holds_what_the_log_has(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    entries = [{"time": 1.0, "stage": "vae", "step": 10, "loss": 0.5}, {"time": 2.0, "stage": "vae", "step": 20,
               "loss": 0.25, "nothing": None}, {"time": 3.0, "stage": "diffusion", "step": 10, "loss": 2.0}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    for _ in range(2):   # written anew, not twice
        write_tensorboard(tmp_path)
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert sorted(found.Tags()["scalars"]) == ["diffusion/loss", "vae/loss"]
    assert [(event.step, event.value) for event in found.Scalars("vae/loss")] == [(10, 0.5), (20, 0.25)]


def test_without_the_package_the_flag_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(RequestError, match="pip install 'mdgen.tensorboard.'"):
        check_tensorboard()
