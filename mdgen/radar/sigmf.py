"""SigMF recordings (sigmf.org, specification 1.x): name.sigmf-meta, which is JSON, and name.sigmf-data beside it."""

import json
from pathlib import Path

from mdgen.errors import RequestError
from mdgen.radar.file_arrays import interleaved
from mdgen.radar.recording_files import Content

META, DATA = ".sigmf-meta", ".sigmf-data"
COMPLEX = {"cf64", "cf32", "ci32", "ci16", "cu32", "cu16"}   # with a byte order, _le or _be
BYTES = {"ci8", "cu8"}                                       # without


def read_sigmf(path, variables=(), wanted=None):
    """The Content of a .sigmf-meta: complex [N], or [N, channels]; its sample rate is prf_hz, its frequency carrier_hz.

    All complex datatypes of the specification are read; integers stay as large as they are, unsigned ones lose their
    offset. Raises RequestError where the metadata is not of that kind, or describes a recording with gaps.
    """
    path = Path(path)
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
        known, captures = meta["global"], meta["captures"] or [{}]
        datatype, channels = known["core:datatype"], int(known.get("core:num_channels", 1))
        header = [int(capture.get("core:header_bytes", 0)) for capture in captures]
        trailing = int(known.get("core:trailing_bytes", 0))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"{path} is no SigMF metadata ({type(error).__name__}: {error}); expected JSON with "
                           "global, captures and core:datatype. Write it again as it was recorded") from error
    name, _, order = str(datatype).partition("_")
    if not (name in COMPLEX and order in ("le", "be") or name in BYTES and not order):
        raise RequestError(f"{path} has core:datatype {datatype!r}; expected complex samples such as cf32_le or "
                           "ci16_le. Convert the recording")
    check_captures(path, captures, header)
    number = f"{'>' if order == 'be' else '<'}{name[1]}{int(name[2:]) // 8}"
    samples = interleaved(data_file(path, known), number, header[0], trailing, channels)
    facts = dict(prf_hz=known.get("core:sample_rate"), carrier_hz=captures[0].get("core:frequency"))
    return Content((samples,), {name: float(value) for name, value in facts.items() if value})


def data_file(path, known):
    """The file of samples: name.sigmf-data, or core:dataset in the same folder."""
    name = known.get("core:dataset", path.name.removesuffix(META) + DATA)
    if Path(name).name != name or not (path.parent / name).is_file():
        raise RequestError(f"{path} belongs to {name}, which is not beside it; expected both files in one folder. "
                           "Put it there")
    return path.parent / name


def check_captures(path, captures, header):
    """RequestError unless the segments of a recording follow one another at one frequency."""
    if any(header[1:]):
        raise RequestError(f"{path} has header bytes between its captures; expected them before the first alone. "
                           "Split the recording into one file per capture")
    frequencies = {capture.get("core:frequency") for capture in captures}
    if len(frequencies) > 1:
        raise RequestError(f"{path} has captures at {len(frequencies)} frequencies; expected one carrier. Split the "
                           "recording into one file per capture")
    shifts = {capture["core:global_index"] - capture.get("core:sample_start", 0) for capture in captures
              if "core:global_index" in capture}
    if len(shifts) > 1:
        raise RequestError(f"{path} has samples missing between its captures (core:global_index); expected one "
                           "stretch of time. Split the recording into one file per capture")
