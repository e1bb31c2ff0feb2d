"""Regions of characters: which count, and which have the truth's color."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.color import lab2rgb

from benchmarks import characters


def paint(lab: tuple[float, float, float]) -> np.ndarray:
    return np.rint(255 * lab2rgb(np.array(lab, np.float64))).astype(np.uint8)


def test_boxes_go_straight_from_one_to_the_next_but_not_across_a_cut() -> None:
    box = (0.0, 0.0, 0.5, 0.5)
    placed = characters.placed({0: box, 16: box, 24: box, 48: (0.3, 0.0, 0.8, 0.5)})
    assert list(placed) == [16, 24, 32, 40, 48]
    assert placed[32] == pytest.approx((0.1, 0.0, 0.6, 0.5))


def test_boxes_lie_in_the_picture() -> None:
    for boxes in (characters.POPEYE, characters.BIRD):
        for left, top, right, bottom in boxes.values():
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1


def test_only_whole_regions_count() -> None:
    labels = np.zeros((10, 10), np.int32)
    labels[1:3, 1:3] = 1
    labels[4:6, 1:8] = 2
    assert characters.within(labels, 4, (0.0, 0.0, 0.5, 1.0)).tolist() == [False, True, False, False]


def test_colors_within_5_are_the_truths() -> None:
    truth = np.full((192, 256, 3), paint((80, 0, 0)), np.uint8)
    for number in range(3):
        cv2.rectangle(truth, (20 + 60 * number, 20), (60 + 60 * number, 60), paint((40, 30, 20)).tolist(), -1)
    colored = truth.copy()
    colored[20:61, 20:61] = paint((40, 28, 20))
    colored[20:61, 80:121] = paint((40, 10, 20))
    # The ground is larger than the box, and so is the third square.
    assert characters.exact(truth, colored, (0.0, 0.0, 0.65, 0.5)) == (1, 2)


def test_counts_over_films(tmp_path: Path) -> None:
    import films

    film = films.plain(tmp_path / "film.mkv", 9)
    right, of = characters.counted(film, film, {0: (0.0, 0.0, 1.0, 1.0), 8: (0.0, 0.0, 1.0, 1.0)})
    assert right == of > 0
