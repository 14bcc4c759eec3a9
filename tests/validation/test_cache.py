"""What is kept must be what was made, must go with its content, and must survive a damaged file."""

import numpy as np
import pytest

from mdgen.files import digest
from mdgen.validation.cache import Cache


class Counted:
    def __init__(self, value):
        self.value, self.calls = value, 0

    def __call__(self):
        self.calls += 1
        return self.value


@pytest.mark.parametrize("kind, value", [("arrays", {"x": np.arange(6.0).reshape(2, 3), "n": np.array(3)}),
                                         ("values", {"accuracy": 0.5, "users": [None, 1]})])
def test_made_once_and_read_back_equal(tmp_path, kind, value):
    make, cache = Counted(value), Cache(tmp_path / "new")
    first, second = (getattr(cache, kind)("name", "key", make) for _ in range(2))
    assert make.calls == 1
    np.testing.assert_equal(second, value)
    np.testing.assert_equal(first, value)
    getattr(cache, kind)("name", "other", make)
    assert make.calls == 2


@pytest.mark.parametrize("kind, value", [("arrays", {"x": np.arange(1000)}), ("values", list(range(1000)))])
@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:len(data) // 2], lambda data: b"no" + data])
def test_a_damaged_file_is_made_anew(tmp_path, kind, value, damage):
    make, cache = Counted(value), Cache(tmp_path)
    getattr(cache, kind)("name", "key", make)
    path, = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    np.testing.assert_equal(getattr(cache, kind)("name", "key", make), value)
    assert make.calls == 2


def test_the_key_follows_type_shape_values_and_order():
    x = np.arange(6, dtype=np.uint8)
    keys = [digest(*parts) for parts in ((x,), (x.reshape(2, 3),), (x.astype(np.int64),), (x + 1,), (x, 1), (1, x),
                                              (x, "1"), (x, x))]
    assert len(set(keys)) == len(keys)
    assert digest(x[::2]) == digest(x[::2].copy())
