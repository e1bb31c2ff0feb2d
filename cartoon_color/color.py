"""Color spaces and the 313 ab bins: pure functions on NumPy arrays.

R'G'B' is taken as sRGB (IEC 61966-2-1) with the D65 white of CIELAB, whatever primaries and transfer a film is tagged
with; only the matrix and the range of its Y'CbCr are followed. That is what players do with untagged cartoons, and it
makes a, b of a picture independent of the container it came in.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.frames import RGB, Chroma, ColorRange, Luma, Matrix

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Float = NDArray[np.float32]

LUMA_WEIGHTS: dict[Matrix, tuple[float, float, float]] = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020": (0.2627, 0.6780, 0.0593),
}
"""Weights of R', G', B' in Y' (ITU-R BT.601-7, BT.709-6, BT.2020-2)."""

_RGB_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)  # as in skimage.color.rgb2lab
_XYZ_TO_RGB = np.linalg.inv(_RGB_TO_XYZ).astype(np.float32)
_WHITE_D65 = np.array([0.95047, 1.0, 1.08883], np.float32)


def rgb_to_lab(rgb: RGB) -> Float:
    """CIELAB of an sRGB picture: (..., 3) uint8 to (..., 3) float32, L* 0..100.

    As skimage.color.rgb2lab up to rounding, in a tenth of its time.
    """
    return _linear_to_lab(cv2.LUT(rgb.reshape(1, -1, 3), _linear_light())).reshape(rgb.shape)


def _linear_to_lab(linear: NDArray[Any]) -> Float:
    """CIELAB of linear light, (1, N, 3) float32."""
    xyz = cv2.transform(linear, (_RGB_TO_XYZ / _WHITE_D65[:, None]).astype(np.float32))
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    lab = cv2.transform(f, np.array([[0, 116, 0, -16], [500, -500, 0, 0], [0, 200, -200, 0]], np.float32))
    return np.asarray(lab, np.float32)


@lru_cache
def _linear_light() -> Float:
    """Light of every 8-bit code: (256,), 0..1."""
    return np.asarray(_decode(np.arange(256) / 255), np.float32)


def _decode(encoded: NDArray[Any]) -> NDArray[Any]:
    """Light, 0..1, of sRGB's R', G' or B', 0..1."""
    return np.where(encoded > 0.04045, ((encoded + 0.055) / 1.055) ** 2.4, encoded / 12.92)


def lab_to_rgb(lab: Float) -> RGB:
    """sRGB picture of CIELAB: (..., 3) to (..., 3) uint8; what is out of gamut is clipped channel by channel."""
    rgb = np.clip(_lab_to_encoded_rgb(lab[..., 0], lab[..., 1:]), 0, 1)
    return np.asarray(np.rint(rgb * 255), np.uint8)


def mean_ab_in_rgb(lightness: Float, members: Float, weights: Sequence[float] | None = None) -> Float:
    """a, b of the mean R'G'B' of several colors; each is clipped to the sRGB gamut first.

    Args:
        lightness: (...) float32, L* 0..100 that they share, or (M, ...), of each.
        members: (M, ..., 2) float32, the a, b of M colors.
        weights: M of them, where the colors don't count alike.

    Returns:
        (..., 2) float32.
    """
    encoded = np.average(np.clip(_lab_to_encoded_rgb(lightness, members), 0, 1), axis=0, weights=weights)
    return _linear_to_lab(_decode(encoded).reshape(1, -1, 3)).reshape(encoded.shape)[..., 1:]


def _lab_to_encoded_rgb(lightness: Float, ab: Float) -> Float:
    """R'G'B' of CIELAB, unclipped: negative light gets a negative code by odd symmetry."""
    fy = (lightness + 16) / 116
    f = np.stack(np.broadcast_arrays(fy + ab[..., 0] / 500, fy, fy - ab[..., 1] / 200), axis=-1)
    xyz = np.where(f > 6 / 29, f**3, (f - 16 / 116) * np.float32(3 * (6 / 29) ** 2)) * _WHITE_D65
    linear = xyz @ _XYZ_TO_RGB.T
    size = np.abs(linear)
    encoded = np.where(size > 0.0031308, 1.055 * size ** np.float32(1 / 2.4) - 0.055, 12.92 * size)
    return np.asarray(np.sign(linear) * encoded, np.float32)


def luma_of_rgb(rgb: RGB, matrix: Matrix) -> NDArray[np.uint8]:
    """Full-range Y' of an sRGB picture: (H, W, 3) uint8 to (H, W) uint8, rounded."""
    weights = np.array([LUMA_WEIGHTS[matrix]], np.float32)
    return cv2.transform(rgb, weights).reshape(rgb.shape[:2]).astype(np.uint8, copy=False)


def normalized_luma(bit_depth: int, color_range: ColorRange) -> Float:
    """Y' in 0..1 for every luma code: (2**bit_depth,); codes beyond nominal black and white are clipped."""
    codes: Float = np.arange(2**bit_depth, dtype=np.float32)
    scale = 2 ** (bit_depth - 8)
    black, white = (0, 2**bit_depth - 1) if color_range == "full" else (16 * scale, 235 * scale)
    return np.asarray(np.clip((codes - black) / (white - black), 0, 1), np.float32)


def gray_lightness(luma: Float) -> Float:
    """L* (0..100) of the gray whose R' = G' = B' = `luma` (0..1), element by element."""
    linear = _decode(luma)
    f = np.where(linear > (6 / 29) ** 3, np.cbrt(linear), linear / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.asarray(116 * f - 16, np.float32)


@lru_cache(maxsize=8)
def _lightness_table(bit_depth: int, color_range: ColorRange) -> Float:
    return gray_lightness(normalized_luma(bit_depth, color_range))


def luma_to_lightness(luma: Luma, bit_depth: int, color_range: ColorRange) -> Float:
    """L* of the gray picture that the luma plane shows: (H, W) codes to (H, W) float32, 0..100.

    This, not the L* of the color's own CIELAB, is all that a black-and-white film has; the two differ on saturated
    paint (a pure blue has L* 32, its luma shows a gray of L* 10).
    """
    table = _lightness_table(bit_depth, color_range)
    if luma.dtype == np.uint8:
        return np.asarray(cv2.LUT(luma, table))
    return table[np.minimum(luma, len(table) - 1)]


# --- a, b at a given luma -> U, V ------------------------------------------------------------------------------------

_AB_STEP = 4.0
_AB_LIMIT = 120.0
_AB_NODES = int(2 * _AB_LIMIT / _AB_STEP) + 1
_LUMA_LEVELS = 256


@lru_cache(maxsize=4)
def _chroma_table(matrix: Matrix) -> Float:
    """U, V (each -0.5..0.5) on a grid of (Y', a, b): (_LUMA_LEVELS * _AB_NODES, _AB_NODES, 2).

    Along each ray of constant hue, every color is placed at the lightness that gives it the wanted luma; beyond the
    sRGB gamut, a and b stay at the last color inside. At its corners, the rays are too sparse to find it, so what is
    left outside loses chroma in U, V. The gamut is convex in Y'UV, so what is interpolated between nodes stays inside.
    """
    weights = np.array(LUMA_WEIGHTS[matrix], np.float32)
    luma = np.linspace(0, 1, 65, dtype=np.float32)
    hue = np.linspace(0, 2 * np.pi, 121, dtype=np.float32)
    chroma = np.linspace(0, 170, 69, dtype=np.float32)
    rays = np.stack([np.cos(hue), np.sin(hue)], axis=-1)[:, None] * chroma[:, None]  # (hue, chroma, 2)

    lightness = np.linspace(0, 100, 101, dtype=np.float32)
    columns = rays.reshape(-1, 2)
    reached = _lab_to_encoded_rgb(lightness[:, None], columns) @ weights  # grows with lightness
    wanted = np.stack([np.interp(luma, column, lightness) for column in reached.T], axis=-1).astype(np.float32)
    rgb = _lab_to_encoded_rgb(wanted, columns).reshape(len(luma), *rays.shape[:2], 3)
    # How far a color lies outside: R', G', B' beyond 0..1, or a luma that no lightness gives.
    excess = np.maximum(np.maximum(-rgb, rgb - 1).max(axis=-1), np.abs(rgb @ weights - luma[:, None, None]) - 1e-2)
    inside = np.maximum.accumulate(excess, axis=-1) <= 1e-3
    last = np.maximum(inside.sum(axis=-1) - 1, 0)  # (luma, hue)
    after = np.minimum(last + 1, len(chroma) - 1)
    below = np.take_along_axis(excess, last[..., None], -1)[..., 0]
    above = np.take_along_axis(excess, after[..., None], -1)[..., 0]
    step = np.clip(-below / np.where(above > below, above - below, 1), 0, 1) * ~inside[..., -1]
    limit = (last + step).astype(np.float32)  # in steps of chroma

    red, _, blue = LUMA_WEIGHTS[matrix]
    gray = luma[:, None, None]
    uv = np.stack([(rgb[..., 2] - gray) / (2 - 2 * blue), (rgb[..., 0] - gray) / (2 - 2 * red)], axis=-1)
    uv -= uv[:, :, :1]  # gray is neutral to the last digit
    to_rgb = np.array([[0, 2 - 2 * blue], [2 - 2 * red, 0]], np.float32)
    to_rgb = np.insert(to_rgb, 1, -(to_rgb @ weights[[0, 2]]) / weights[1], axis=1)
    axis = np.linspace(-_AB_LIMIT, _AB_LIMIT, _AB_NODES, dtype=np.float32)
    size, angle = cv2.cartToPolar(*np.meshgrid(axis, axis, indexing="ij"))
    size, angle = size * np.float32(1 / chroma[1]), angle * np.float32(1 / hue[1])
    nodes = []
    for level, plane, most in zip(luma, uv, limit, strict=True):
        allowed = cv2.remap(most[:, None], np.zeros_like(angle), angle, cv2.INTER_LINEAR)
        node = cv2.remap(plane, np.minimum(size, allowed), angle, cv2.INTER_LINEAR)
        beside = node @ to_rgb
        room = np.where(beside > 0, 1 - level, level) / np.maximum(np.abs(beside), 1e-6)
        nodes.append(node * np.minimum(room.min(axis=-1, keepdims=True), 1))
    stack = np.stack(nodes).reshape(len(luma), -1)
    position = np.linspace(0, len(luma) - 1, _LUMA_LEVELS)
    low = np.minimum(position.astype(np.intp), len(luma) - 2)
    share = (position - low)[:, None].astype(np.float32)
    table = stack[low] * (1 - share) + stack[low + 1] * share
    return np.asarray(table.reshape(_LUMA_LEVELS * _AB_NODES, _AB_NODES, 2))


def chroma_planes(
    luma: Luma,
    ab: Chroma,
    shape: tuple[int, int],
    *,
    bit_depth: int,
    color_range: ColorRange,
    matrix: Matrix,
) -> tuple[Luma, Luma]:
    """U and V planes that give each pixel the wanted a, b at the luma it has.

    Args:
        luma: (H, W) codes of the source.
        ab: (h, w, 2) float32 CIELAB a, b, at any size; resized to `shape`.
        shape: Height and width of the chroma planes.
        bit_depth: Bits a sample, of luma and of the planes returned.
        color_range: Of luma and of the planes returned.
        matrix: From R'G'B' to Y'CbCr.

    Returns:
        U and V, each of `shape`, uint8 up to 8 bits, else uint16. Colors outside sRGB lose chroma; hue (the ratio of a
        to b) and luma stay.
    """
    height, width = shape
    if luma.shape != shape:
        luma = cast(Luma, cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA))
    row = _row_table(bit_depth, color_range)
    a, b = cv2.split(resize_chroma(ab, shape))
    limit = 2 * _AB_LIMIT / _AB_STEP
    down = np.clip(a * np.float32(1 / _AB_STEP) + np.float32(limit / 2), 0, limit)
    down += cv2.LUT(luma, row) if luma.dtype == np.uint8 else row[np.minimum(luma, len(row) - 1)]
    across = np.clip(b * np.float32(1 / _AB_STEP) + np.float32(limit / 2), 0, limit)
    uv = cv2.remap(_chroma_table(matrix), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    scale = 2 ** (bit_depth - 8)
    excursion = 224 * scale if color_range == "limited" else 2**bit_depth - 1
    if bit_depth == 8:
        codes = cv2.convertScaleAbs(uv, alpha=excursion, beta=128)
    else:
        codes = np.rint(np.clip(uv * excursion + 128 * scale, 0, 2**bit_depth - 1)).astype(np.uint16)
    u, v = cv2.split(codes)
    return cast(Luma, u), cast(Luma, v)


def resize_chroma(ab: Chroma, shape: tuple[int, int]) -> Chroma:
    """(h, w, 2) to `shape`, height and width, in a new array: by the mean of areas, linearly if any side grows."""
    height, width = shape
    method = cv2.INTER_AREA if ab.shape[0] >= height and ab.shape[1] >= width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(ab, (width, height), interpolation=method), np.float32)


def spline_chroma(ab: Chroma, shape: tuple[int, int]) -> Chroma:
    """(h, w, 2) to a larger `shape`, height and width, by SciPy's cubic spline, as the thesis does (sections 5.2 and
    7.4), but with each cell over the same part of the picture before and after."""
    from scipy import ndimage  # a tenth of what all commands load, for one of them

    zoom = (shape[0] / ab.shape[0], shape[1] / ab.shape[1], 1)
    return np.asarray(ndimage.zoom(ab, zoom, order=3, mode="nearest", grid_mode=True), np.float32)


@lru_cache(maxsize=8)
def _row_table(bit_depth: int, color_range: ColorRange) -> Float:
    """First row of `_chroma_table` for every luma code."""
    level = np.rint(normalized_luma(bit_depth, color_range) * (_LUMA_LEVELS - 1))
    return np.asarray(level * _AB_NODES, np.float32)


# --- the 313 ab bins -------------------------------------------------------------------------------------------------

_BIN_RUNS = (
    (50, 90), (20, 90), (0, 90), (-20, 90), (-30, 100), (-40, 100), (-50, 100), (-50, 100), (-60, 100), (-70, 100),
    (-80, 90), (-80, 90), (-90, 90), (-100, 90), (-100, 80), (-110, 80), (-110, 80), (-110, 70), (-110, 70), (-90, 0),
)  # fmt: skip

AB_BINS: Float = np.array(
    [
        (a, b)
        for a, (start, stop) in zip(range(-90, 101, 10), _BIN_RUNS, strict=True)
        for b in range(start, stop + 1, 10)
    ],
    np.float32,
)
"""(313, 2): the in-gamut points of the ab grid of step 10 (Zhang et al. 2016, section 2.1; thesis section 5.2).

For a = -90, -80, ... 100, the first and last b of a run without gaps. They can't be derived by rounding the sRGB
gamut, which gives 261 points.
"""

BIN_NEIGHBORS = 5
BIN_SIGMA = 5.0


@cache
def _bin_tree() -> cKDTree:
    """For the bins nearest to a color."""
    from scipy.spatial import cKDTree  # as slow to import as all else here together

    return cKDTree(AB_BINS)


def encode_bins(ab: Float) -> tuple[NDArray[np.int64], Float]:
    """Soft encoding over the bins (thesis section 5.2): the 5 nearest, weighted by a Gaussian of sigma 5.

    Args:
        ab: (..., 2) float32.

    Returns:
        Indices (..., 5) int64 into `AB_BINS`, nearest first, and weights (..., 5) float32 that sum to 1.
    """
    distance, index = (np.asarray(found) for found in _bin_tree().query(ab, k=BIN_NEIGHBORS))
    weight = np.exp(-(distance**2 - distance[..., :1] ** 2) / (2 * BIN_SIGMA**2))
    weight /= weight.sum(axis=-1, keepdims=True)
    return index.astype(np.int64), weight.astype(np.float32)
