"""What generated images are worth. Metrics take feature arrays [N, D] and know nothing of images."""

from mdgen.validation.fid import RunningMoments, frechet_distance
from mdgen.validation.judges.inception_features import inception_features
from mdgen.validation.inception_score import inception_score
from mdgen.validation.kid import kernel_distance, kernel_distance_full
from mdgen.validation.precision_recall import density_coverage, precision_recall

__all__ = ["RunningMoments", "density_coverage", "frechet_distance", "inception_features", "inception_score",
           "kernel_distance", "kernel_distance_full", "precision_recall"]
