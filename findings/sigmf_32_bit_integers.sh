#!/usr/bin/env bash
# sigmf 1.14.0 reads complex 32-bit integers (ci32_le, cu32_le and their _be) as complex64, which keeps 24 bits of each
# number: 16777217 comes back as 16777216, and so do both of two samples that differ by 1. No warning is given. With
# autoscale=False too, which is there to give the numbers as they are stored. Other datatypes keep all their bits.
# Remedy for users: numpy.fromfile(name.sigmf-data, "<i4").
#
# Fails if this is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip --quiet --disable-pip-version-check install sigmf==1.14.0

cat > "$folder/run.py" <<'PYTHON'
import json
import pathlib
import sys

import numpy as np
import sigmf

folder = pathlib.Path(sys.argv[1])
stored = np.array([[16777217, 1], [16777216, 1]], "<i4")
(folder / "walk.sigmf-data").write_bytes(stored.tobytes())
meta = {"global": {"core:datatype": "ci32_le", "core:sample_rate": 2000, "core:version": "1.2.0"},
        "captures": [{"core:sample_start": 0}], "annotations": []}
(folder / "walk.sigmf-meta").write_text(json.dumps(meta))
recording = sigmf.sigmffile.fromfile(folder / "walk.sigmf-meta", autoscale=False)
recording.validate()
found = recording.read_samples()
read = found.real.astype(int).tolist()
print(f"sigmf {sigmf.__version__}: stored {stored[:, 0].tolist()}, read {read} as {found.dtype}")
PYTHON

"$folder/venv/bin/python" "$folder/run.py" "$folder" | tee "$folder/output"
grep -qx "sigmf 1.14.0: stored \[16777217, 16777216\], read \[16777216, 16777216\] as complex64" "$folder/output"
echo "as described"
