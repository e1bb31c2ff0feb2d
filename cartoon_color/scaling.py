"""The one way from a frame to the size that networks see, in training as in rendering."""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = TypeVar("Picture", bound=NDArray[Any])


def squeeze(picture: Picture, size: int) -> Picture:
    """(H, W) or (H, W, C) of any integer type or float32 to (size, size, ...); the aspect ratio is not kept.

    Shrinks by averaging areas, as the thesis's 704x528 to 256x256 (section 4.1.1), halving first where that is exact,
    which takes half the time; enlarges linearly.
    """
    height, width = picture.shape[:2]
    while min(height, width) >= 2 * size and height % 2 == width % 2 == 0:
        height, width = height // 2, width // 2
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))  # type: ignore[assignment]
    method = cv2.INTER_AREA if max(height, width) > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size, size), interpolation=method))  # type: ignore[return-value]
