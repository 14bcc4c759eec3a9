"""Whatever cannot work is refused in one line that says what to do, and what was on disk is still there."""

import errno
import os
import shutil
import struct
import zlib
from pathlib import Path

import pytest
import torch

from mdgen.runs.draw import read_manifest

# --- wrong requests ---

@pytest.mark.parametrize("argv, parts", [
    (["--set", "unet.dropuot=0.1"], ["unet.dropuot", "did you mean unet.dropout?"]),
    (["--set", "vae_training.steps=-5"], ["vae_training.steps is -5", "expected 1 or more"]),
    (["--num-users", "31"], ["--num-users is 31", "has 3 user folders", "Leave the flag out"]),
    (["--resolution", "36"], ["data.height is 36", "multiple of 8", "such as"]),
    (["--resolution", "0"], ["--resolution is 0", "pixels such as 128"]),
    (["--batch-size", "0"], ["--batch-size is 0", "1 or more"]),
    (["--batch-size", "-3"], ["--batch-size is -3", "1 or more"]),
    (["--condition-scale", "nan"], ["cfg_scale is nan", "expected a finite number"]),
    (["--preset", "huge"], ["no preset huge", "demo, small"]),
    (["--use-lpips", "--lpips-weights", "nowhere"], ["--lpips-weights is nowhere", "lpips_alexnet.pth"]),
    (["--lpips-weights", "nowhere"], ["--lpips-weights nowhere", "add --use-lpips"]),
    (["distill"], ["distill", "not in this version", "all, vae, diffusion"]),
    (["joint"], ["no trained vae yet", "train.py vae"]),
    (["diffusion"], ["no trained vae yet", "train.py vae"]),
    (["--dry-run", "--num-users", "4"], ["--num-users is 4", "has 3 user folders"]),
    (["--dry-run", "--num-users", "0"], ["--num-users is 0"]),
    (["--data-dri", "x"], ["--data-dri", "did you mean --data-dir?"]),
    (["--resolution", "big"], ["--resolution", "big"]),
])
def test_a_wrong_request_to_train_is_one_line(train, argv, parts, line_of):
    line = line_of(train(*argv), 2)
    assert all(part in line for part in parts), line


def test_a_run_inside_the_data_would_be_taken_for_a_user(train, make_users, tmp_path, contents, line_of):
    data = make_users(tmp_path / "data")
    before = contents(data)
    for output in (data, data / "run", data / "ID_1" / "run"):
        assert "lies in the data folder" in line_of(train(data=data, output=output), 2)
    assert contents(data) == before


def test_a_run_does_not_go_on_with_other_images(train, tiny_run, make_users, contents, tmp_path, line_of):
    data = make_users(tmp_path / "others", size=40)   # the same names and counts
    before = contents(tiny_run)
    line = line_of(train(data=data, output=tiny_run), 2)
    assert "was trained on 18 images" in line and "restore them" in line
    after = contents(tiny_run)
    assert {name: after[name] for name in before if "cache" not in name} == {
        name: before[name] for name in before if "cache" not in name}


def test_half_a_vae_is_no_ground_for_a_diffusion_stage(train, tiny_run, line_of):
    state = torch.load(tiny_run / "vae" / "state.pt", weights_only=True)
    torch.save(state | {"step": 22}, tiny_run / "vae" / "state.pt")
    line = line_of(train("diffusion", output=tiny_run), 2)
    assert "is at step 22 of 60" in line and "train.py vae" in line


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(train, run_script, tiny_run, line_of):
    for outcome in (train("--device", "cuda"), run_script("sample.py", tiny_run, "--device", "cuda")):
        assert "--device is cuda" in line_of(outcome, 2)


def huge_png(path, side=60000):
    """A PNG whose header promises side x side pixels."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def truncate(path):
    path.write_bytes(path.read_bytes()[:200])


def leave_one(path):
    for other in path.parent.glob("*.png"):
        if other != path:
            other.unlink()


@pytest.mark.parametrize("damage, parts", [
    (huge_png, ["w1.png", "million pixels", "Replace or remove"]),
    (lambda path: huge_png(path, 10000), ["w1.png", "10000x10000 pixels", "at most 50 million"]),
    (truncate, ["w1.png", "1 of 36 images cannot be used", "Replace or remove"]),
    (lambda path: path.write_text("not an image"), ["w1.png", "not a PNG, JPEG", "Replace or remove"]),
    (lambda path: path.write_bytes(b""), ["w1.png", "Replace or remove"]),
    (leave_one, ["ID_2", "has 1 image", "at least 2"]),
    (lambda path: [p.unlink() for p in path.parent.iterdir()],
     ["ID_2", "holds no images", "fill or remove it"]),
    (lambda path: [shutil.rmtree(p) for p in path.parents[1].iterdir() if p != path.parent],
     ["gives one user (ID_2)", "at least 2", "add a folder"]),
    (lambda path: [shutil.rmtree(p) for p in path.parents[1].iterdir()],
     ["is empty", "one folder of images per user"]),
    (lambda path: shutil.rmtree(path.parents[1]), ["does not exist", "Point --data-dir"]),
    (lambda path: (shutil.rmtree(path.parents[1]), path.parents[1].write_text("x")),
     ["is not a folder", "--data-dir"]),
])
@pytest.mark.filterwarnings("error")   # a warning would be a second line
def test_a_data_folder_that_cannot_be_used_is_one_line_and_stays(train, make_users, tmp_path, contents,
                                                                 damage, parts, line_of):
    data = make_users(tmp_path / "data")
    damage(data / "ID_2" / "w1.png")
    before = contents(tmp_path)
    line = line_of(train(data=data), 2)
    assert all(part in line for part in parts), line
    assert contents(tmp_path) == before


def test_without_data_only_the_demo_can_run(run_script, tmp_path, line_of):
    assert "--data-dir is missing" in line_of(run_script("train.py", "--preset", "small", "--output-dir",
                                                         tmp_path / "o"), 2)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("inside", ["", "deeper/run"])
def test_an_output_that_is_a_file_is_refused_and_stays(train, run_script, trained, tmp_path, inside, line_of):
    (tmp_path / "file").write_text("mine")
    for outcome in (train(output=tmp_path / "file" / inside),
                    run_script("sample.py", trained, "--output-dir", tmp_path / "file" / inside)):
        line = line_of(outcome, 2)
        assert f"{tmp_path / 'file'} is a file" in line and "give another --output-dir" in line
    assert (tmp_path / "file").read_text() == "mine"


# --- a run that does not fit ---

def unchanged(before, after):
    """Everything that was there still is, byte for byte (a cache of decoded images may have joined it)."""
    return all(after.get(name) == data for name, data in before.items())


def test_the_run_of_another_user_list_is_refused(train, tiny_run, make_users, contents, tmp_path, line_of):
    before = contents(tiny_run)
    other = make_users(tmp_path / "others", names=("ID_1", "ID_2", "ID_3"))
    line = line_of(train(data=other, output=tiny_run), 2)
    assert "trained for ID_1, ID_2, ID_10" in line and "has ID_1, ID_2, ID_3" in line
    assert "give another --output-dir" in line
    assert unchanged(before, contents(tiny_run))


def test_the_run_of_other_settings_is_refused(train, tiny_run, contents, line_of):
    before = contents(tiny_run)
    line = line_of(train("--set", "vae.width=24", output=tiny_run), 2)
    assert "vae.width = 16, but this command asks for 24" in line and contents(tiny_run) == before


def half(path):
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


@pytest.mark.parametrize("name, damage, status, again", [
    ("config.json", half, 2, True), ("users.json", half, 2, True), ("vae/state.pt", half, 1, True),
    ("diffusion/state.pt", half, 1, True), ("latents/latents.pt", half, 1, True),
    ("config.json", os.unlink, 2, True), ("users.json", os.unlink, 2, True),
    ("vae/state.pt", os.unlink, 2, False),
    ("diffusion/state.pt", os.unlink, 2, False), ("latents/latents.pt", os.unlink, 2, False),
])
def test_a_missing_or_half_written_run_file_is_named_and_nothing_is_lost(train, run_script, tiny_run,
                                                                         contents, name, damage, status,
                                                                         again, line_of):
    damage(tiny_run / name)
    before = contents(tiny_run)
    line = line_of(run_script("sample.py", tiny_run, "--samples-per-user", 1), status)
    assert Path(name).name in line and str(tiny_run) in line, line
    assert contents(tiny_run) == before
    if again:   # a missing state is made anew by train.py; a damaged one is not overwritten
        assert Path(name).name in line_of(train(output=tiny_run), status) and contents(tiny_run) == before


def test_missing_latents_are_encoded_again(train, run_script, tiny_run):
    (tiny_run / "latents" / "latents.pt").unlink()
    assert train(output=tiny_run).status == 0
    assert run_script("sample.py", tiny_run, "--samples-per-user", 1).status == 0


def test_another_vae_does_not_meet_old_latents_or_an_old_unet(train, run_script, tiny_run, contents, line_of):
    state = torch.load(tiny_run / "vae" / "state.pt", weights_only=True)
    state["ema"]["average"]["synthesis.bias"] += 0.01
    torch.save(state, tiny_run / "vae" / "state.pt")
    before = contents(tiny_run)
    for part in ("the latents were made by VAE", "was trained on latents of VAE"):
        for outcome in (train(output=tiny_run), run_script("sample.py", tiny_run)):
            line = line_of(outcome, 2)
            assert "VAE" in line and "delete" in line
        assert part in line_of(train(output=tiny_run), 2)
        (tiny_run / "latents" / "latents.pt").unlink(missing_ok=True)
    assert contents(tiny_run) == {name: data for name, data in before.items() if name != "latents/latents.pt"}


@pytest.mark.parametrize("argv, parts", [
    (["--users", "ID_3"], ["user ID_3 is not in this run", "ID_1, ID_2, ID_10"]),
    (["--samples-per-user", "0"], ["--samples-per-user is 0", "1 or more"]),
    (["--steps", "0"], ["steps is 0", "1 or more"]),
    (["--steps", "-2"], ["steps is -2", "1 or more"]),
    (["--steps", "5000"], ["5000", "1000"]),
    (["--eta", "2"], ["eta is 2.0", "0 to 1"]),
    (["--eta", "0.5"], ["--eta is 0.5", "sampler dpm has none", "--sampler ddim"]),
    (["--model-dir", "elsewhere"], ["given twice", "elsewhere"]),
    (["--batch-size", "0"], ["batch_size is 0"]),
    (["--guidance-scale", "inf"], ["cfg_scale is inf"]),
    (["--sampler", "euler"], ["sampling.sampler is 'euler'", "ddim"]),
])
def test_a_wrong_request_to_sample_is_one_line_and_writes_nothing(run_script, tiny_run, contents, argv, parts,
                                                                  line_of):
    before = contents(tiny_run)
    line = line_of(run_script("sample.py", tiny_run, *argv), 2)
    assert all(part in line for part in parts), line
    assert contents(tiny_run) == before


def test_wrong_or_missing_inception_weights_are_refused_before_any_reading(run_script, tiny_run, line_of, tmp_path):
    line = line_of(run_script("evaluate.py", "samples", tiny_run, "--inception-weights", "x.pth"), 2)
    assert "--inception-weights is x.pth, where there is no file" in line
    (tmp_path / "weights.pth").write_bytes(b"other weights")
    line = line_of(run_script("evaluate.py", "samples", tiny_run, "--inception-weights", tmp_path / "weights.pth"), 2)
    assert "not the FID weights" in line


@pytest.mark.parametrize("task, flag", [("vae", "--generated"), ("check", "--strict"), ("environment", "--real"),
                                        ("samples", "--lpips-weights")])
def test_a_flag_that_a_task_would_not_read_is_refused(task, flag, run_script, tiny_run, line_of):
    words = [flag] if flag == "--strict" else [flag, "x"]
    assert f"{flag} is not for evaluate.py {task}" in line_of(run_script("evaluate.py", task, tiny_run, *words), 2)


def test_no_run_at_all(run_script, tmp_path, line_of):
    assert "the run folder is missing" in line_of(run_script("sample.py"), 2)
    for path in (tmp_path / "nothing", tmp_path):
        assert "has no config.json; expected the output folder" in line_of(run_script("sample.py", path), 2)


# --- no space left ---

def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("target", ["torch.save", "os.replace"])
def test_no_space_while_training_keeps_the_earlier_states(train, tiny_run, contents, monkeypatch, target,
                                                          line_of, states):
    more = ["--set", "diffusion_training.steps=140", "--set", "vae_training.steps=60"]
    before = contents(tiny_run)
    monkeypatch.setattr(target, full)
    line = line_of(train(*more, output=tiny_run), 1)
    assert "No space left on device" in line and "space" in line.split("No space left on device")[1]
    assert str(tiny_run) in line   # which disk
    after = contents(tiny_run)
    kept = ("vae/state.pt", "diffusion/state.pt", "latents/latents.pt", "users.json")
    assert all(after[name] == before[name] for name in kept)
    assert not [name for name in after if name.endswith((".part", ".partial"))]
    monkeypatch.undo()
    assert train(*more, output=tiny_run).status == 0 and states(tiny_run)[1]["step"] == 140


def test_no_space_while_starting_a_run(train, monkeypatch, line_of):
    monkeypatch.setattr("os.replace", full)
    line = line_of(train(), 1)
    assert "No space left on device" in line and "make room" in line


def test_no_space_while_sampling_loses_no_image_and_the_command_continues(run_script, tiny_run, contents,
                                                                          monkeypatch, line_of):
    argv = ["sample.py", tiny_run, "--samples-per-user"]
    assert run_script(*argv, 1).status == 0
    before, replace, calls = contents(tiny_run / "samples"), os.replace, []

    def fill(source, target):
        calls.append(target)
        return full() if len(calls) > 3 else replace(source, target)

    monkeypatch.setattr("os.replace", fill)
    line = line_of(run_script(*argv, 3), 1)
    assert "No space left on device" in line and "run the same command again" in line
    monkeypatch.undo()
    after = contents(tiny_run / "samples")
    assert all(after[name] == data for name, data in before.items() if name.endswith(".png"))
    assert run_script(*argv, 3).status == 0
    files = {row.file for row in read_manifest(tiny_run / "samples")}
    assert len(files) == 9 and files == {name for name in contents(tiny_run / "samples") if "/" in name}
