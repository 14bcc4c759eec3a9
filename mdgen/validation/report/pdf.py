"""The same drawings as vector PDF, where matplotlib is installed: `pip install mdgen[plots]`."""

import warnings

from mdgen.files import whole_file
from mdgen.validation.report.drawing import INK, Dot, Drawing, Line, Text

ANCHORS = {"start": "left", "middle": "center", "end": "right"}


def pdf_possible() -> bool:
    """Whether matplotlib can be imported."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def write_pdf(drawing: Drawing, path) -> None:
    """Write a drawing as PDF, a point as a point. Raises ImportError without matplotlib."""
    import matplotlib
    from matplotlib.figure import Figure

    plain = {"pdf.fonttype": 42, "lines.scale_dashes": False, "font.family": ["DejaVu Sans"]}   # 42: text stays text
    with matplotlib.rc_context(plain), warnings.catch_warnings(), whole_file(path) as temporary:
        warnings.simplefilter("ignore")                     # a user's name may have letters that the font lacks
        figure = Figure(figsize=(drawing.width / 72, drawing.height / 72))
        axes = figure.add_axes([0, 0, 1, 1], xlim=(0, drawing.width), ylim=(drawing.height, 0))
        axes.axis("off")
        for order, item in enumerate(drawing.items):
            add(axes, item, order)
        figure.savefig(temporary, format="pdf", metadata={"CreationDate": None, "Title": drawing.title})


def add(axes, item, order: int) -> None:
    """Draw one item above the earlier ones."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle

    if isinstance(item, Line):
        dashes = (0, tuple(map(float, item.dashes.split()))) if item.dashes else "solid"
        axes.add_line(Line2D(*zip(*item.points), color=item.colour, linewidth=item.width, linestyle=dashes,
                             zorder=order))
    elif isinstance(item, Dot):
        axes.add_patch(Circle((item.x, item.y), item.radius, facecolor="none" if item.ring else item.colour,
                              edgecolor=item.colour if item.ring else "none", linewidth=1.5, zorder=order))
    elif isinstance(item, Text):
        axes.text(item.x, item.y, item.words, fontsize=item.size * 0.92, color=INK, ha=ANCHORS[item.anchor],
                  va="baseline", rotation=90 if item.turned else 0, rotation_mode="anchor", parse_math=False,
                  zorder=order)
    else:
        axes.imshow(item.pixels, extent=(item.x, item.x + item.width, item.y + item.height, item.y), aspect="auto",
                    interpolation="none", zorder=order)
        axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
