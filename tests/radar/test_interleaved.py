"""Interleaved I and Q: what is no pair of little-endian 16-bit numbers is told by its bytes."""

import numpy as np
import pytest

from mdgen.errors import RequestError
from mdgen.radar.file_arrays import read_interleaved


def echo(scale, noise=0.05, count=6000):
    """A walk's beat, slow beside the sampling, with noise: I, Q, I, Q ..., float64."""
    rng, time = np.random.default_rng(0), np.arange(count)
    signal = np.exp(0.05j * time) + 0.3 * np.exp(-0.21j * time) + noise * rng.normal(size=(count, 2)) @ [1, 1j]
    return scale * np.stack([signal.real, signal.imag], axis=1).ravel()


@pytest.mark.parametrize("scale, noise, step", [(20000, 0.05, 1), (20000, 0.05, 16), (60, 0.05, 1), (2000, 0.05, 16),
                                                (4000, 3.0, 1), (4000, 3.0, 16)])
def test_right_files_pass_whatever_their_level_and_the_adc_s_bits(tmp_path, scale, noise, step):
    # 12 bits at the upper end of 16 leave steps of 16
    numbers = (echo(scale, noise).clip(-32000, 32000) / step).round() * step
    numbers.astype("<i2").tofile(tmp_path / "a.bin")
    array, = read_interleaved(tmp_path / "a.bin", dtype="<i2").arrays
    assert np.array_equal(array[(slice(0, 9),)].real, numbers[0:18:2])


@pytest.mark.parametrize("kind, scale, said", [(">i2", 20000, "big-endian"), (">i2", 300, "big-endian"),
                                               ("<f4", 1, "--kind iq-float32"), ("<f4", 20000, "--kind iq-float32")])
def test_others_are_refused_by_what_they_are(tmp_path, kind, scale, said):
    echo(scale).clip(-32000, 32000).astype(kind).tofile(tmp_path / "a.bin")
    with pytest.raises(RequestError, match=said):
        read_interleaved(tmp_path / "a.bin", dtype="<i2")


def test_a_header_is_not_looked_at(tmp_path):
    body = echo(20000).clip(-32000, 32000).astype("<i2").tobytes()
    (tmp_path / "a.bin").write_bytes(np.random.default_rng(0).bytes(512) + body)
    array, = read_interleaved(tmp_path / "a.bin", dtype="<i2", header_bytes=512).arrays
    assert array.shape == (6000,)
