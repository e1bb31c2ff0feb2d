"""Duplicates (thesis eq. 4.1) and held frames."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from cartoon_color.config import HeldSettings
from cartoon_color.frames import Frame
from cartoon_color.stages.dedup import MarkHeld, UniqueFrames, squared_difference, worst_block

RNG = np.random.default_rng(5)


def picture(*shape: int, dtype: str = "u1", high: int = 256) -> NDArray[np.uint8]:
    return RNG.integers(0, high, shape).astype(dtype)


def frames(lumas: list[NDArray[np.uint8]], shots: list[int] | None = None) -> list[Frame]:
    return [
        Frame(luma, 3 * index, Fraction(1, 75), index, shot=0 if shots is None else shots[index])
        for index, luma in enumerate(lumas)
    ]


@pytest.mark.parametrize(
    ("shape", "dtype", "high"),
    [((7, 5), "u1", 256), ((31, 18, 3), "u1", 256), ((16, 9), "u2", 1024), ((528, 704, 3), "u1", 256)],
)
def test_squared_difference(shape: tuple[int, ...], dtype: str, high: int) -> None:
    one, other = picture(*shape, dtype=dtype, high=high), picture(*shape, dtype=dtype, high=high)
    expected = np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2)
    assert squared_difference(one, other) == pytest.approx(expected, rel=1e-12)


def test_squared_difference_does_not_wrap() -> None:
    black, white = np.zeros((600, 800, 3), np.uint8), np.full((600, 800, 3), 255, np.uint8)
    assert squared_difference(black, white) == 255**2


def test_a_frame_is_kept_when_the_difference_exceeds_the_threshold() -> None:
    base = np.zeros((4, 5), np.uint8)
    at_threshold, above = base.copy(), base.copy()
    at_threshold[0, 0], above[0, 0] = 20, 21  # 400 / 20 pixels = 20; 441 / 20 = 22.05
    unique = UniqueFrames(20)
    assert unique.consider(base) == (True, None)
    assert unique.consider(at_threshold) == (False, 20.0)
    assert unique.consider(above) == (True, 22.05)


def test_small_changes_add_up() -> None:
    unique = UniqueFrames(20)
    kept = [unique.consider(np.full((3, 3, 3), level, np.uint8))[0] for level in range(12)]
    assert [level for level, keep in enumerate(kept) if keep] == [0, 5, 10]


def test_unique_frames_as_computed_in_float64() -> None:
    pictures = [picture(12, 12, 3, high=8) + level for level in RNG.integers(0, 12, 40).astype(np.uint8)]
    unique, kept = UniqueFrames(20), []
    for index, one in enumerate(pictures):
        keep, distance = unique.consider(one)
        if kept:
            expected = float(((one.astype(float) - pictures[kept[-1]].astype(float)) ** 2).sum() / one.size)
            assert distance == pytest.approx(expected)
            assert keep == (expected > 20)
        kept += [index] if keep else []
    assert 5 < len(kept) < 40


@pytest.mark.parametrize("shape", [(48, 64), (47, 50), (16, 16), (9, 40), (3, 5), (100, 33)])
@pytest.mark.parametrize(("dtype", "high"), [("u1", 256), ("u2", 1024)])
def test_worst_block(shape: tuple[int, int], dtype: str, high: int) -> None:
    one, other = picture(*shape, dtype=dtype, high=high), picture(*shape, dtype=dtype, high=high)
    squared = (one.astype(np.float64) - other) ** 2
    starts = [sorted({*range(0, size - 15, 16), size - 16}) if size > 16 else [0] for size in shape]
    expected = max(squared[y : y + 16, x : x + 16].mean() for y in starts[0] for x in starts[1])
    assert worst_block(one, other) == pytest.approx(expected, rel=1e-5)


def test_held_frames_share_a_drawing_in_spite_of_grain() -> None:
    drawings = [picture(64, 80, high=200) + 20 for _ in range(3)]
    lumas = [(drawing + RNG.integers(-5, 6, drawing.shape)).astype(np.uint8) for drawing in drawings for _ in range(2)]
    marked = list(MarkHeld()(iter(frames(lumas))))
    assert [frame.drawing for frame in marked] == [0, 0, 2, 2, 4, 4]
    assert [frame.held for frame in marked] == [False, True] * 3


def test_a_small_eye_that_closes_is_a_new_drawing() -> None:
    still = np.full((360, 480), 180, np.uint8)
    closed = still.copy()
    closed[100:102, 200:204] = 80
    assert squared_difference(still, closed) < 1
    marked = list(MarkHeld()(iter(frames([still, closed, still]))))
    assert [frame.drawing for frame in marked] == [0, 1, 2]


def test_a_slow_fade_does_not_creep_through() -> None:
    lumas = [np.full((32, 32), 200 - 2 * step, np.uint8) for step in range(15)]
    marked = list(MarkHeld()(iter(frames(lumas))))
    # 8 codes off the first frame are at the threshold of 64.
    assert [frame.drawing for frame in marked] == [0] * 5 + [5] * 5 + [10] * 5


def test_a_cut_begins_a_drawing() -> None:
    same = picture(32, 32)
    marked = list(MarkHeld()(iter(frames([same] * 4, shots=[0, 0, 1, 1]))))
    assert [frame.drawing for frame in marked] == [0, 0, 2, 2]


def test_more_bits_mean_the_same() -> None:
    one, other = np.full((32, 32), 100, np.uint16), np.full((32, 32), 109, np.uint16)
    for depth, expected in ((8, [0, 1]), (10, [0, 0])):
        marked = list(MarkHeld(bit_depth=depth)(iter(frames([one, other]))))
        assert [frame.drawing for frame in marked] == expected


def test_drawings_are_frame_indices_and_frames_stay_what_they_were() -> None:
    source = frames([picture(20, 20)] * 3)[1:]
    marked = list(MarkHeld(HeldSettings(threshold=0))(iter(source)))
    assert [frame.drawing for frame in marked] == [1, 1]
    for before, after in zip(source, marked, strict=True):
        assert (before.pts, before.index, before.shot) == (after.pts, after.index, after.shot)
        assert np.shares_memory(before.luma, after.luma)
    assert MarkHeld.lookahead == 0
