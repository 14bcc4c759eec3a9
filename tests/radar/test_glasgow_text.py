import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar.glasgow_text import read_glasgow

HEADER = "5800000000.000000\n1.000000\n4\n400000000.000000\n"
WANTED = np.arange(12).reshape(3, 4) - 5 + 0.5j * np.arange(12)[::-1].reshape(3, 4)


def write(path, text):
    path.write_bytes(text.encode("ascii"))
    return path


def refusal(path):
    with pytest.raises(RequestError) as caught:
        read_glasgow(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("one, between", [
    ("{:g}{:+g}i", "\n"), ("{:.6f}{:+.6f}i", "\r\n"), ("{:.3e}{:+.3e}i", "\n"), ("{:g}+{:g}j", " "),
    ("   {:g} + {:.4f}i", "\n"), ("{:g}+{:g}I", "\t")])
def test_complex_numbers_in_every_spelling(tmp_path, one, between):
    text = HEADER + between.join(one.format(value.real, value.imag) for value in WANTED.ravel()) + between
    content = read_glasgow(write(tmp_path / "1P36A01R01.dat", text))
    assert np.array_equal(content.arrays[0], WANTED) and content.arrays[0].dtype == np.complex64
    assert content.facts == {"layout": "chirps", "prf_hz": 1000.0, "carrier_hz": 5.8e9}


@pytest.mark.parametrize("one", ["{:g} - {:g}i", "{:g}+-{:g}i", "{:g}-{:g}i"])
def test_a_negative_imaginary_part_in_every_spelling(tmp_path, one):
    text = HEADER + "\n".join(one.format(value.real, value.imag) for value in WANTED.ravel())
    assert np.array_equal(read_glasgow(write(tmp_path / "a.dat", text)).arrays[0], WANTED.conj())


def test_a_carrier_in_ghz_and_a_continuous_wave(tmp_path):
    values = "\n".join("1+2i 3+4i".split() * 3)
    content = read_glasgow(write(tmp_path / "a.dat", f"5.8\n2\n128\n0\n{values}\n"))
    assert content.arrays[0].tolist() == [1 + 2j, 3 + 4j] * 3
    assert content.facts == {"prf_hz": 64_000.0, "carrier_hz": 5.8e9}


@pytest.mark.parametrize("text, part", [
    ("1+2i\n" * 9, "begins with '1+2i 1+2i"), ("", "begins with ''"), (HEADER.replace("\n4\n", "\n4.5\n"), "begins"),
    (HEADER.replace("1.0", "0.0") + "1+2i\n" * 4, "begins with"), (HEADER + "1+2i\n" * 7, "cut 3 samples"),
    (HEADER + "1+2i\n1+2i\n1,2i\n1+2i\n", "'1,2i' as sample 3"), (HEADER + "1\n2\n3\n4\n", "without an imaginary part"),
    (HEADER, "0 samples without")])
def test_other_text_is_refused_with_what_it_has(tmp_path, text, part):
    assert part in refusal(write(tmp_path / "a.dat", text))


def test_binary_samples_are_told_of_their_kind(tmp_path):
    (tmp_path / "a.dat").write_bytes(np.random.default_rng(0).integers(-3000, 3000, 400).astype("<i2").tobytes())
    assert "--kind iq-int16" in refusal(tmp_path / "a.dat")
