"""All that a report has to measure on every image, once, and kept: what follows needs no image any more."""

from dataclasses import asdict, dataclass

import numpy as np

from mdgen.data.image_axes import ImageAxes
from mdgen.files import digest
from mdgen.validation.cache import Cache
from mdgen.validation.image_measures import image_measures
from mdgen.validation.metrics.simple_features import simple_features
from mdgen.validation.metrics.spectral_texture import fine_power

VERSION = 1   # raise it when a measure changes: it is then taken anew


@dataclass(frozen=True)
class ImageFacts:
    """Of the images [N, C, H, W] of a set: measures (`image_measures`) and simple features by name, and the
    `fine_power` [N]."""

    measures: dict
    simple: dict
    fine_power: np.ndarray

    def table(self):
        """The simple features as columns, [N, F]."""
        return np.stack([*self.simple.values()], axis=1)

    def arrays(self) -> dict:
        """As named arrays; `of_arrays` reads them back."""
        return {**{f"measures/{name}": values for name, values in self.measures.items()},
                **{f"simple/{name}": values for name, values in self.simple.items()}, "fine_power": self.fine_power}

    @staticmethod
    def of_arrays(arrays: dict) -> "ImageFacts":
        def part(prefix):
            return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}

        return ImageFacts(part("measures/"), part("simple/"), arrays["fine_power"])

    @staticmethod
    def of(images, axes: ImageAxes | None, patches, cache: Cache | None = None) -> "ImageFacts":
        """Measured on images uint8 [N, C, H, W], or what the cache has of them."""
        def measured():
            simple = simple_features(images, patches)
            return ImageFacts(image_measures(images, axes), simple, fine_power(images)).arrays()

        key = digest(images, {"axes": axes and asdict(axes), "patches": list(patches), "version": VERSION})
        return ImageFacts.of_arrays(measured() if cache is None else cache.arrays("facts", key, measured))
