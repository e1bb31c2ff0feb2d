"""Deshpande, Rock and Forsyth 2015, "Learning Large-Scale Automatic Image Colorization" (thesis sections 3.2, 8.3).

The color c of a picture minimizes a learned quadratic objective, the sum over its pixels of |A (F c - f)|^2: F c are
the responses of a filter bank to c around the pixel, f are those that a regression forest expects there, and A are rows
that tell which combinations of responses to trust. c are the paper's chromaticities alpha, beta (thesis eq. 8.2).

As in the paper and its authors' program: the objective and its conjugate gradients; what the trees see of the gray
picture, of the place, and of mean and deviation of the matching references; the mean of the references as first model;
LEARCH as functional gradient descent, one tree a step; A with 12 orthonormal rows, of which the first two are the
pixel's own alpha and beta, and the others depend on the leaf.
Simplified: with A given, LEARCH's margin-rescaled cost is |A (F c* - f)|^2 of the true c* up to a factor, so that a
tree's leaves take a share of the mean of what is left, and A the directions of least error, where the authors search
along gradients; leaves have hard borders and hold constants, not linear functions of texture; the filters are fixed
ones, without those learned from patches.
Left out: the correction towards a desired histogram, since the thesis took that histogram from the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse.linalg import LinearOperator, cg

from cartoon_color.color import LUMA_WEIGHTS, luma_of_rgb, rgb_to_lab
from cartoon_color.errors import SettingsError
from cartoon_color.frames import RGB, Chroma
from cartoon_color.metrics import alpha_beta

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeRegressor

EXAMPLES = 11
MATCHES = 5
"""Pictures that the thesis learned from, and references for each of them and for the one to color (section 8.3)."""
TREES = 8
ROWS = 12
_PIXELS_PER_EXAMPLE = 5000
_PIXELS_PER_TREE = 10000
_PIXELS_PER_LEAF = 100
_RIDGE = 1e-5
_ITERATIONS = 30
"""From the authors' program, as are the sizes of the filters."""
_HALVES = (1, 3, 5)
_STEP = 0.3
"""Share of the error that a tree takes; with 1, held-out pictures of the training episodes come out worse by 40 %."""

_Float = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Example:
    """A colored picture, and the references that it would get if it were black and white."""

    rgb: RGB
    matches: Sequence[RGB]
    """At least one; of any size."""


@dataclass(frozen=True, eq=False)
class Deshpande:
    """A learned objective."""

    trees: Sequence[DecisionTreeRegressor]
    """Each adds what it expects of the responses; the leaves of the last also choose the row of `trust`."""
    trust: _Float
    """(nodes of the last tree, R, R): A^T A in each leaf."""

    def colorize(self, luma: NDArray[np.uint8], matches: Sequence[RGB]) -> Chroma:
        """Color a picture.

        Args:
            luma: (H, W) uint8, full range.
            matches: the references, of any size.

        Returns:
            (H, W, 2) float32, CIELAB a, b.

        Raises:
            SettingsError: if there are no references.
        """
        features, expected = _look(luma, matches)
        for tree in self.trees:
            expected += tree.predict(features).reshape(expected.shape).astype(np.float32)
        leaves = self.trees[-1].apply(features).reshape(luma.shape)
        return _chroma(minimize(expected, leaves, self.trust), luma)


def learn(examples: Sequence[Example], seed: int = 0) -> Deshpande:
    """Learn the objective from examples.

    Args:
        examples: colored pictures with their references.
        seed: of the choice of pixels, and of the trees.

    Raises:
        SettingsError: if there are no examples, or one has no references.
    """
    from sklearn.tree import DecisionTreeRegressor

    if not examples:
        raise SettingsError("there are no examples to learn from; give at least one colored picture with references")
    rng = np.random.default_rng(seed)
    seen, left = [], []
    for example in examples:
        features, expected = _look(luma_of_rgb(example.rgb, "bt601"), example.matches)
        error = (respond(alpha_beta(example.rgb)) - expected).reshape(len(features), -1)
        chosen = rng.permutation(len(features))[:_PIXELS_PER_EXAMPLE]
        seen.append(features[chosen])
        left.append(error[chosen])
    features, error = np.concatenate(seen), np.concatenate(left)
    trees = []
    for _ in range(TREES):
        chosen = rng.permutation(len(features))[:_PIXELS_PER_TREE]
        tree = DecisionTreeRegressor(min_samples_leaf=_PIXELS_PER_LEAF, random_state=int(rng.integers(2**31)))
        tree.fit(features[chosen], _STEP * error[chosen])
        error -= tree.predict(features).astype(np.float32)
        trees.append(tree)
    return Deshpande(trees, _trust(error, trees[-1].apply(features), trees[-1].tree_.node_count))


def respond(ab: _Float) -> _Float:
    """F c: (H, W, 2) to the responses (H, W, R), first of alpha to all filters, then of beta; 0 beyond borders."""
    planes = [_filtered(ab[..., channel], kernel) for channel in (0, 1) for kernel in filters()]
    return np.stack(planes, axis=-1)


def respond_transposed(responses: _Float) -> _Float:
    """The transpose of `respond`: (H, W, R) to (H, W, 2)."""
    bank = filters()
    planes = np.moveaxis(responses, -1, 0).reshape(2, len(bank), *responses.shape[:2])
    sums = [
        sum(_filtered(plane, kernel[::-1, ::-1]) for plane, kernel in zip(channel, bank, strict=True))
        for channel in planes
    ]
    return np.stack(sums, axis=-1)


@lru_cache(maxsize=1)
def filters() -> tuple[_Float, ...]:
    """The bank, for one channel: the pixel itself, and at three sizes bars at 0, 60, 120 degrees, a Laplacian of
    Gaussian, and a Gaussian."""
    bank: list[_Float] = [np.ones((1, 1), np.float32)]
    for half in _HALVES:
        sigma = (2 * half + 1) / 4
        y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
        bell = np.exp(-(x**2 + y**2) / (2 * sigma**2))
        bell /= bell.sum()
        for angle in np.deg2rad([0, 60, 120]):
            bar = (x * np.cos(angle) + y * np.sin(angle)) * bell
            bank.append(np.asarray(bar / np.abs(bar).sum(), np.float32))
        laplacian = (x**2 + y**2 - 2 * sigma**2) * bell
        laplacian -= laplacian.mean()
        bank += [np.asarray(laplacian / np.abs(laplacian).sum(), np.float32), np.asarray(bell, np.float32)]
    return tuple(bank)


def minimize(expected: _Float, leaves: NDArray[np.integer[Any]], trust: _Float) -> _Float:
    """The c that minimizes the sum of |A (F c - f)|^2, by conjugate gradients.

    Args:
        expected: f at each pixel, (H, W, R).
        leaves: (H, W), which of `trust` holds at each pixel.
        trust: A^T A, (K, R, R).

    Returns:
        alpha, beta: (H, W, 2) float32.
    """
    shape = (*leaves.shape, 2)
    order = np.argsort(leaves, axis=None, kind="stable")
    present, starts = np.unique(leaves.ravel()[order], return_index=True)
    runs = list(zip(present, np.split(order, starts[1:]), strict=True))

    def weigh(responses: _Float) -> _Float:
        flat = responses.reshape(-1, responses.shape[-1])
        result = np.empty_like(flat)
        for leaf, pixels in runs:
            result[pixels] = flat[pixels] @ trust[leaf]
        return respond_transposed(result.reshape(responses.shape))

    def normal(c: NDArray[np.floating]) -> NDArray[np.float64]:
        return weigh(respond(c.reshape(shape).astype(np.float32))).ravel() + _RIDGE * c

    size = int(np.prod(shape))
    operator = LinearOperator((size, size), matvec=normal, dtype=np.float64)
    # It is stopped after as many steps as the authors' program takes, converged or not.
    c, _ = cg(operator, weigh(expected).ravel().astype(np.float64), rtol=1e-5, maxiter=_ITERATIONS)
    return np.asarray(c, np.float32).reshape(shape)


def _filtered(plane: _Float, kernel: _Float) -> _Float:
    return np.asarray(cv2.filter2D(plane, -1, np.ascontiguousarray(kernel), borderType=cv2.BORDER_CONSTANT))


def _trust(error: _Float, leaves: NDArray[np.integer[Any]], nodes: int) -> _Float:
    """A^T A by leaf: rows for the pixel's own alpha and beta, and for the directions of least `error` (N, R) beside."""
    size = error.shape[1]
    own = [0, size // 2]
    rest = np.delete(np.arange(size), own)
    trust = np.zeros((nodes, size, size), np.float32)
    for leaf in np.unique(leaves):
        inside = error[leaves == leaf][:, rest].astype(np.float64)
        _, directions = np.linalg.eigh(inside.T @ inside)
        rows = np.zeros((ROWS, size))
        rows[[0, 1], own] = 1
        rows[2:, rest] = directions[:, : ROWS - 2].T
        trust[leaf] = rows.T @ rows
    return trust


def _look(luma: NDArray[np.uint8], matches: Sequence[RGB]) -> tuple[_Float, _Float]:
    """What trees see of each pixel, (H * W, features), and the first model: f of the references' mean, (H, W, R)."""
    if not matches:
        raise SettingsError("the picture has no references to take color from; give at least one colored picture")
    height, width = luma.shape
    colors = np.stack(
        [alpha_beta(np.asarray(cv2.resize(match, (width, height), interpolation=cv2.INTER_AREA))) for match in matches]
    )
    mean = colors.mean(axis=0)
    gray = luma.astype(np.float32) / 255
    right, down = cv2.Sobel(gray, -1, 1, 0, scale=1 / 8), cv2.Sobel(gray, -1, 0, 1, scale=1 / 8)
    planes = [gray, right, down, np.hypot(right, down)]
    for step in (2, 4, 8, 16, 32):
        small = cv2.resize(gray, (max(1, width // step), max(1, height // step)), interpolation=cv2.INTER_AREA)
        planes.append(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    for sigma in (2**0.5, 2.0, 8**0.5, 4.0):  # texture, at the scales of the Leung-Malik bank
        fine = gaussian_filter(gray, sigma)
        planes += [cv2.Laplacian(fine, -1), np.hypot(cv2.Sobel(fine, -1, 1, 0), cv2.Sobel(fine, -1, 0, 1))]
    place = np.meshgrid(np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32))
    features = np.dstack([*planes, mean, colors.std(axis=0), *place])
    return features.reshape(luma.size, -1), respond(mean)


def _chroma(c: _Float, luma: NDArray[np.uint8]) -> Chroma:
    """CIELAB a, b of chromaticities (H, W, 2) at the luma (H, W): the color with that ratio and that luma."""
    alpha, beta = c[..., 0], c[..., 1]
    ratio = np.maximum(np.stack([1 - alpha / 3 + beta / 2, 1 - alpha / 3 - beta / 2, 1 + alpha * 2 / 3], axis=-1), 0)
    brightness = ratio @ np.array(LUMA_WEIGHTS["bt601"], np.float32)
    rgb = ratio * (luma / np.maximum(brightness, np.float32(1e-3)))[..., None]
    return rgb_to_lab(np.rint(np.clip(rgb, 0, 255)).astype(np.uint8))[..., 1:]
