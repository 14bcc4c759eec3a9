import pickle

import numpy as np
import pytest
import scipy.io

from mdgen.errors import RequestError
from mdgen.radar import recording_files as files
from mdgen.radar.recording_formats import open_file

SIGNAL = np.random.default_rng(0).standard_normal((4, 3000, 2)).astype(np.float32).view(np.complex64)[..., 0]


def refusal(call, *args):
    """The one line with which a call is refused."""
    with pytest.raises(RequestError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_not_compressed_is_mapped_and_never_copied(tmp_path):
    np.save(tmp_path / "a.npy", SIGNAL)
    np.savez(tmp_path / "b.npz", fs=2000.0, i=SIGNAL.real, q=SIGNAL.imag)
    np.savez_compressed(tmp_path / "c.npz", i=SIGNAL.real, q=SIGNAL.imag)
    for name, variables, is_mapped in (("a.npy", (), True), ("b.npz", "iq", True), ("c.npz", "iq", False)):
        arrays = open_file(tmp_path / name, tuple(variables)).arrays
        assert [isinstance(array, np.memmap) for array in arrays] == [is_mapped] * len(arrays), name
        assert np.array_equal(arrays[0] if len(arrays) == 1 else arrays[0] + 1j * arrays[1], SIGNAL)


class Planted:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_objects_are_refused_and_no_code_in_a_file_runs(tmp_path):
    trap, array = tmp_path / "trap", np.array([None], dtype=object)
    array[0] = Planted(trap)
    np.save(tmp_path / "o.npy", array, allow_pickle=True)
    np.savez(tmp_path / "o.npz", a=array)
    (tmp_path / "p.npy").write_bytes(pickle.dumps(Planted(trap)))
    scipy.io.savemat(tmp_path / "o.mat", {"s": {"a": np.zeros(4000)}, "c": np.array([1, "x"], dtype=object)})
    for name, part in (("o.npy", "Python objects"), ("o.npz", "Python objects"), ("p.npy", "cannot be read"),
                       ("o.mat", "no array of numbers")):
        line = refusal(open_file, tmp_path / name)
        assert str(tmp_path / name) in line and part in line
    assert not trap.exists()


def test_unreadable_files_are_named_with_the_remedy(tmp_path, monkeypatch):
    whole = tmp_path / "whole.npy"
    np.save(whole, SIGNAL)
    (tmp_path / "half.npy").write_bytes(whole.read_bytes()[:5000])
    np.savez_compressed(tmp_path / "z.npz", a=SIGNAL)
    (tmp_path / "half.npz").write_bytes((tmp_path / "z.npz").read_bytes()[:5000])
    scipy.io.savemat(tmp_path / "m.mat", {"a": SIGNAL})
    (tmp_path / "half.mat").write_bytes((tmp_path / "m.mat").read_bytes()[:5000])
    for name in ("half.npy", "half.npz", "half.mat", "absent.npy", "absent.mat", "absent.npz"):
        line = refusal(open_file, tmp_path / name)
        assert f"{tmp_path / name} cannot be read" in line and "Save it again" in line
    assert "'.csv'" in refusal(open_file, tmp_path / "a.csv")
    monkeypatch.setattr(files, "MAX_IN_MEMORY", 50_000)
    for name in ("z.npz", "m.mat"):
        assert "save it as .npy" in refusal(open_file, tmp_path / name)
    assert open_file(whole).arrays[0].nbytes > 50_000  # mapped, so no limit


@pytest.mark.parametrize("suffix, save", [(".npz", np.savez), (".mat", lambda path, **a: scipy.io.savemat(path, a))])
def test_the_variable_is_named_or_the_only_one(tmp_path, suffix, save):
    path = tmp_path / f"a{suffix}"
    save(path, i=SIGNAL.real, q=SIGNAL.imag, short=SIGNAL.real[:, :9], z=SIGNAL, fs=2000.0)
    assert np.array_equal(open_file(path, ("z",)).arrays[0], SIGNAL)
    for names, part in (((), "expected one array"), (("signal",), "has no array signal")):
        line = refusal(open_file, path, names)
        assert part in line and "i (4x3000), q (4x3000), short (4x9), z (4x3000)" in line and "--variable" in line
    for names in (("i", "short"), ("z", "q")):
        assert "real numbers of one shape" in refusal(open_file, path, names)


@pytest.mark.parametrize("names", [("real", "imag"), ("r", "i"), ("re", "im"), ("I", "Q")])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_compounds_of_real_and_imag_are_complex_numbers(tmp_path, names, suffix):
    counts = np.zeros((5, 7), [(name, "<i2") for name in names])
    for name in names:
        counts[name] = np.random.default_rng(len(name)).integers(-32768, 32767, (5, 7))
    path = tmp_path / f"a{suffix}"
    (np.save if suffix == ".npy" else np.savez)(path, counts)
    array, = open_file(path).arrays
    assert (array.shape, array.ndim, array.dtype) == ((5, 7), 2, np.complex64)
    part = array[1:3, 2:6]
    assert np.array_equal(part, (counts[names[0]] + 1j * counts[names[1]])[1:3, 2:6]) and part.dtype == np.complex64


def test_a_lone_number_is_read_where_it_is_wanted(tmp_path):
    np.savez(tmp_path / "a.npz", x=SIGNAL, fs=np.array([[2000]]), gain=3.0, who="ann")
    scipy.io.savemat(tmp_path / "a.mat", dict(x=SIGNAL, fs=2000.0, gain=3.0, who="ann"))
    for name in ("a.npz", "a.mat"):
        assert open_file(tmp_path / name, ("x",), lambda name: name in ("fs", "who")).scalars == {"fs": 2000.0}
