"""How good generated images are. Metrics take feature arrays [N, D] and know nothing of images."""

from mdgen import lazy_names

# imported when first asked for: metrics of arrays need no torch
__getattr__, __dir__, __all__ = lazy_names({
    "mdgen.validation.judges.inception_features": ("inception_features",),
    "mdgen.validation.judges.two_sample": ("classifier_two_sample",),
    "mdgen.validation.metrics.frechet": ("frechet_distance",),
    "mdgen.validation.metrics.inception_score": ("inception_score",),
    "mdgen.validation.metrics.kernel_distance": ("kernel_distance", "kernel_distance_stratified"),
    "mdgen.validation.metrics.precision_recall": ("density_coverage", "precision_recall")})
