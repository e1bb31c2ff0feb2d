"""What `Smooth` does to color; the contract of stages is tested elsewhere."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from squares import SIZE, STEP, luma, place

from cartoon_color.config import SmoothSettings
from cartoon_color.errors import SettingsError
from cartoon_color.frames import Frame
from cartoon_color.stages.smooth import Smooth, _continued


def film(chroma, *, number: int = 20, cut: int = 1000, twos: int = 1) -> list[Frame]:
    """Drawings of the moving square, each held for `twos` frames; `chroma` gives the color of each."""
    frames = []
    for drawing in range(number):
        painted = np.asarray(chroma(drawing), np.float32)
        for held in range(twos):
            index = drawing * twos + held
            frames.append(
                Frame(
                    luma(drawing, seed=int(drawing >= cut)),
                    pts=index,
                    time_base=Fraction(1, 24),
                    index=index,
                    shot=int(drawing >= cut),
                    drawing=drawing * twos,
                    chroma=painted,
                )
            )
    return frames


def square(number: int) -> np.ndarray:
    """The true color: a red square on green."""
    picture = np.full((*SIZE, 2), (-30, 20), np.float32)
    picture[place(number)] = 40, 10
    return picture


def noisy(number: int) -> np.ndarray:
    """Wrong all over the picture, differently in each drawing."""
    return square(number) + np.random.default_rng(number).normal(0, 8, 2)


def smoothed(film: list[Frame], **settings) -> list[Frame]:
    return list(Smooth(SmoothSettings(**settings), bit_depth=8, color_range="full")(iter(film)))


def test_constant_color_stays() -> None:
    for frame in smoothed(film(lambda number: np.full((*SIZE, 2), (12, -7)))):
        np.testing.assert_allclose(frame.chroma, np.broadcast_to((12, -7), (*SIZE, 2)), atol=1e-4)


def test_a_still_picture_gets_the_mean_of_the_shot() -> None:
    frames = [
        frame.with_(luma=luma(0), drawing=frame.index)
        for frame in film(lambda number: np.full((*SIZE, 2), number % 2 * 10), number=8)
    ]
    for frame in smoothed(frames):
        np.testing.assert_allclose(frame.chroma, 5, atol=0.3)


def test_flicker_shrinks_and_color_moves_with_the_square() -> None:
    frames = film(noisy)
    result = smoothed(frames)
    before = np.mean([np.abs(frame.chroma - square(number)).mean() for number, frame in enumerate(frames)])
    after = np.mean([np.abs(frame.chroma - square(number)).mean() for number, frame in enumerate(result)])
    assert after < 0.45 * before
    inner = [frame.chroma[place(number)][4:-4, 4:-4].mean(axis=(0, 1)) for number, frame in enumerate(result)]
    original = [frame.chroma[place(number)][4:-4, 4:-4].mean(axis=(0, 1)) for number, frame in enumerate(frames)]
    assert np.abs(np.diff(inner, axis=0)).mean() < 0.2 * np.abs(np.diff(original, axis=0)).mean()


def test_nothing_passes_a_cut() -> None:
    result = smoothed(film(lambda number: np.full((*SIZE, 2), 30 if number >= 7 else -30), number=14, cut=7))
    for number, frame in enumerate(result):
        np.testing.assert_allclose(frame.chroma, 30 if number >= 7 else -30, atol=1e-4)


def test_what_was_hidden_keeps_its_own_color() -> None:
    # Where the square was and no longer is, the ground is green from the first drawing on.
    result = smoothed(film(square))
    for number, frame in enumerate(result[1:], 1):
        uncovered = frame.chroma[34:58, 10 + STEP * number - 8 : 10 + STEP * number - 4]
        assert np.abs(uncovered - (-30, 20)).max() < 8


@pytest.mark.parametrize("twos", [1, 2, 3])
def test_held_frames_share_one_array(twos: int) -> None:
    result = smoothed(film(noisy, number=12, twos=twos), drawings=4, frames=5)
    for frame in result:
        assert frame.chroma is not None
        first = result[frame.drawing].chroma
        assert first is not None
        assert np.shares_memory(frame.chroma, first)


def test_a_drawing_held_for_long_is_given_out() -> None:
    frames = film(noisy, number=2, twos=40)
    stage = Smooth(SmoothSettings(frames=6), bit_depth=8, color_range="full")
    drawn = 0

    def source():
        nonlocal drawn
        for frame in frames:
            drawn += 1
            yield frame

    first: dict[int, np.ndarray] = {}
    for number, frame in enumerate(stage(source()), 1):
        assert drawn - number <= stage.lookahead
        assert frame.chroma is not None
        assert np.shares_memory(frame.chroma, first.setdefault(frame.drawing, frame.chroma))
    assert number == len(frames)
    assert len(first) == 2


def test_ten_bits_of_limited_range_are_followed_like_eight() -> None:
    frames = film(noisy, number=6)
    wide = [frame.with_(luma=(frame.luma.astype(np.uint16) * 219 // 255 + 16) * 4) for frame in frames]
    narrow = [frame.with_(luma=(frame.luma.astype(np.uint16) * 219 // 255 + 16).astype(np.uint8)) for frame in frames]
    ten = Smooth(bit_depth=10, color_range="limited")(iter(wide))
    eight = Smooth(bit_depth=8, color_range="limited")(iter(narrow))
    for one, other in zip(ten, eight, strict=True):
        np.testing.assert_allclose(one.chroma, other.chroma, atol=0.5)


def test_fades_do_not_hide_the_motion() -> None:
    frames = film(noisy, number=10)
    faded = [frame.with_(luma=(frame.luma * (1 - number / 14)).astype(np.uint8)) for number, frame in enumerate(frames)]
    before = np.mean([np.abs(frame.chroma - square(number)).mean() for number, frame in enumerate(frames)])
    after = np.mean([np.abs(frame.chroma - square(number)).mean() for number, frame in enumerate(smoothed(faded))])
    assert after < 0.6 * before


def test_a_fade_does_not_darken_the_colors_after_it() -> None:
    frames = film(lambda number: square(number) * min(1, (number + 1) / 8), number=12)
    faded = [
        frame.with_(luma=np.asarray(frame.luma * min(1, (number + 1) / 8), np.uint8))
        for number, frame in enumerate(frames)
    ]
    for number, frame in enumerate(smoothed(faded)[8:], 8):
        inner = frame.chroma[place(number)][4:-4, 4:-4].mean(axis=(0, 1))
        # An even mean of all drawings would be 29.
        assert inner[0] > 33


def test_fades_get_their_light_but_what_is_given_stays() -> None:
    frames = [frame.with_(light=1 - frame.index / 10) for frame in film(square, number=5)]
    given = np.zeros(frames[3].chroma.shape[:2], np.float16)
    given[:, :30] = 1
    frames[3] = frames[3].with_(given=given)
    full = smoothed([frame.with_(light=1.0) for frame in frames])
    for frame, bright in zip(smoothed(frames), full, strict=True):
        left = bright.chroma * (1 if frame.index == 3 else frame.light)
        np.testing.assert_allclose(frame.chroma[:, :30], left[:, :30], atol=1e-4)
        np.testing.assert_allclose(frame.chroma[:, 30:], bright.chroma[:, 30:] * frame.light, atol=1e-4)
        assert frame.light == 1 - frame.index / 10


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (17, 9), (720, 31)])
def test_any_size(size: tuple[int, int]) -> None:
    frames = [
        Frame(np.full(size, 90, np.uint8), n, Fraction(1, 24), n, chroma=np.full((*size, 2), n, np.float32))
        for n in range(3)
    ]
    for frame in smoothed(frames):
        assert frame.chroma is not None
        np.testing.assert_allclose(frame.chroma, 1, atol=0.3)


def test_motion_of_parts_of_pixels_is_sampled_as_opencv_does() -> None:
    rng = np.random.default_rng(3)
    size = 37, 52
    chroma, mean = rng.normal(0, 20, (2, *size, 2)).astype(np.float32)
    count, flow = rng.uniform(1, 9, size).astype(np.float32), rng.normal(0, 4, (*size, 2)).astype(np.float32)
    alike = np.where(rng.random(size) < 0.3, 0, rng.random(size)).astype(np.float32)
    flow = np.rint(flow * 32) / np.float32(32)  # OpenCV's maps have such steps
    x, y = (flow[..., k] + np.indices(size, np.float32)[1 - k] for k in range(2))
    weight, there = (
        cv2.remap(each, x, y, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE) for each in (np.minimum(count, 6), mean)
    )
    weight = weight * alike
    found, total = _continued(chroma, mean, count, flow, alike, np.float32(6))
    np.testing.assert_allclose(total, 1 + weight, rtol=1e-4)
    np.testing.assert_allclose(found, (chroma + weight[..., None] * there) / (1 + weight)[..., None], atol=1e-3)


def test_settings_exception() -> None:
    with pytest.raises(SettingsError, match=r"drawings must be at least 2, not 0; memory must be at least 1, not nan"):
        SmoothSettings(drawings=0, memory=float("nan"))


def test_no_chroma_exception() -> None:
    frame = Frame(luma(0), 0, Fraction(1, 24), 0)
    with pytest.raises(ValueError, match="frame 0 has no chroma"):
        smoothed([frame])
