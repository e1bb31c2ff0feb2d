"""From a frame to the size that networks see."""

from __future__ import annotations

import numpy as np
import pytest

from cartoon_color.scaling import squeeze


@pytest.mark.parametrize("shape", [(64, 48), (704, 528), (257, 1025), (256, 256), (3, 4000)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_shape(shape, kind):
    assert squeeze(np.zeros(shape, kind), 256).shape == (256, 256)
    assert squeeze(np.zeros((*shape, 3), kind), 256).dtype == kind


@pytest.mark.parametrize(("height", "width"), [(1024, 512), (768, 256), (64, 192)])
def test_shrinking_is_the_mean_over_areas(height, width):
    picture = np.random.default_rng(0).uniform(0, 255, (height, width)).astype(np.float32)
    mean = picture.astype(np.float64).reshape(32, height // 32, 32, width // 32).mean(axis=(1, 3))
    np.testing.assert_allclose(squeeze(picture, 32), mean, atol=1e-3)


def test_mean_is_kept_where_areas_are_no_whole_numbers():
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 256, (33, 44)), np.ones((16, 16))).astype(np.uint8)
    assert picture.shape == (528, 704)
    assert abs(float(squeeze(picture, 256).mean()) - float(picture.mean())) < 1


def test_a_picture_of_the_size_stays_as_it_is():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(squeeze(picture, 64), picture)
