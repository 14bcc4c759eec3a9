"""One trained run on disk, and all that draws images from it."""
