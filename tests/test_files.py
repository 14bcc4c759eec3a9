import hashlib
import os

import numpy as np
import pytest

from mdgen.files import digest, file_sha256, named_seed, whole_file, whole_folder, write_text


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "one")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as temporary:
        temporary.write_text("half")
        assert path.read_text() == "one"
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["a.txt"] and path.read_text() == "one"
    write_text(path, "two")
    assert path.read_text() == "two"


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(OSError) as caught, whole_file(tmp_path / "a.txt"):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path / "a.txt")


def test_several_writers_of_one_file_do_not_share_what_is_half_written(tmp_path):
    with whole_file(tmp_path / "a", shared=True) as mine, whole_file(tmp_path / "a") as other:
        assert mine != other and str(os.getpid()) in mine.name
        mine.write_text("mine"), other.write_text("other")
    assert (tmp_path / "a").read_text() == "mine" and os.listdir(tmp_path) == ["a"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(ValueError), whole_folder(tmp_path / "d") as partial:
        (partial / "x").write_text("x")
        raise ValueError
    assert not os.listdir(tmp_path)
    with whole_folder(tmp_path / "d") as partial:
        (partial / "x").write_text("x")
        assert not (tmp_path / "d").exists()
    assert os.listdir(tmp_path) == ["d"] and os.listdir(tmp_path / "d") == ["x"]


def test_digests_are_those_of_the_bytes_and_tell_types_shapes_and_order_apart(tmp_path):
    assert digest("ab", b"c") == digest("abc") == hashlib.sha256(b"abc").hexdigest()[:16]
    x = np.arange(6, dtype=np.int32)
    keys = [digest(*parts) for parts in ((x,), (x.reshape(2, 3),), (x.astype(np.int64),), (x, 1), (1, x), ({"a": 1},),
                                         ({"a": 2},), ([1, 2],), ([2, 1],), (None,))]
    assert len(set(keys)) == len(keys)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) and digest(x[::2]) == digest(x[::2].copy())
    (tmp_path / "f").write_bytes(b"abc" * 1000000)
    assert file_sha256(tmp_path / "f") == hashlib.sha256(b"abc" * 1000000).hexdigest()


def test_named_seeds_are_apart_and_never_move():
    places = {named_seed(*where) for where in ((1, 11), (11, 1), (1, 1, 1), (0, "ID_1", 0), (0, "ID_1", 1), (0, -1))}
    assert len(places) == 6 and all(0 <= seed < 2**63 for seed in places)
    assert named_seed(0, "ID_1", 0) == 3276356172341691165   # pinned: runs made earlier must give the same again
