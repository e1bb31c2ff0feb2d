"""Dissolves: mixtures of two shots get the mixture of their colors."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cartoon_color.color import luma_of_rgb, rgb_to_lab
from cartoon_color.frames import RGB, Chroma, Frame
from cartoon_color.stages.dissolve import MixDissolves

SIZE = 48, 64
STEPS = 5


def picture(seed: int) -> RGB:
    """Patches of paints as cartoons have them."""
    coarse = np.random.default_rng(seed).integers(40, 220, (4, 5, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def ab(rgb: RGB) -> Chroma:
    return np.ascontiguousarray(rgb_to_lab(rgb)[..., 1:])


def mixtures(one: RGB, other: RGB) -> list[RGB]:
    shares = np.arange(1, STEPS + 1) / (STEPS + 1)
    return [np.rint((1 - share) * one + share * other).astype(np.uint8) for share in shares]


def frame(index: int, rgb: RGB, chroma: Chroma, shot: int, **more: object) -> Frame:
    luma = luma_of_rgb(rgb, "bt601")
    return Frame(luma, index, Fraction(1, 24), index, shot=shot, chroma=chroma, mixed=shot == 1, **more)


def film(one: RGB, other: RGB, guess: Chroma) -> list[Frame]:
    """Two frames of each, in their true colors, and a dissolve in others."""
    pictures = [one, one, *mixtures(one, other), other, other]
    shots = [0, 0, *[1] * STEPS, 2, 2]
    return [
        frame(index, rgb, guess if shot == 1 else ab(rgb), shot)
        for index, (rgb, shot) in enumerate(zip(pictures, shots, strict=True))
    ]


def mixed(frames: list[Frame]) -> list[Frame]:
    return list(MixDissolves(bit_depth=8, color_range="full")(iter(frames)))


def off(frame: Frame, rgb: RGB) -> NDArray[np.float32]:
    assert frame.chroma is not None
    return np.asarray(np.linalg.norm(frame.chroma - ab(rgb), axis=2), np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_a_dissolve_has_the_colors_of_both_shots_as_light_mixes(seed: int) -> None:
    one, other = picture(seed), picture(seed + 10)
    guess = np.zeros((*SIZE, 2), np.float32)
    frames = film(one, other, guess)
    result = mixed(frames)
    for before, after in zip(frames, result, strict=True):
        if not after.mixed:
            assert after.chroma is before.chroma or np.array_equal(after.chroma, before.chroma)
    for after, rgb in zip(result[2:-2], mixtures(one, other), strict=True):
        # Of a, b and gray, as a film has it, colors are known up to their own L*.
        assert off(after, rgb).mean() < 2
        assert off(frames[after.index], rgb).mean() > 15


def test_shares_are_those_of_the_luma_and_held_frames_share_chroma() -> None:
    one, other = picture(1), picture(2)
    frames = film(one, other, np.zeros((*SIZE, 2), np.float32))
    still = [frames[3].with_(index=index, drawing=3) for index in (3, 4, 5)]
    result = mixed([*frames[:3], *still, *frames[6:]])
    assert result[4].chroma is not None
    np.testing.assert_array_equal(result[3].chroma, result[4].chroma)
    np.testing.assert_array_equal(result[3].chroma, mixed(frames)[3].chroma)


def test_what_someone_painted_in_a_dissolve_stays() -> None:
    one, other = picture(1), picture(2)
    frames = film(one, other, np.full((*SIZE, 2), 40, np.float32))
    given = np.zeros(SIZE, np.float16)
    given[:, :32] = 1
    plain, result = mixed(frames)[4], mixed([*frames[:4], frames[4].with_(given=given), *frames[5:]])[4]
    assert plain.chroma is not None
    assert result.chroma is not None
    np.testing.assert_allclose(result.chroma[:, :32], 40, atol=1e-4)
    np.testing.assert_array_equal(result.chroma[:, 32:], plain.chroma[:, 32:])


def test_a_dissolve_from_or_into_nothing_keeps_its_colors() -> None:
    frames = film(picture(1), picture(2), np.full((*SIZE, 2), 7, np.float32))
    for part in (frames[2:], frames[:-2]):
        result = mixed(part)
        assert [each.index for each in result] == [each.index for each in part]
        assert all(np.array_equal(a.chroma, b.chroma) for a, b in zip(part, result, strict=True))
