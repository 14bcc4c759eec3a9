"""How good generated images are. Metrics take feature arrays [N, D] and know nothing of images."""

from mdgen.validation.judges.inception_features import inception_features
from mdgen.validation.metrics.frechet import frechet_distance
from mdgen.validation.metrics.inception_score import inception_score
from mdgen.validation.metrics.kernel_distance import kernel_distance, kernel_distance_full
from mdgen.validation.metrics.precision_recall import density_coverage, precision_recall

__all__ = ["density_coverage", "frechet_distance", "inception_features", "inception_score", "kernel_distance",
           "kernel_distance_full", "precision_recall"]
