"""Regions: against plain implementations of what the docstrings say, SciPy, scikit-image and scikit-learn."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import segmentation
from sklearn.cluster import KMeans

from cartoon_color.regions import Labels, Lightness, normalize
from cartoon_color.regions.felzenszwalb import segment_graph
from cartoon_color.regions.fill import fill
from cartoon_color.regions.region_growing import grow_regions

AROUND = ((-1, 0), (0, -1), (0, 1), (1, 0))


def drawing(seed: int, shape: tuple[int, int], noise: float) -> Lightness:
    """L* 0..100 of flat and shaded areas with lines between them, and noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(20, 95, (4, 5)).astype(np.float32)
    picture = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_LINEAR if seed % 2 else cv2.INTER_NEAREST)
    cv2.line(picture, (0, int(rng.integers(shape[0]))), (shape[1], int(rng.integers(shape[0]))), 2, 1)
    cv2.circle(picture, (shape[1] // 2, shape[0] // 2), min(shape) // 3, 5, 1)
    return np.clip(picture + rng.normal(0, noise, shape), 0, 100).astype(np.float32)


DRAWINGS = [
    drawing(seed, shape, noise)
    for seed, shape in enumerate([(24, 31), (40, 30), (33, 33), (7, 60), (50, 3)])
    for noise in (0, 2, 12)
]


def same_partition(one: Labels, other: Labels) -> bool:
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1).shape[1]
    return pairs == len(np.unique(one)) == len(np.unique(other))


# --- region growing ---


def plain_growing(lightness: Lightness) -> Labels:
    values = (lightness - lightness.min()) / (lightness.max() - lightness.min())
    labels = np.zeros(lightness.shape, np.int32)
    seed, region = (0, 0), 0
    while True:
        region += 1
        total, count, queue = float(values[seed]), 1, deque([seed])
        labels[seed] = region
        while queue:
            row, column = queue.popleft()
            for down, right in AROUND:
                at = row + down, column + right
                inside = 0 <= at[0] < labels.shape[0] and 0 <= at[1] < labels.shape[1]
                if inside and not labels[at] and abs(float(values[at]) - total / count) <= 3 / 51:
                    labels[at] = region
                    total, count = total + float(values[at]), count + 1
                    queue.append(at)
        distance = ndimage.distance_transform_cdt(labels == 0, metric="taxicab")
        if distance.max() <= 4:
            return labels
        seed = tuple(int(place) for place in np.unravel_index(np.argmax(distance), distance.shape))


def test_growing_by_hand() -> None:
    picture = np.full((7, 25), 50, np.float32)
    picture[:, 7:18] = 80
    picture[:, 18:] = 53  # 3 of 50 is more than 3/51, but the region keeps its mean
    picture[0, 0], picture[3, 3] = 30, 50
    labels = grow_regions(picture)
    assert labels.dtype == np.int32
    # From (0, 0), the farthest pixel is the lower right; then (6, 6), 12 from either; then the middle of what is left.
    expected = np.repeat([[3] * 7 + [4] * 11 + [2] * 7], 7, axis=0)
    expected[0, 0] = 1
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("picture", DRAWINGS)
def test_growing_is_the_plain_one(picture: Lightness) -> None:
    np.testing.assert_array_equal(grow_regions(picture), plain_growing(picture))


def test_growing_leaves_nothing_far_and_no_region_in_parts() -> None:
    labels = grow_regions(drawing(1, (200, 260), 6))
    assert labels.max() > 20
    assert (labels == 0).any()
    assert ndimage.distance_transform_cdt(labels == 0, metric="taxicab").max() <= 4
    for region in range(1, labels.max() + 1):
        assert ndimage.label(labels == region)[1] == 1


def test_a_picture_without_contrast_is_one_region() -> None:
    for value in (0, 37.5, 100):
        picture = np.full((20, 30), value, np.float32)
        assert (grow_regions(picture) == 1).all()
        assert (segment_graph(picture) == 1).all()


def test_a_faded_picture_has_the_same_regions() -> None:
    picture = np.rint(drawing(2, (60, 80), 0))
    for segment in (grow_regions, segment_graph):
        labels = segment(picture)
        assert labels.max() > 3
        assert same_partition(labels, segment(10 + picture / 4))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_regions_of_small_pictures(shape: tuple[int, int]) -> None:
    picture = np.zeros(shape, np.float32)
    for segment in (grow_regions, segment_graph):
        np.testing.assert_array_equal(segment(picture), np.ones(shape))


@pytest.mark.parametrize("shape", [(0, 4), (3, 4, 1), (5,)])
def test_what_is_no_picture(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"lightness must be \(H, W\)"):
        normalize(np.zeros(shape, np.float32))


def test_distances_must_fit() -> None:
    with pytest.raises(ValueError, match="don't fit in 16 bits"):
        grow_regions(np.zeros((1, 32_000), np.float32))


# --- Felzenszwalb and Huttenlocher ---


def plain_graph(values: NDArray[np.float32], scale: float, min_size: int) -> Labels:
    height, width = values.shape
    edges = []
    for row in range(height):
        for column in range(width):
            for down, right in ((0, 1), (1, 1), (1, 0), (1, -1)):
                if row + down < height and 0 <= column + right < width:
                    difference = abs(float(values[row + down, column + right]) - float(values[row, column]))
                    ends = row * width + column, (row + down) * width + column + right
                    edges.append((int(difference * 4095 + 0.5), *ends))
    edges.sort(key=lambda edge: edge[0])
    members = {pixel: [pixel] for pixel in range(height * width)}
    of = list(range(height * width))
    inside = [0.0] * (height * width)

    def merge(one: int, other: int, weight: float) -> None:
        for pixel in members[other]:
            of[pixel] = one
        members[one] += members.pop(other)
        inside[one] = weight

    for weight, start, stop in edges:
        one, other = of[start], of[stop]
        limits = [inside[region] + scale / len(members[region]) for region in (one, other)]
        if one != other and weight / 4095 <= min(limits):
            merge(one, other, weight / 4095)
    for _, start, stop in edges:
        one, other = of[start], of[stop]
        if one != other and min(len(members[one]), len(members[other])) < min_size:
            merge(one, other, 0.0)
    numbers = {region: number for number, region in enumerate(dict.fromkeys(of), 1)}
    return np.array([numbers[region] for region in of], np.int32).reshape(height, width)


@pytest.mark.parametrize(("scale", "min_size"), [(0.2, 1), (1.0, 20)])
@pytest.mark.parametrize("picture", DRAWINGS)
def test_graph_is_the_plain_one(picture: Lightness, scale: float, min_size: int) -> None:
    labels = segment_graph(picture, scale=scale, sigma=0, min_size=min_size)
    np.testing.assert_array_equal(labels, plain_graph(normalize(picture), scale, min_size))


@pytest.mark.parametrize("seed", range(20))
def test_graph_is_that_of_scikit_image(seed: int) -> None:
    """Where no two edges weigh the same; scikit-image breaks ties in no order that it promises."""
    rng = np.random.default_rng(seed)
    while True:
        codes = rng.choice(4096, (6, 7), replace=False)
        codes[0, :2] = 0, 4095
        steps = [abs(codes[:, 1:] - codes[:, :-1]), abs(codes[1:] - codes[:-1])]
        steps += [abs(codes[1:, 1:] - codes[:-1, :-1]), abs(codes[1:, :-1] - codes[:-1, 1:])]
        weights = np.concatenate([step.ravel() for step in steps])
        if len(np.unique(weights)) == weights.size:
            break
    found = segment_graph(codes.astype(np.float32), scale=0.9, sigma=0, min_size=3)
    expected = segmentation.felzenszwalb(codes / 4095, scale=0.9 * 255, sigma=0, min_size=3)
    assert same_partition(found, expected)
    assert found.max() < codes.size


def test_graph_smooths_like_scikit_image() -> None:
    picture = drawing(3, (60, 80), 3)
    smooth = ndimage.gaussian_filter(normalize(picture), 0.8, mode="nearest", radius=3)
    expected = plain_graph(smooth, 1.0, 20)
    found = segment_graph(picture, scale=1.0, sigma=0.8, min_size=20)
    # Rounding may swap edges whose weights almost agree.
    pairs, counts = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1, return_counts=True)
    assert sum(counts[pairs[0] == region].max() for region in np.unique(found)) > 0.95 * found.size
    assert found.max() > 3


# --- fill ---


def plain_means(points: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """Centers, sizes and error of k-means, started on the principal axis."""
    centered = points - points.mean(axis=0)
    axis = np.linalg.eigh(centered.T @ centered)[1][:, -1]
    axis *= -1 if axis[0] < 0 else 1
    along = centered @ axis
    centers = points.mean(axis=0) + np.array([[along.min()], [along.max()]])[:k] * axis
    while len(centers) < k:
        distance = ((points[:, None] - centers) ** 2).sum(axis=-1).min(axis=1)
        centers = np.concatenate([centers, points[[distance.argmax()]]])
    while True:
        distance = ((points[:, None] - centers) ** 2).sum(axis=-1)
        nearest = distance.argmin(axis=1)
        sizes = np.bincount(nearest, minlength=k)
        moved = np.array([points[nearest == j].mean(axis=0) if sizes[j] else centers[j] for j in range(k)])
        step, centers = abs(moved - centers).max(), moved
        if step <= 0.01:
            return centers, sizes, float(distance.min(axis=1).sum())


def plain_fill(chroma: NDArray[np.float32], labels: Labels, *, elbow: bool) -> NDArray[np.float32]:
    result = chroma.copy()
    for region in range(1, labels.max() + 1):
        points = chroma[labels == region].astype(np.float64)
        k = 2
        if elbow:
            errors = [plain_means(points, k)[2] for k in range(1, 7)]
            k = 2 + int(np.argmax(np.abs(np.diff(errors, 2))))
        centers, sizes, _ = plain_means(points, k)
        result[labels == region] = centers[np.argmax(sizes)]
    return result


def colors(seed: int, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Smooth a, b, as a network gives them."""
    coarse = np.random.default_rng(seed).normal(0, 40, (5, 6, 2)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, shape[::-1]))


@pytest.mark.parametrize("clusters", ["2", "elbow"])
@pytest.mark.parametrize("seed", range(4))
def test_fill_is_the_plain_one(seed: int, clusters: str) -> None:
    labels = grow_regions(drawing(seed, (70, 90), 4))
    chroma = colors(seed, labels.shape)
    chroma.flags.writeable = False
    filled = fill(chroma, labels, clusters=clusters)
    assert filled.dtype == np.float32
    np.testing.assert_allclose(filled, plain_fill(chroma, labels, elbow=clusters == "elbow"), atol=2e-3)


def test_fill_finds_the_clusters_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    points = np.concatenate([rng.normal((30, -10), 5, (600, 2)), rng.normal((-20, 15), 5, (400, 2))])
    chroma = rng.permutation(points).reshape(25, 40, 2).astype(np.float32)
    means = KMeans(2, n_init=10, random_state=0).fit(chroma.reshape(-1, 2))
    expected = means.cluster_centers_[np.argmax(np.bincount(means.labels_))]
    filled = fill(chroma, np.ones((25, 40), np.int32))
    np.testing.assert_allclose(filled, np.broadcast_to(expected, filled.shape), atol=1e-3)


def test_fill_by_hand() -> None:
    chroma = np.zeros((2, 8, 2), np.float32)
    chroma[0, :5], chroma[0, 5:] = (10, 20), (-30, 0)  # five pixels against three
    chroma[1, :4], chroma[1, 4:] = (1, 2), (3, 4)
    labels = np.array([[1] * 8, [2] * 3 + [0] + [3] * 4], np.int32)
    filled = fill(chroma, labels)
    np.testing.assert_allclose(filled[0], np.broadcast_to((10, 20), (8, 2)), atol=1e-5)
    np.testing.assert_allclose(filled[1], chroma[1], atol=1e-5)


def test_elbow_finds_three_clusters() -> None:
    corners = np.array([(0, 0), (40, 0), (20, 34.64)], np.float32)
    chroma = np.repeat(corners, (60, 45, 39), axis=0).reshape(12, 12, 2)
    labels = np.ones((12, 12), np.int32)
    np.testing.assert_allclose(fill(chroma, labels, clusters="elbow")[3, 3], (0, 0), atol=1e-4)
    # Two clusters put two of the corners together.
    assert np.abs(fill(chroma, labels)[3, 3] - corners).max(axis=1).min() > 10


@pytest.mark.parametrize("shape", [(24, 31), (1, 9)])
def test_the_rest_takes_the_color_of_the_nearest_region(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    labels = np.where(rng.random(shape) < 0.1, rng.integers(1, 6, shape), 0).astype(np.int32)
    labels[0, 0] = 6
    chroma = rng.normal(0, 30, (*shape, 2)).astype(np.float32)
    kept = fill(chroma, labels)
    np.testing.assert_array_equal(kept[labels == 0], chroma[labels == 0])
    filled = fill(chroma, labels, rest="nearest")
    np.testing.assert_array_equal(filled[labels > 0], kept[labels > 0])
    places = np.argwhere(labels > 0)
    for at in np.argwhere(labels == 0):
        distance = abs(places - at).sum(axis=1)
        nearest = places[distance == distance.min()]
        assert any((filled[tuple(at)] == kept[tuple(place)]).all() for place in nearest)


def test_nothing_is_filled_where_no_region_is() -> None:
    chroma = colors(0, (6, 7))
    for rest in ("keep", "nearest"):
        np.testing.assert_array_equal(fill(chroma, np.zeros((6, 7), np.int32), rest=rest), chroma)


def test_labels_of_another_size() -> None:
    with pytest.raises(ValueError, match="labels must have the size of chroma"):
        fill(np.zeros((4, 5, 2), np.float32), np.zeros((5, 4), np.int32))
