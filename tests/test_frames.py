"""The types that everything else speaks of."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest

from cartoon_color.frames import Frame


def frame(**changes) -> Frame:
    return Frame(
        **{"luma": np.zeros((4, 6), np.uint8), "pts": 40, "time_base": Fraction(1, 1000), "index": 3} | changes
    )


def test_frame_smoke() -> None:
    one = frame()
    assert (one.pts, one.index, one.shot, one.drawing, one.duration) == (40, 3, 0, 3, 0)
    assert one.chroma is None
    assert not one.held


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_frame_arrays_are_read_only(dtype: type) -> None:
    luma, chroma = np.zeros((4, 6), dtype), np.zeros((4, 6, 2), np.float32)
    one = frame(luma=luma, chroma=chroma)
    with pytest.raises(ValueError, match="read-only"):
        one.luma[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        one.chroma[0, 0] = 1
    assert np.shares_memory(one.luma, luma)  # a view: a film's worth of copies is not made
    luma[0, 0] = 1  # the maker's own array stays as it was


def test_frame_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        frame().pts = 1


@pytest.mark.parametrize(
    "luma",
    [np.zeros((4, 6, 1), np.uint8), np.zeros(4, np.uint8), np.zeros((4, 6), np.float32), np.zeros((4, 6), np.int8)],
)
def test_frame_exception_luma(luma: np.ndarray) -> None:
    with pytest.raises(ValueError, match="luma must be") as caught:
        frame(luma=luma)
    assert str(luma.shape) in str(caught.value)
    assert str(luma.dtype) in str(caught.value)


@pytest.mark.parametrize(
    "chroma", [np.zeros((4, 6), np.float32), np.zeros((4, 6, 3), np.float32), np.zeros((4, 6, 2), np.float64)]
)
def test_frame_exception_chroma(chroma: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"chroma must be \(h, w, 2\) float32") as caught:
        frame(chroma=chroma)
    assert str(chroma.dtype) in str(caught.value)


def test_frame_with() -> None:
    one = frame()
    other = one.with_(shot=2, drawing=1)
    assert (other.shot, other.drawing, other.held) == (2, 1, True)
    assert (one.shot, one.held) == (0, False)
    assert np.shares_memory(one.luma, other.luma)
    assert (other.pts, other.time_base, other.index) == (one.pts, one.time_base, one.index)
    with pytest.raises(ValueError, match="chroma must be"):
        one.with_(chroma=np.zeros(3, np.float32))
