#!/usr/bin/env bash
# pytorch-fid 0.3.0 and clean-fid 0.1.35 ask scipy.linalg.sqrtm for two values with disp=False. SciPy 1.18.0, which
# they accept, has no argument `disp`: both stop with a TypeError on any two Gaussians. SciPy 1.17.1 computes them.
# Remedy for users: scipy<1.18 beside these packages.
#
# Needs Python 3.12 or newer, for which SciPy 1.18 is made: PYTHON=python3.12 findings/fid_packages_scipy_1_18.sh
# Fails if this is no longer so.
set -euo pipefail
python=${PYTHON:-python3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 12) and "needs Python 3.12 or newer; set PYTHON")'
"$python" -m venv "$folder/venv"
pip() { "$folder/venv/bin/python" -m pip --quiet --disable-pip-version-check install "$@"; }
pip numpy==2.4.2
pip --no-deps --target "$folder/fid" pytorch-fid==0.3.0 clean-fid==0.1.35
pip --no-deps --target "$folder/new" scipy==1.18.0
pip --no-deps --target "$folder/old" scipy==1.17.1

cat > "$folder/run.py" <<'PYTHON'
"""The Fréchet distances of both packages, taken out of their files, since the rest of these needs PyTorch."""
import ast
import pathlib
import sys
import warnings

import numpy as np
import scipy
from scipy import linalg

warnings.simplefilter("ignore")
mean, covariance, shift = np.zeros(4), np.diag([1.0, 2.0, 3.0, 4.0]), np.full(4, 0.5)   # the distance is 4 * 0.5**2 = 1
for file, name in (("pytorch_fid/fid_score.py", "calculate_frechet_distance"), ("cleanfid/fid.py", "frechet_distance")):
    tree = ast.parse(pathlib.Path(sys.argv[1], file).read_text())
    tree.body = [node for node in tree.body if getattr(node, "name", None) == name]
    assert tree.body, f"{file} has no {name} any more"
    known = {"np": np, "linalg": linalg}
    exec(compile(tree, file, "exec"), known)
    try:
        found = f"{known[name](mean, covariance, shift, covariance):.6f}"
    except TypeError as error:
        found = f"TypeError: {error}"
    print(f"scipy {scipy.__version__}, {name} of {file}: {found}")
PYTHON

for scipy in new old; do
    PYTHONPATH="$folder/$scipy" "$folder/venv/bin/python" "$folder/run.py" "$folder/fid"
done | tee "$folder/output"
[ "$(grep -c "^scipy 1.18.0, .* TypeError: .*disp" "$folder/output")" = 2 ]
[ "$(grep -c "^scipy 1.17.1, .*: 1.000000$" "$folder/output")" = 2 ]
echo "as described"
