"""Images in and out: user folders as one in-memory dataset with a split that does not leak, pseudo-colour
images to intensity and back, and the augmentation that leaves a walker's identity alone."""

from mdgen import lazy_names

# imported when first asked for: the simulator's commands and processes need no torch
__getattr__, __dir__, __all__ = lazy_names({
    "mdgen.data.colormap": ("COLORMAPS", "detect_colormap", "to_color", "to_intensity"),
    "mdgen.data.held_out": ("block_sizes", "split_blocks"),
    "mdgen.data.splits": ("Split",),
    "mdgen.data.transforms": ("augment",),
    "mdgen.data.user_folders": ("UserFolders",)})
