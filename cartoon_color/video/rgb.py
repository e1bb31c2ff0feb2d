"""From decoded frames to sRGB, for the training pictures.

OpenCV's matrix product on 8-bit codes is at most one code value beside the exact result (the tests say) and takes a
twentieth of swscale's accurate path; its ready-made YUV conversions know BT.601 in limited range only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import LUMA_WEIGHTS, chroma_planes
from cartoon_color.frames import RGB, Chroma, ColorRange, Luma, Matrix, VideoInfo
from cartoon_color.video.formats import Layout, component, layout, planes

_ROUNDING = 0.5
"""Codes, root mean square, left for rounding (of chroma between samples, and of RGB) and for doubled edges. In 10,600
frames of 12 films the bound holds without it."""


@dataclass(frozen=True, eq=False)
class Planes:
    """A picture as the film stores it, and as sRGB only if asked for: nobody looks at that of a duplicate."""

    parts: Sequence[NDArray[Any]]
    """Y; Y, Cb, Cr; or R, G, B: codes as decoded, uint8 for 8 bits, else uint16."""
    form: Layout
    info: VideoInfo

    @classmethod
    def of(cls, picture: av.VideoFrame, luma: Luma, info: VideoInfo) -> Planes:
        """The planes of `picture`, whose Y is `luma` unless it stores R, G, B."""
        form = layout(picture.format.name)
        if form.rgb or not form.places:
            return cls(planes(picture, form), form, info)
        return cls([luma, *(component(picture, form, index) for index in range(1, len(form.places)))], form, info)

    @cached_property
    def rgb(self) -> RGB:
        """(H, W, 3) uint8 sRGB; transfer functions are taken as the display's, as players do.

        Chroma is interpolated linearly; it is sited as in MPEG-2 (left, between the lines), for yuvj in the middle.
        """
        form, parts = self.form, self.parts
        if form.rgb:
            return np.ascontiguousarray(cv2.merge([_to_byte(part, form.depth) for part in parts]))
        coefficients = rgb_matrix(self.info.matrix, self.info.color_range, form.depth)
        if form.gray:
            parts = [parts[0]] * 3
            coefficients = coefficients.copy()
            coefficients[:, 3] += coefficients[:, 1:3].sum(axis=1) * (1 << form.depth - 1)
            coefficients[:, 1:3] = 0
        else:
            left = not form.name.startswith("yuvj")
            parts = [parts[0], *(_upsampled(part, parts[0].shape, left) for part in parts[1:])]
        codes = cv2.merge(parts)
        if form.depth == 8:
            return np.asarray(cv2.transform(codes, coefficients), np.uint8)
        return np.clip(np.rint(cv2.transform(codes.astype(np.float32), coefficients)), 0, 255).astype(np.uint8)

    def greatest_difference(self, other: Planes) -> float:
        """A bound on the mean squared difference to `other` in RGB, over pixels and channels, in 8-bit codes.

        RGB is linear in the planes but for clipping, which brings pictures closer, and interpolation does not make a
        plane's differences larger; so by the triangle inequality the root mean square in RGB is at most the sum of
        those of the planes, each times the length of its column of the matrix, and what rounding adds. Infinite for
        films in RGB, of which the difference itself is known as soon.
        """
        if self.form.rgb:
            return math.inf
        columns = rgb_matrix(self.info.matrix, self.info.color_range, self.form.depth)[:, : len(self.parts)]
        squares = [cv2.norm(a, b, cv2.NORM_L2SQR) / a.size for a, b in zip(self.parts, other.parts, strict=True)]
        if not any(squares):
            return 0.0
        return float((np.sqrt((columns**2).mean(axis=0)) @ np.sqrt(squares) + _ROUNDING) ** 2)


def paint(luma: NDArray[np.uint8], ab: Chroma) -> RGB:
    """The picture (H, W, 3) with luma (H, W), uint8 in full range, up to rounding, and with a, b (H, W, 2)."""
    u, v = chroma_planes(luma, ab, luma.shape, bit_depth=8, color_range="full", matrix="bt601")
    return np.asarray(cv2.transform(cv2.merge([luma, u, v]), rgb_matrix("bt601", "full", 8)), np.uint8)


@lru_cache
def rgb_matrix(matrix: Matrix, color_range: ColorRange, depth: int) -> NDArray[np.float64]:
    """(3, 4) from Y, Cb, Cr codes of `depth` bits, and 1, to R, G, B in 0..255 (ITU-R BT.2100-2, tables 6 and 9)."""
    kr, kg, kb = LUMA_WEIGHTS[matrix]
    unit = 1 << depth - 8
    if color_range == "full":
        luma, chroma, black = 255 / (256 * unit - 1), 255 / (256 * unit - 1), 0
    else:
        luma, chroma, black = 255 / (219 * unit), 255 / (224 * unit), 16 * unit
    from_cb, from_cr = 2 * (1 - kb) * chroma, 2 * (1 - kr) * chroma
    product = np.array(
        [[luma, 0, from_cr], [luma, -from_cb * kb / kg, -from_cr * kr / kg], [luma, from_cb, 0]], np.float64
    )
    offset = -product @ np.array([black, 128 * unit, 128 * unit], np.float64)
    return np.hstack([product, offset[:, None]])


def _upsampled(chroma: NDArray[Any], shape: tuple[int, ...], left: bool) -> NDArray[Any]:
    """`chroma` (h, w) at the size of luma `shape` (H, W)."""
    height, width = shape
    columns = chroma.shape[1]
    if not left or columns != (width + 1) // 2 or columns == width:
        return np.asarray(cv2.resize(chroma, (width, height), interpolation=cv2.INTER_LINEAR))
    # Even columns of luma lie on those of chroma, odd ones between two; OpenCV's resampling by coordinates is slower.
    chroma = np.asarray(cv2.resize(chroma, (columns, height), interpolation=cv2.INTER_LINEAR))
    between = np.asarray(cv2.addWeighted(chroma, 0.5, np.roll(chroma, -1, axis=1), 0.5, 0))
    between[:, -1] = chroma[:, -1]
    return np.asarray(cv2.merge([chroma, between])).reshape(height, 2 * columns)[:, :width]


def _to_byte(codes: NDArray[Any], depth: int) -> NDArray[np.uint8]:
    if depth == 8:
        return np.asarray(codes, np.uint8)
    return np.rint(codes * np.float32(255 / ((1 << depth) - 1))).astype(np.uint8)
