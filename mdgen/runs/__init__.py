"""One trained run on disk, and all that generates images from it."""
