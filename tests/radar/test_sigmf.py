"""SigMF pairs, written here with struct and json."""

import json
import struct

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar.file_arrays import interleaved
from mdgen.radar.sigmf import read_sigmf

VALUES = [(1, -2), (3, 4), (-5, 6), (7, -8), (120, -128), (0, 127)]   # fit into every datatype
WANTED = np.array([complex(*pair) for pair in VALUES])
CODES = {"f64": "d", "f32": "f", "i32": "i", "i16": "h", "i8": "b", "u32": "I", "u16": "H", "u8": "B"}
DATATYPES = [f"c{code}{order}" for code in CODES for order in (("",) if code.endswith("8") else ("_le", "_be"))]


def write(folder, datatype, head=b"", tail=b"", captures=({"core:frequency": 24.1e9},), **known):
    name, _, order = datatype.partition("_")
    half = 2 ** (int(name[2:]) - 1) if name[1] == "u" else 0
    packed = [struct.pack({"be": ">", "le": "<", "": "="}[order] + CODES[name[1:]], number + half)
              for pair in VALUES for number in pair]
    (folder / "walk.sigmf-data").write_bytes(head + b"".join(packed) + tail)
    known = {"core:datatype": datatype, "core:sample_rate": 2000, "core:version": "1.2.0", **known}
    (folder / "walk.sigmf-meta").write_text(json.dumps({"global": known, "captures": captures, "annotations": []}))
    return folder / "walk.sigmf-meta"


def refusal(path):
    with pytest.raises(RequestError) as caught:
        read_sigmf(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("datatype", DATATYPES)
def test_every_complex_datatype(tmp_path, datatype):
    content = read_sigmf(write(tmp_path, datatype))
    array, = content.arrays
    assert array.shape == (6,) and array[:,].tolist() == WANTED.tolist() and array[1:5:2,].tolist() == [3 + 4j, 7 - 8j]
    assert content.facts == {"prf_hz": 2000.0, "carrier_hz": 24.1e9}
    assert array.dtype == array[:,].dtype == (np.complex128 if datatype[1:4] in ("f64", "i32", "u32") else np.complex64)


def test_32_bit_integers_keep_all_their_digits(tmp_path):
    (tmp_path / "a").write_bytes(struct.pack("<2i", 2**31 - 1, -2**31 + 1))
    assert interleaved(tmp_path / "a", "<i4")[:,].tolist() == [complex(2**31 - 1, -2**31 + 1)]


def test_channels_take_turns_and_bytes_around_the_samples_are_left_out(tmp_path):
    captures = [{"core:sample_start": 0, "core:header_bytes": 5}]
    content = read_sigmf(write(tmp_path, "ci16_le", b"12345", b"678", captures, **{"core:num_channels": 2,
                                                                                   "core:trailing_bytes": 3}))
    array, = content.arrays
    assert array.shape == (3, 2) and np.array_equal(array[:, 1:], WANTED.reshape(3, 2)[:, 1:])
    assert content.facts == {"prf_hz": 2000.0}


def test_the_dataset_may_have_another_name_in_the_same_folder_alone(tmp_path):
    path = write(tmp_path, "cf32_le", **{"core:dataset": "other.bin"})
    assert "belongs to other.bin" in refusal(path)
    (tmp_path / "walk.sigmf-data").rename(tmp_path / "other.bin")
    assert read_sigmf(path).arrays[0].shape == (6,)
    (tmp_path / "in").mkdir()
    assert "not beside it" in refusal(write(tmp_path / "in", "cf32_le", **{"core:dataset": "../other.bin"}))


@pytest.mark.parametrize("datatype, captures, part", [
    ("rf32_le", [], "'rf32_le'"), ("cf32", [], "'cf32'"), ("ci8_le", [], "'ci8_le'"), ("cf16_le", [], "'cf16_le'"),
    ("cf32_le", [{"core:frequency": 1e9}, {"core:sample_start": 3, "core:frequency": 2e9}], "2 frequencies"),
    ("cf32_le", [{"core:sample_start": 0}, {"core:sample_start": 3, "core:header_bytes": 8}], "header bytes"),
    ("cf32_le", [{"core:sample_start": 0, "core:global_index": 9}, {"core:sample_start": 3, "core:global_index": 20}],
     "samples missing")])
def test_what_is_no_one_stretch_of_complex_samples_is_refused(tmp_path, datatype, captures, part):
    path = write(tmp_path, "cf32_le", captures=captures, **{"core:datatype": datatype})
    assert part in refusal(path)


def test_broken_files_are_named(tmp_path):
    path = write(tmp_path, "ci16_le")
    (tmp_path / "walk.sigmf-data").write_bytes(bytes(23))
    with pytest.raises(RequestError, match=r"23 bytes of samples, which are 5 times a complex sample \(4 bytes\)"):
        read_sigmf(path)
    for text in ("{", "[]", "{}", '{"global": {}, "captures": []}', "\u00e9"):
        path.write_bytes(text.encode("latin-1"))
        assert "is no SigMF metadata" in refusal(path)
