"""One drawing -> its regions, and one color for each (thesis section 8.4.1).

Segmentations are (H, W) int32: regions are numbered from 1, 0 is in no region.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]
"""(H, W), number of the region of each pixel, from 1; 0 for none."""
Lightness = NDArray[np.float32]
"""(H, W), L* in any range."""


def normalize(lightness: Lightness) -> Lightness:
    """Stretch L* to 0..1, so that a faded picture has the regions of the picture; one without contrast becomes 0.

    Raises:
        ValueError: Not a picture, (H, W) with at least one pixel.
    """
    if lightness.ndim != 2 or not lightness.size:
        raise ValueError(f"lightness must be (H, W), got {lightness.shape = }")
    low, high = lightness.min(), lightness.max()
    return np.asarray((lightness - low) / max(high - low, np.float32(1e-6)), np.float32)
