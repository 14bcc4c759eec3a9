"""Text files of the Ancortek radars, as of the University of Glasgow's human activities (Fioranelli et al. 2019).

Four numbers (carrier in Hz, duration of a chirp in ms, samples per chirp, bandwidth in Hz), then a complex number a
sample, such as 2043+1998i, separated by white space.
"""

import re
from pathlib import Path

import numpy as np

from mdgen.errors import RequestError
from mdgen.radar.recording_files import Content

LEAST_HZ = 1e6            # a smaller carrier is in GHz
MAX_BYTES = 2**29         # of text; the list of its words takes about four times as much memory
SPACED = re.compile(rb"[ \t]*([+-])[ \t]+(?=[0-9.])")   # "1.0 + 2.0i"


def read_glasgow(path, variables=(), wanted=None):
    """The Content of a text file: complex64 [chirps, samples in a chirp], with prf_hz and carrier_hz of its header.

    Bandwidth 0 is a continuous wave: [N], and slow time has the rate of the samples. Raises RequestError where the
    four numbers or the samples are not as above, with the place of the first that is not.
    """
    path = Path(path)
    if path.stat().st_size > MAX_BYTES:
        raise RequestError(f"{path} has {path.stat().st_size / 2**20:.0f} MB of text; expected at most "
                           f"{MAX_BYTES // 2**20}, since text is read as a whole. Convert it to .npy")
    text = path.read_bytes().replace(b"i", b"j").replace(b"I", b"j").replace(b"+-", b"-")
    words = (SPACED.sub(rb"\1", text) if b"+ " in text or b"- " in text else text).split()
    carrier, chirp_ms, samples, bandwidth = header(path, words[:4])
    values = numbers(path, words[4:])
    if bandwidth == 0:
        return Content((values,), dict(prf_hz=1000 * samples / chirp_ms, carrier_hz=carrier))
    if len(values) % samples:
        raise RequestError(f"{path} has {len(values)} samples, no whole number of chirps of {samples}, which its third "
                           f"line says; cut {len(values) % samples} samples from the end, or correct that line")
    return Content((values.reshape(-1, samples),), dict(layout="chirps", prf_hz=1000 / chirp_ms,
                                                                carrier_hz=carrier))


def header(path, words):
    """(carrier in Hz, chirp in ms, samples per chirp, bandwidth in Hz)."""
    try:
        carrier, chirp_ms, samples, bandwidth = map(float, words)
        right = carrier > 0 and chirp_ms > 0 and samples == int(samples) > 0 <= bandwidth
    except (ValueError, OverflowError):
        right = False
    if not right:
        raise RequestError(f"{path} begins with {shown(words)}; expected carrier, chirp in ms, samples per chirp and "
                           "bandwidth, four numbers as text, and then complex numbers such as 1+2i. If these are "
                           "binary samples, give --kind iq-int16 or iq-float32")
    return carrier if carrier >= LEAST_HZ else carrier * 1e9, chirp_ms, int(samples), bandwidth


def numbers(path, words):
    """Complex words as complex64 [N]."""
    try:
        values = np.fromiter((complex(word.decode("ascii")) for word in words), np.complex64, len(words))
    except ValueError:
        place = next(place for place, word in enumerate(words) if not is_complex(word))
        raise RequestError(f"{path} has {shown(words[place:place + 1])} as sample {place + 1}; expected a complex "
                           "number such as 1+2i. Repair or convert the file") from None
    if not values.imag.any():
        raise RequestError(f"{path} has {len(values)} samples without an imaginary part; expected complex numbers such "
                           "as 1+2i. Save both channels")
    return values


def is_complex(word):
    try:
        return bool(complex(word.decode("ascii")) or True)
    except ValueError:
        return False


def shown(words):
    """Words for a message, cut and without what no screen shows."""
    return repr(" ".join(word[:20].decode("ascii", "replace") for word in words).replace("j", "i"))
