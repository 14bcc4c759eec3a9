"""What generated images are worth. Metrics take feature arrays [N, D] and know nothing of images."""

from mdgen.validation.fid import frechet_distance
from mdgen.validation.inception_score import inception_score
from mdgen.validation.kid import kernel_distance
from mdgen.validation.precision_recall import precision_recall

__all__ = ["frechet_distance", "inception_score", "kernel_distance", "precision_recall"]
