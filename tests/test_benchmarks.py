"""The files in benchmarks/ as a stranger meets them: --help explains each at once, before anything heavy is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))
HEAVY = ("torch", "scipy", "matplotlib", "mdgen.radar", "mdgen.data")
HELP = """
import runpy, sys
path, heavy = sys.argv[1], sys.argv[2].split(",")
sys.argv = [path, "--help"]
try:
    runpy.run_path(path, run_name="__main__")
finally:
    print("loaded:", *(name for name in heavy if name in sys.modules))
"""


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_help_is_answered_before_anything_heavy_is_loaded(path, tmp_path):
    done = subprocess.run([sys.executable, "-c", HELP, path, ",".join(HEAVY)], capture_output=True, text=True,
                          cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    *told, loaded = done.stdout.splitlines()
    assert told[0].startswith(f"usage: {path.name} [-h]") and len(told) > 8
    assert loaded == "loaded:"
    assert not list(tmp_path.iterdir())


def test_the_reference_metrics_say_which_scipy_they_need(tmp_path):
    for package in ("pytorch_fid", "torch_fidelity", "cleanfid", "prdc"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "scipy-1.18.0.dist-info").mkdir()
    (tmp_path / "scipy-1.18.0.dist-info" / "METADATA").write_text("Name: scipy\nVersion: 1.18.0\n")
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "compare_reference_metrics.py"], capture_output=True,
                          text=True, env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})
    assert done.returncode == 2 and "SciPy is 1.18.0" in done.stderr and "below 1.18" in done.stderr


def test_the_folder_was_found():
    assert BENCHMARKS
