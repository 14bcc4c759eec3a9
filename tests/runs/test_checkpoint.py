import errno
import os

import numpy as np
import pytest
import torch
from torch import nn

from mdgen.errors import RequestError, RunError
from mdgen.runs.checkpoint import Checkpoint, RunState, fingerprint


def training(seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.3), nn.Linear(8, 1))
    return model, torch.optim.AdamW(model.parameters(), lr=0.05)


def train(model, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        optimizer.step()


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def saved(tmp_path, value):
    state = RunState(tmp_path / "vae" / "state.pt")
    state.save({"weights": torch.full((1000,), float(value)), "step": value, "config": '{"seed": 0}'})
    return state


def assert_old_state_intact(state, value):
    loaded = state.load()
    assert loaded["step"] == value and torch.equal(loaded["weights"], torch.full((1000,), float(value)))
    assert os.listdir(state.path.parent) == ["state.pt"]


def test_stop_and_resume_is_bitwise_the_uninterrupted_run(tmp_path):
    whole, optimizer = training()
    train(whole, optimizer, 10)

    half, optimizer = training()
    train(half, optimizer, 5)
    file = RunState(tmp_path / "state.pt")
    file.save({"model": half.state_dict(), "optimizer": optimizer.state_dict(),
               "random": torch.get_rng_state()})

    resumed, optimizer = training(seed=99)
    state = file.load()
    resumed.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    train(resumed, optimizer, 5)
    assert same(whole.state_dict(), resumed.state_dict())
    assert not same(half.state_dict(), resumed.state_dict())


def test_everything_plain_comes_back_as_it_was(tmp_path):
    plain = {"f": 0.1, "i": 2**60, "b": True, "n": None, "s": "é", "bytes": b"\x00", "list": [1, (2, 3)],
             "d": {5: {}}}
    file = RunState(tmp_path / "state.pt")
    assert not file.exists()
    file.save({"plain": plain, "bf16": torch.ones(3, dtype=torch.bfloat16), "empty": torch.zeros(0, 4)})
    loaded = file.load()
    assert file.exists() and loaded["plain"] == plain
    assert loaded["bf16"].dtype == torch.bfloat16 and loaded["empty"].shape == (0, 4)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_keeps_the_old_file_and_says_what_is_needed(tmp_path):
    state = saved(tmp_path, 1)
    state.path.with_name("state.pt.part").symlink_to("/dev/full")
    with pytest.raises(RunError) as error:
        state.save({"weights": torch.zeros(250_000), "step": 2})
    assert_old_state_intact(state, 1)
    message = str(error.value)
    assert str(state.path) in message and "1000000 bytes" in message and "No space left" in message
    assert "the earlier state is kept" in message and "\n" not in message


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_at_the_last_moment_keeps_the_old_file(tmp_path, monkeypatch, call):
    state = saved(tmp_path, 1)

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(RunError, match="No space left"):
            saved(tmp_path, 2)
    assert_old_state_intact(state, 1)
    saved(tmp_path, 3)
    assert_old_state_intact(state, 3)


def test_a_second_ctrl_c_while_saving_keeps_the_old_file(tmp_path, monkeypatch):
    state = saved(tmp_path, 1)

    def interrupt(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            saved(tmp_path, 2)
    assert_old_state_intact(state, 1)


def test_the_bytes_reach_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor):
        calls.append(("fsync", os.fstat(descriptor).st_size))
        fsync(descriptor)

    def watched_replace(source, target):
        calls.append(("replace", os.path.getsize(source)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    state = saved(tmp_path, 1)
    size = state.path.stat().st_size
    assert calls == [("fsync", size), ("replace", size)]


def test_what_a_killed_process_left_behind_does_no_harm(tmp_path):
    state = saved(tmp_path, 1)
    state.path.with_name("state.pt.part").write_bytes(state.path.read_bytes()[:700])
    assert state.load()["step"] == 1
    saved(tmp_path, 2)
    assert_old_state_intact(state, 2)


def test_a_folder_in_the_way_is_reported_in_one_line(tmp_path):
    (tmp_path / "vae").write_text("a file where the folder should be")
    with pytest.raises(RunError, match="cannot write .*nothing was saved"):
        RunState(tmp_path / "vae" / "state.pt").save({"step": 1})


@pytest.mark.parametrize("damage", ["half", "empty", "junk", "one bit", "end cut"])
def test_damage_is_found_and_named(tmp_path, damage):
    state = saved(tmp_path, 1)
    content = bytearray(state.path.read_bytes())
    middle = len(content) // 2
    if damage == "one bit":
        content[middle] ^= 1
    else:
        content = {"half": content[:middle], "empty": b"", "junk": b"no state " * 99,
                   "end cut": content[:-3]}[damage]
    state.path.write_bytes(content)
    with pytest.raises(RunError, match="not a complete saved state") as error:
        state.load()
    message = str(error.value)
    assert str(state.path) in message and "delete it" in message and "\n" not in message


def test_a_missing_file_is_a_wrong_request(tmp_path):
    with pytest.raises(RequestError, match="no saved state at .*state.pt"):
        RunState(tmp_path / "state.pt").load()


def test_loading_runs_no_code_from_the_file(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"step": 1, "trap": Trap()}, tmp_path / "state.pt")
    with pytest.raises(RunError, match="more than tensors and plain values"):
        RunState(tmp_path / "state.pt").load()
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("value", [np.float64(0.5), {1, 2}, nn.Linear(1, 1), np.zeros(3)])
def test_what_could_not_be_loaded_again_is_refused_when_saving(tmp_path, value):
    with pytest.raises(TypeError, match=r"state\['a'\]\[1\] is a"):
        RunState(tmp_path / "state.pt").save({"a": [0, value]})
    assert not (tmp_path / "state.pt").exists()


def test_the_fingerprint_depends_on_every_name_type_shape_and_bit():
    base = {"a": torch.arange(6, dtype=torch.float32).reshape(2, 3), "n": torch.tensor(7)}
    nudged = base["a"].clone()
    nudged[1, 2] = torch.nextafter(nudged[1, 2], torch.tensor(9.0))
    variants = [base, {**base, "a": nudged}, {**base, "a": base["a"].reshape(3, 2)},
                {**base, "a": base["a"].double()}, {"b": base["a"], "n": base["n"]},
                {**base, "n": torch.tensor(8)}, {"a": base["a"]}]
    assert len({fingerprint(v) for v in variants}) == len(variants)


def test_the_fingerprint_ignores_order_memory_layout_and_the_file(tmp_path):
    state = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict()
    expected = fingerprint(state)
    assert len(expected) == 16 and int(expected, 16) > 0
    assert fingerprint(dict(reversed(state.items()))) == expected
    layout = {k: v.to(memory_format=torch.channels_last) if v.ndim == 4 else v for k, v in state.items()}
    assert fingerprint(layout) == expected
    if torch.cuda.is_available():
        assert fingerprint({k: v.cuda() for k, v in state.items()}) == expected
    file = RunState(tmp_path / "state.pt")
    file.save({"vae": state})
    assert fingerprint(file.load()["vae"]) == expected


def test_weights_of_another_network_are_refused(tmp_path):
    RunState(tmp_path / "state.pt").save({"step": 1, "ema": {"average": nn.Linear(2, 1).state_dict()}})
    with pytest.raises(RunError, match="holds another network or stage"):
        Checkpoint.read(tmp_path / "state.pt").fill(nn.Linear(3, 1))
