"""`import mdgen` costs nothing and reaches everything; `mdgen train` is `python train.py`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mdgen

ROOT = Path(__file__).resolve().parents[1]


def python(*argv):
    return subprocess.run([sys.executable, *map(str, argv)], capture_output=True, text=True, cwd=ROOT,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})


def test_nothing_heavy_is_imported_until_it_is_used():
    found = python("-c", "import mdgen, sys; print(sorted({'torch', 'scipy', 'numpy', 'PIL'} & set(sys.modules)));"
                         "mdgen.NoiseSchedule; print('torch' in sys.modules)")
    assert found.stdout.split("\n")[:2] == ["[]", "True"], found.stderr


def test_every_public_name_is_there():
    assert all(getattr(mdgen, name) is not None for name in mdgen.__all__) and set(mdgen.__all__) <= set(dir(mdgen))
    assert {"VAE", "UNet", "NoiseSchedule", "EMA", "MixedPrecision", "frechet_distance", "load"} <= set(mdgen.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Vae'"):
        mdgen.Vae


@pytest.mark.parametrize("command", ["train", "sample", "evaluate"])
def test_the_module_does_what_the_script_does(command):
    script, module = python(f"{command}.py", "--help"), python("-m", "mdgen", command, "--help")
    assert script.returncode == module.returncode == 0 and f"usage: mdgen {command}" in module.stdout
    body = [out.partition("\n\n")[2] for out in (script.stdout, module.stdout)]
    assert body[0] == body[1] and len(body[0]) > 500
    wrong = python("-m", "mdgen", command, "--no-such-flag")
    assert wrong.returncode == 2 and "--no-such-flag is not a flag" in wrong.stderr and wrong.stderr.count("\n") == 1


def test_a_command_that_there_is_not_names_those_there_are():
    for argv, status in (([], 2), (["draw"], 2), (["--help"], 0)):
        found = python("-m", "mdgen", *argv)
        assert found.returncode == status and "train,sample,evaluate" in found.stdout + found.stderr
