"""Files of the TI DCA1000 capture card: int16 in the order of the radar's LVDS lanes -> frames of chirps.

The orders are those of Texas Instruments, "Mmwave Radar Device ADC Raw Data Capture" (SWRA581B, 2018), sections 5
and 6. The card writes little-endian two's complement.
"""

from pathlib import Path

import numpy as np

from mdgen.errors import RequestError
from mdgen.radar.file_arrays import FileArray, whole_numbers
from mdgen.radar.recording_files import Content

FOUR_LANES = ("xwr14xx",)    # always four lanes; those of receivers that are off hold zeros
TWO_LANES = ("xwr16xx", "xwr18xx", "xwr68xx")
LAYOUTS = FOUR_LANES + TWO_LANES
LANES = 4
INT16 = np.dtype("<i2")
BLOCK = 2**15             # pairs of samples that the processor's cache holds, while they are gone through four times


def read_dca1000(path, **described):
    """The Content of a capture; arguments as of `open_dca1000`."""
    return Content((open_dca1000(path, **described),), dict(layout="ti"))


def open_dca1000(path, *, layout, adc_samples, receivers, chirps, real_adc=False):
    """A capture as a FileArray [frames, chirps, receivers, samples in a chirp], complex64, or int16 with real_adc.

    layout: one of LAYOUTS. adc_samples: of a chirp and receiver. chirps: of a frame, of all transmitters together.
    Four lanes: each sample is the numbers of the four receivers, the real ones before the imaginary ones. Two lanes:
    a chirp is one receiver after the other, two real numbers before the two imaginary ones. Raises RequestError where
    the file is no whole number of frames, or holds packets, or other receivers than `receivers`.
    """
    path, four = Path(path), layout in FOUR_LANES
    parts, lanes = 1 if real_adc else 2, LANES if four else receivers
    if not 1 <= receivers <= LANES:
        raise RequestError(f"--receivers is {receivers}; expected 1 to {LANES}, those that were on")
    if not four and not real_adc and adc_samples % 2:
        raise RequestError(f"--adc-samples is {adc_samples}; {layout} sends complex samples in pairs, so expected an "
                           "even number, the one of the radar's profile")
    check_packets(path)
    frames = whole_numbers(path, INT16, need=parts * lanes * adc_samples * chirps,
                           what=f"a frame of {chirps} chirps of {lanes} {'lanes' if four else 'receivers'} of "
                                f"{adc_samples} {'real' if real_adc else 'complex'} samples")
    whole = (frames, chirps)
    if four:
        stored, shared = (*whole, adc_samples, parts, LANES), 2
        decode = four_lanes(lanes_on(path, stored, receivers))
    elif real_adc:
        stored, shared, decode = (*whole, receivers, adc_samples), 4, np.array
    else:
        stored, shared, decode = (*whole, receivers, adc_samples // 2, 2, 2), 3, two_lanes
    dtype = INT16 if real_adc else np.dtype(np.complex64)
    return FileArray(path, INT16, 0, stored, (*whole, receivers, adc_samples), dtype, shared, decode)


def four_lanes(lanes):
    """[..., samples, parts, lane] -> [..., receivers, samples], of the lanes that are on."""
    def decode(stored):
        stored = stored[..., lanes].swapaxes(-1, -3)   # [..., receivers, parts, samples]
        if stored.shape[-2] == 1:
            return np.array(stored[..., 0, :])
        values = np.empty((*stored.shape[:-2], stored.shape[-1]), np.complex64)
        values.real, values.imag = stored[..., 0, :], stored[..., 1, :]
        return values
    return decode


def two_lanes(stored):
    """[..., pairs, (I, Q), 2] -> [..., samples]: I0 I1 Q0 Q1 I2 I3 Q2 Q3 ... -> I0 + i Q0, I1 + i Q1, ..."""
    pairs = stored.reshape(-1, 2, 2)
    values = np.empty((len(pairs), 2), np.complex64)
    for first in range(0, len(pairs), BLOCK):
        block, place = pairs[first:first + BLOCK], values[first:first + BLOCK]
        for k in (0, 1):
            place.real[:, k], place.imag[:, k] = block[:, 0, k], block[:, 1, k]
    return values.reshape(*stored.shape[:-3], 2 * stored.shape[-3])


def lanes_on(path, stored, receivers):
    """Which of the four lanes hold a receiver: a slice where all do, else those that are not all zero in a chirp."""
    if receivers == LANES:
        return slice(None)
    first = np.memmap(path, INT16, "r", 0, stored)[0, 0]   # [samples, parts, lanes]
    on = np.flatnonzero(first.any(axis=(0, 1))).tolist()
    if len(on) != receivers:
        raise RequestError(f"{path} has {len(on)} of 4 lanes with numbers other than 0 in its first chirp, but "
                           f"--receivers is {receivers}; xwr14xx writes zeros for receivers that are off. Correct "
                           "--receivers or --layout")
    return on


def check_packets(path):
    """RequestError for a file of network packets: the first begins with its number, 1456 bytes, and 0 bytes so far."""
    if np.fromfile(path, "<u2", 7).tolist() == [1, 0, 1456, 0, 0, 0, 0]:
        raise RequestError(f"{path} begins with the head of a network packet; expected samples alone. Give the "
                           "adc_data.bin that mmWave Studio makes of adc_data_Raw_0.bin when it processes it")
