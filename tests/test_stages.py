"""The contract that every stage between reading and writing keeps, and what `Colorize` does within it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from cartoon_color import color
from cartoon_color.config import RefineSettings, SmoothSettings
from cartoon_color.frames import Frame
from cartoon_color.references import Paint
from cartoon_color.stages.colorize import Colorize
from cartoon_color.stages.dedup import MarkHeld
from cartoon_color.stages.dissolve import MixDissolves
from cartoon_color.stages.reference import FollowReferences
from cartoon_color.stages.refine import Refine, RefineMembers
from cartoon_color.stages.shots import REACH, DetectShots
from cartoon_color.stages.smooth import Smooth
from cartoon_color.stages.vote import Vote
from cartoon_color.streams import Stage, chain
from cartoon_color.variants import Prediction

CUT = 30
"""The drawn film has two shots of this many frames."""


class FakeColorizer:
    """a is L* - 50 and b is 50 - L*, at a quarter of the size; remembers the sizes of its batches."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, lightness: Tensor) -> Prediction:
        self.seen.append(tuple(lightness.shape))
        small = functional.avg_pool2d(lightness, 4) - 50
        return Prediction(torch.cat([small, -small], dim=1))


def colorize(fake: FakeColorizer | None = None, **changes) -> Colorize:
    options = {"size": 32, "bit_depth": 8, "color_range": "full", "batch": 4, "lookahead": 16}
    options |= {"device": torch.device("cpu"), "dtype": torch.float32}
    return Colorize(fake or FakeColorizer(), **options | changes)


def refine(method: str = "regiongrow") -> Refine:
    return Refine(RefineSettings(method), bit_depth=8, color_range="full")


def smooth(**changes) -> Smooth:
    return Smooth(SmoothSettings(**changes), bit_depth=8, color_range="full")


def follow(**changes) -> FollowReferences:
    """References in both shots, the second one on a frame that comes late and is held."""
    paint = Paint(np.full((48, 64, 2), (30, -20), np.float32), np.ones((48, 64), np.float32))
    references = dict.fromkeys((7, 100), paint)
    return FollowReferences(references, bit_depth=8, color_range="full", **changes)


STAGES: dict[str, Callable[[], Stage]] = {
    "shots": DetectShots,
    "held": MarkHeld,
    "colorize": colorize,
    "colorize, one by one": lambda: colorize(batch=1, lookahead=1),
    "colorize, much at once": lambda: colorize(batch=8, lookahead=500),
    "colorize and refine": lambda: RefineMembers([colorize(), colorize(batch=2, lookahead=4)], refine()),
    "refine": refine,
    "refine, by graph": lambda: refine("felzenszwalb"),
    "references": follow,
    "references, of short reach": lambda: follow(reach=4),
    "smooth": smooth,
    "smooth, in short windows": lambda: smooth(drawings=3, frames=4),
    "vote": lambda: Vote(bit_depth=8, color_range="full"),
    "dissolves": lambda: MixDissolves(bit_depth=8, color_range="full"),
}


COLORED = ("refine", "references", "smooth", "vote", "dissolves")
"""Beginnings of the names of stages that come behind color."""


def picture(seed: int, moved: int = 0) -> np.ndarray:
    """(48, 64) uint8: a background of `seed`, and a square that stands where `moved` says."""
    coarse = np.random.default_rng(seed).integers(20, 236, (6, 8)).astype(np.uint8)
    luma = cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_NEAREST)
    luma[10:26, 4 + 3 * moved : 20 + 3 * moved] = 250 - 240 * (seed % 2)
    return luma


def film(first: int = 1, second: int = 2, *, cut: bool = True) -> list[Frame]:
    """Two shots on twos, with time stamps that are uneven and start late."""
    lumas = [picture(first, number // 2) for number in range(CUT)]
    lumas += [picture(second, number // 2) for number in range(CUT)]
    return [
        Frame(luma, 1000 + 41 * index + index**2, Fraction(1, 1000), index, duration=40, shot=int(cut and index >= CUT))
        for index, luma in enumerate(lumas)
    ]


def prepared(name: str, frames: list[Frame]) -> list[Frame]:
    """What the stage would get: color comes behind the stage that marks held frames, refinement behind color."""
    if name == "dissolves":  # the longest that is found, in the second shot
        frames = [frame.with_(mixed=CUT < frame.index < CUT + 2 * REACH) for frame in frames]
    before: list[Stage] = [MarkHeld()] if name.startswith(("colorize", *COLORED)) else []
    return list(chain(iter(frames), [*before, colorize(evidence=True)] if name.startswith(COLORED) else before))


# --- every stage ---


def test_there_are_stages() -> None:
    assert {"shots", "held", "colorize", "refine", "references", "smooth", "vote", "dissolves"} <= STAGES.keys()


@pytest.mark.parametrize("name", STAGES)
def test_contract_same_frames(name: str) -> None:
    frames = prepared(name, film())
    lumas = [frame.luma.copy() for frame in frames]
    result = list(STAGES[name]()(iter(frames)))
    assert len(result) == len(frames)
    for before, after, luma in zip(frames, result, lumas, strict=True):
        for field in ("pts", "time_base", "index", "duration"):
            assert getattr(after, field) == getattr(before, field), field
        assert after.luma.dtype == luma.dtype
        np.testing.assert_array_equal(after.luma, luma)


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
def test_contract_short_films(name: str, count: int) -> None:
    frames = prepared(name, film()[:count])
    assert [frame.index for frame in STAGES[name]()(iter(frames))] == list(range(count))


@pytest.mark.parametrize("name", STAGES)
def test_contract_lookahead(name: str) -> None:
    frames = film()
    frames += [frames[-1].with_(index=index, pts=9000 + index, drawing=-1) for index in range(60, 120)]  # a long hold
    pulled = 0

    def source() -> Iterator[Frame]:
        nonlocal pulled
        for frame in prepared(name, frames):
            pulled += 1
            yield frame

    stage = STAGES[name]()
    result = stage(source())
    assert pulled == 0  # nothing is read before it is asked for
    most = 0
    for yielded, _ in enumerate(result, 1):
        most = max(most, pulled - yielded)
    assert most <= stage.lookahead
    assert most >= min(stage.lookahead - 1, 60)  # nor does it promise much more than it needs
    assert pulled == 120


@pytest.mark.parametrize("name", STAGES)
def test_contract_state_resets_at_a_cut(name: str) -> None:
    """What comes before the cut leaves no trace behind it, not even if it ends with the same picture."""
    alike = film()
    alike[CUT - 1] = alike[CUT - 1].with_(luma=alike[CUT].luma)
    one, *others = (list(STAGES[name]()(iter(prepared(name, frames))))[CUT:] for frames in (film(), film(5), alike))
    for other in others:
        for kept, found in zip(one, other, strict=True):
            assert (kept.shot, kept.drawing) == (found.shot, found.drawing)
            assert found.drawing >= CUT  # never a drawing of the shot before
            assert (kept.chroma is None) == (found.chroma is None)
            if kept.chroma is not None:
                np.testing.assert_array_equal(kept.chroma, found.chroma)


@pytest.mark.parametrize("name", STAGES)
def test_contract_a_stage_can_be_used_again(name: str) -> None:
    stage = STAGES[name]()
    once, again = (
        [(frame.shot, frame.drawing, None if frame.chroma is None else frame.chroma.tobytes()) for frame in result]
        for result in (list(stage(iter(prepared(name, film())))) for _ in range(2))
    )
    assert once == again


@pytest.mark.parametrize("name", STAGES)
def test_contract_an_error_of_the_source_comes_through(name: str) -> None:
    def source() -> Iterator[Frame]:
        yield from prepared(name, film()[:3])
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        list(STAGES[name]()(source()))


def test_all_stages_in_a_row() -> None:
    stages = [DetectShots(), MarkHeld(), colorize()]
    result = list(chain(iter(film(cut=False)), stages))
    assert [frame.shot for frame in result] == [0] * CUT + [1] * CUT
    assert [frame.drawing for frame in result] == [index - index % 2 for index in range(2 * CUT)]
    assert all(frame.chroma is not None for frame in result)


# --- Colorize ---


def test_colorize_unit() -> None:
    luma = np.repeat(np.repeat(np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8), 4, axis=0), 4, axis=1)
    (frame,) = colorize()(iter([Frame(luma, 0, Fraction(1, 25), 0)]))
    assert frame.chroma is not None
    assert frame.chroma.shape == (8, 8, 2)
    assert frame.chroma.dtype == np.float32
    small = color.gray_lightness(luma[::4, ::4].astype(np.float32) / 255) - 50
    np.testing.assert_allclose(frame.chroma, np.stack([small, -small], axis=-1), atol=1e-3)


@pytest.mark.parametrize("shape", [(48, 64), (17, 23), (32, 32), (200, 120)])
def test_colorize_shape(shape: tuple[int, int]) -> None:
    fake = FakeColorizer()
    frames = [Frame(np.full(shape, 119 + index, np.uint8), index, Fraction(1, 25), index) for index in range(2)]
    result = list(colorize(fake)(iter(frames)))
    assert fake.seen == [(2, 1, 32, 32)]
    for frame in result:
        assert frame.chroma is not None
        assert frame.chroma.shape == (8, 8, 2)
        lightness = color.gray_lightness(np.float32((119 + frame.index) / 255))
        np.testing.assert_allclose(frame.chroma[..., 0], lightness - 50, atol=1e-3)
        np.testing.assert_allclose(frame.chroma[..., 1], 50 - lightness, atol=1e-3)


@pytest.mark.parametrize(
    ("bit_depth", "color_range", "code"), [(8, "limited", 126), (10, "limited", 502), (10, "full", 512)]
)
def test_colorize_reads_depth_and_range(bit_depth: int, color_range: str, code: int) -> None:
    luma = np.full((8, 8), code, np.uint8 if bit_depth == 8 else np.uint16)
    stage = colorize(bit_depth=bit_depth, color_range=color_range)
    (frame,) = stage(iter([Frame(luma, 0, Fraction(1, 25), 0)]))
    assert frame.chroma is not None
    np.testing.assert_allclose(frame.chroma[..., 0], 3.39, atol=0.3)  # a middle gray of L* 53.4


def test_held_frames_share_the_array_of_their_drawing() -> None:
    fake = FakeColorizer()
    result = list(colorize(fake)(MarkHeld()(iter(film()))))
    assert sum(shape[0] for shape in fake.seen) == CUT  # one of two is colored
    for drawing, held in zip(result[::2], result[1::2], strict=True):
        assert held.held
        assert not drawing.held
        assert np.shares_memory(held.chroma, drawing.chroma)
    for one, other in zip(result[::2], result[2::2], strict=False):
        assert not np.shares_memory(one.chroma, other.chroma)


def test_a_drawing_held_for_long_is_colored_once() -> None:
    fake = FakeColorizer()
    frames = [Frame(picture(1), index, Fraction(1, 25), index, drawing=0) for index in range(100)]
    result = list(colorize(fake)(iter(frames)))
    assert [shape[0] for shape in fake.seen] == [1]
    assert len({frame.chroma.ctypes.data for frame in result}) == 1


def test_colorize_batches() -> None:
    fake = FakeColorizer()
    frames = [Frame(picture(1, index), index, Fraction(1, 25), index) for index in range(10)]
    list(colorize(fake, batch=4)(iter(frames)))
    assert [shape[0] for shape in fake.seen] == [4, 4, 2]


def test_batch_size_changes_nothing() -> None:
    frames = prepared("colorize", film())
    expected = list(colorize(batch=1)(iter(frames)))
    for batch, lookahead in ((3, 3), (8, 48), (64, 10)):
        result = colorize(batch=batch, lookahead=lookahead)(iter(frames))
        for one, other in zip(expected, result, strict=True):
            np.testing.assert_array_equal(one.chroma, other.chroma)


def test_lookahead_is_at_least_a_batch() -> None:
    assert colorize(batch=64, lookahead=10).lookahead == 64
    assert colorize(batch=4, lookahead=10).lookahead == 10
