"""The registry: every model of the study, by name.

To add one, write a file that ends in a `VARIANT`, or several in `VARIANTS`, and list it here. Commands, tests and
documents follow this list.
"""

from __future__ import annotations

from cartoon_color.config import NetworkSettings
from cartoon_color.errors import SettingsError
from cartoon_color.variants import compact, plain, reference_cnn, residual, vgg
from cartoon_color.variants.base import Colorizer, Model, Prediction, Variant

VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (compact.VARIANT, *plain.VARIANTS, *residual.VARIANTS, reference_cnn.VARIANT, vgg.VARIANT)
}

__all__ = ["VARIANTS", "Colorizer", "Model", "Prediction", "Variant", "build", "find"]


def find(name: str) -> Variant:
    """A variant of the registry; SettingsError for a name that is not in it."""
    if name not in VARIANTS:
        raise SettingsError(f"there is no variant {name!r}; choose one of: {', '.join(VARIANTS)}")
    return VARIANTS[name]


def build(name: str, settings: NetworkSettings) -> Model:
    """A freshly initialized model; SettingsError for a name that is not in the registry."""
    return Model(find(name), settings)
