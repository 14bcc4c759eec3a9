"""Raw files of radars through the command's flags: an echo that approaches at 1.2 m/s is seen at 1.2 m/s."""

import json

import numpy as np
import pytest

from mdgen.data import recorded_users
from mdgen.data.recording_flags import parser, reading_of
from mdgen.errors import RequestError

SPEED, CARRIER, PRF, FRAMES, CHIRPS, RATE = 1.2, 24e9, 4000.0, 40, 128, 20.0
CARD = ["--kind", "dca1000", "--adc-samples", "16", "--receivers", "2", "--chirps", str(CHIRPS)]
RADAR = ["--carrier", "24e9", "--prf", "4000"]


def echo(times):
    """Of one point, of amplitude 1000."""
    return 1000 * np.exp(4j * np.pi * SPEED * times / (3e8 / CARRIER))


def cube():
    """Echo as raw chirps [frames, chirps, receivers, samples] with pauses: two receivers, range bin 3 of 16."""
    times = np.arange(FRAMES)[:, None] / RATE + np.arange(CHIRPS) / PRF
    return echo(times)[..., None, None] * np.exp(2j * np.pi * 3 * np.arange(16) / 16) * np.ones((2, 1))


def parts(values):
    """Complex -> int16 [..., (real, imaginary)]."""
    return np.stack([values.real, values.imag], axis=-1).round().astype("<i2")


def two_lanes(folder):
    parts(cube()).reshape(FRAMES, CHIRPS, 2, 8, 2, 2).swapaxes(-1, -2).tofile(folder / "a.bin")


def two_real_lanes(folder):
    cube().real.round().astype("<i2").tofile(folder / "a.bin")


def four_lanes(folder):
    lanes = np.zeros((FRAMES, CHIRPS, 16, 2, 4), "<i2")
    lanes[..., :2] = parts(cube()).transpose(0, 1, 3, 4, 2)
    lanes.tofile(folder / "a.bin")


def interleaved(folder):
    (folder / "a.iq").write_bytes(b"HEAD" + parts(echo(np.arange(8000) / PRF)).tobytes())


def floats(folder):
    echo(np.arange(8000) / PRF).astype("<c8").tofile(folder / "a.raw")


def sigmf(folder):
    parts(echo(np.arange(8000) / PRF)).tofile(folder / "a.sigmf-data")
    meta = {"core:datatype": "ci16_le", "core:sample_rate": PRF}
    (folder / "a.sigmf-meta").write_text(json.dumps({"global": meta, "captures": [{"core:frequency": CARRIER}]}))


def glasgow(folder):
    chirps = echo(np.arange(4000) / 2000)[:, None] * np.exp(2j * np.pi * 3 * np.arange(16) / 16)
    text = "\n".join(f"{value.real:.0f}{value.imag:+.0f}i" for value in chirps.ravel())
    (folder / "a.dat").write_text(f"24000000000\n0.5\n16\n250000000\n{text}\n")


def acconeer(folder):
    h5py = pytest.importorskip("h5py", reason="the extra hdf5 is not installed")
    stored = parts(cube()[:, :, 0]).view([("real", "<i2"), ("imag", "<i2")])[..., 0]
    sensor = dict(sweep_rate=PRF, frame_rate=RATE, continuous_sweep_mode=False, sweeps_per_frame=CHIRPS)
    with h5py.File(folder / "a.h5", "w") as file:
        session = file.create_group("sessions/session_0")
        session["session_config"] = json.dumps({"groups": [{"1": sensor}], "update_rate": None})
        entry = session.create_group("group_0/entry_0")
        entry["sensor_id"], entry["metadata"] = 1, json.dumps({"max_sweep_rate": 9000.0})
        entry["result/frame"] = stored


def reading(*argv):
    return reading_of(parser("").parse_args(["raw", "--output-dir", "data", "--window", "2", *argv]))


@pytest.mark.parametrize("write, argv", [
    (two_lanes, [*CARD, *RADAR, "--layout", "xwr68xx", "--frame-rate", "20"]),
    (two_real_lanes, [*CARD, *RADAR, "--layout", "xwr16xx", "--frame-rate", "20", "--real-adc"]),
    (four_lanes, [*CARD, *RADAR, "--layout", "xwr14xx", "--frame-rate", "20"]),
    (interleaved, ["--kind", "iq-int16", "--header-bytes", "4", *RADAR]),
    (floats, ["--kind", "iq-float32", *RADAR]), (sigmf, []), (glasgow, []), (acconeer, ["--carrier", "60.5e9"])],
    ids=lambda value: getattr(value, "__name__", None))
def test_an_approaching_echo_has_its_speed(tmp_path, write, argv):
    write(tmp_path)
    asked = reading(*argv, "--size", "64", "32")
    path, = (path for path in tmp_path.iterdir() if path.suffix != ".sigmf-data")
    recording = asked.open(path)
    samples, starts = recording.windows(2.0, 0.0)
    assert starts == [0] and recording.rate_hz == samples / 2.0
    shown = asked.spanning([recording]).image(recording, 0, samples)
    seen = shown.velocity[shown.image.mean(axis=1).argmax()]
    true = SPEED * 24 / 60.5 if write is acconeer else SPEED   # the same Doppler shift at another carrier
    assert seen == pytest.approx(true, abs=0.2)
    assert shown.image[shown.velocity < -0.3].max() < 0.5   # and is nowhere mirrored


def test_the_command_reads_a_folder_of_captures(tmp_path, capsys):
    for user in ("ID_1", "ID_2"):
        (tmp_path / "raw" / user).mkdir(parents=True)
        two_lanes(tmp_path / "raw" / user)
    argv = [str(tmp_path / "raw"), "--output-dir", str(tmp_path / "data"), "--window", "1", *CARD, *RADAR, "--layout",
            "xwr16xx", "--frame-rate", "20"]
    assert recorded_users.main(argv) == 0
    assert "4 images of 2 recordings" in capsys.readouterr().out
    sheet = json.loads((tmp_path / "data" / "recordings.json").read_text())
    assert sheet["recordings"][0]["shape"] == [FRAMES, CHIRPS, 2, 16]
    assert sheet["reading"]["file_options"] == dict(adc_samples=16, receivers=2, chirps=CHIRPS, layout="xwr16xx")


@pytest.mark.parametrize("argv, said", [
    (["--kind", "dca1000", "--layout", "xwr16xx"], ["--adc-samples, --receivers, --chirps missing"]),
    (CARD, ["--layout missing"]), ([*CARD, "--layout", "ti"], ["--layout is ti", "xwr14xx, xwr16xx"]),
    (["--layout", "xwr16xx"], ["--layout is xwr16xx", "--kind iq has ti, infineon"]),
    (["--chirps", "4"], ["--chirps is for --kind dca1000, but the kind is iq"]),
    (["--kind", "dca1000", "--header-bytes", "4"], ["--header-bytes is for --kind iq-int16"]),
    (["--kind", "spectrogram", "--real-adc"], ["--real-adc"]),
    (["--kind", "iq-int16", "--header-bytes", "-1"], ["--header-bytes is -1", "0 or more"]),
    ([*CARD[:-1], "0", "--layout", "xwr16xx"], ["--chirps is 0", "1 or more"]),
    ([*CARD, "--layout", "xwr16xx", "--transmitters", "3"], ["--chirps is 128", "--transmitters 3"])])
def test_flags_that_do_not_fit_are_refused(argv, said):
    with pytest.raises(RequestError) as caught:
        reading(*argv)
    assert all(part in str(caught.value) for part in said) and "\n" not in str(caught.value)


def test_what_no_file_tells_is_asked_for(tmp_path):
    interleaved(tmp_path)
    for argv, flag in (([], "--carrier"), (["--carrier", "24e9"], "--prf")):
        with pytest.raises(RequestError, match=f"{flag} is missing, and .*a.iq does not say it"):
            reading("--kind", "iq-int16", "--header-bytes", "4", *argv).open(tmp_path / "a.iq")
