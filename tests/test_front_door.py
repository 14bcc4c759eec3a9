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
                         "import mdgen.data.demo, mdgen.runs.lock; print('torch' in sys.modules);"
                         "mdgen.NoiseSchedule; print('torch' in sys.modules)")
    assert found.stdout.split() == ["[]", "False", "True"], found.stderr


def test_every_public_name_is_there():
    assert all(getattr(mdgen, name) is not None for name in mdgen.__all__) and set(dir(mdgen)) <= set(mdgen.__all__)
    assert all(getattr(mdgen.data, name) is not None for name in mdgen.data.__all__)
    assert {"VAE", "UNet", "NoiseSchedule", "EMA", "MixedPrecision", "frechet_distance", "load"} <= set(mdgen.__all__)
    with pytest.raises(AttributeError, match="there is no attribute 'Vae'; expected one of load"):
        mdgen.Vae


@pytest.mark.parametrize("command", ["train", "sample", "evaluate"])
def test_the_module_does_what_the_script_does(command):
    script, module = python(f"{command}.py", "--help"), python("-m", "mdgen", command, "--help")
    assert script.returncode == module.returncode == 0 and f"usage: mdgen {command}" in module.stdout
    body = [out.partition("\n\n")[2] for out in (script.stdout, module.stdout)]
    renamed = body[0].replace(f"python {command}.py", f"mdgen {command}")
    for other in ("train", "sample", "evaluate"):
        renamed = renamed.replace(f"python {other}.py", f"mdgen {other}").replace(f"{other}.py", f"mdgen {other}")
    assert renamed.split() == body[1].split() and len(body[0]) > 500
    wrong = python("-m", "mdgen", command, "--no-such-flag")
    assert wrong.returncode == 2 and "--no-such-flag is not a flag" in wrong.stderr and wrong.stderr.count("\n") == 1


def test_a_command_that_there_is_not_names_those_there_are():
    for argv in ([], ["--help"]):
        found = python("-m", "mdgen", *argv)
        assert found.returncode == 0 and "train,sample,evaluate" in found.stdout
    wrong = python("-m", "mdgen", "trian")
    assert wrong.returncode == 2 and "no command trian" in wrong.stderr and "train, sample, evaluate" in wrong.stderr
    assert python("-m", "mdgen", "--version").stdout == f"mdgen {mdgen.__version__}\n"


def test_the_module_speaks_of_itself_and_not_of_scripts_that_are_not_there():
    for argv in (["train", "--help"], ["sample", "--help"], ["evaluate", "--help"], ["sample"], ["train", "distill"]):
        found = python("-m", "mdgen", *argv)
        assert ".py" not in found.stdout + found.stderr, found
