"""Images in and out: user folders as one in-memory dataset with a split that does not leak, pseudo-colour
images to intensity and back, and the augmentation that leaves a walker's identity alone."""

from mdgen.data.colormap import COLORMAPS, detect_colormap, to_color, to_intensity
from mdgen.data.splits import Split, block_sizes, split_blocks
from mdgen.data.transforms import augment
from mdgen.data.user_folders import UserFolders

__all__ = ["COLORMAPS", "Split", "UserFolders", "augment", "block_sizes", "detect_colormap", "split_blocks",
           "to_color", "to_intensity"]
