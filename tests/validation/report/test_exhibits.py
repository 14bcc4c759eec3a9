"""Figures as files: vector PDFs where matplotlib is installed, none that is older than its SVG."""

import sys

import numpy as np
import pytest

from mdgen.validation.report.charts import Chart
from mdgen.validation.report.exhibits import Exhibits
from mdgen.validation.report.image_grid import ImageGrid


def shown(last=1.0):
    """A chart with a label that is no formula, and images."""
    exhibits = Exhibits()
    exhibits.keep(Chart("curve", [("price in $x_1$, Zoë", [0, 1, 2], [0, 1, last], [0.1, None, 0.2])], "x", "y"))
    exhibits.keep(ImageGrid("images", "t", [("a", 1)], [("", [np.zeros((8, 8, 3), np.uint8)], ())], colormap="jet"))
    return exhibits


def test_pdfs_are_vectors_of_the_drawing_s_size_with_text_in_embedded_fonts(tmp_path):
    pytest.importorskip("matplotlib")
    shown().write(tmp_path)
    curve, images = ((tmp_path / "figures" / f"{name}.pdf").read_bytes() for name in ("curve", "images"))
    assert curve.startswith(b"%PDF") and b"/Subtype /Image" not in curve and b"/Subtype /Image" in images
    assert b"/MediaBox [ 0 0 480 318 ]" in curve
    assert b"/FontFile2" in curve and b"/Subtype /Type3" not in curve             # as publishers ask


def test_a_pdf_is_drawn_anew_with_its_figure_alone_and_never_outlives_it(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    shown().write(tmp_path)
    path = tmp_path / "figures" / "curve.pdf"
    before = path.stat().st_mtime_ns
    shown().write(tmp_path)
    assert path.stat().st_mtime_ns == before
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    shown().write(tmp_path)
    assert path.exists()
    shown(last=2.0).write(tmp_path)
    assert not path.exists() and (tmp_path / "figures" / "images.pdf").exists()


def test_without_matplotlib_there_are_svgs_alone(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    shown().write(tmp_path)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["curve.svg", "images.svg"]


def test_nothing_is_kept_of_a_figure_that_there_is_not():
    exhibits = Exhibits()
    assert exhibits.figure(None) == "" and not exhibits.figures
