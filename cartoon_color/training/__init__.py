"""One training loop for every variant."""

from cartoon_color.training.loop import Progress, train
from cartoon_color.training.processes import is_first
from cartoon_color.training.validation import validate

__all__ = ["Progress", "is_first", "train", "validate"]
