"""Pictures of what a film shows: their regions are found again in its drawings, and give these their paints."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cartoon_color.color import luma_of_rgb, rgb_to_lab
from cartoon_color.frames import Frame
from cartoon_color.references import read_references
from cartoon_color.regions.constellation import Constellation, find, large_enough
from cartoon_color.regions.drawing import Regions
from cartoon_color.stages.follow import FollowRegions
from cartoon_color.stages.pictures import SURE, Pictures
from cartoon_color.stages.vote import Vote

PAINTS = np.uint8(
    [
        [
            (190, 40, 30),
            (60, 160, 70),
            (50, 80, 200),
            (230, 120, 140),
            (110, 200, 220),
            (240, 210, 60),
            (90, 60, 30),
            (200, 190, 240),
        ]
    ]
)
GRAYS = luma_of_rgb(PAINTS, "bt601")[0].tolist()
COLORS = rgb_to_lab(PAINTS)[0, :, 1:].tolist()
PLACES = ((0, 0), (46, 6), (94, 0), (4, 44), (48, 50), (96, 42), (10, 90), (60, 94))
GROUND, GUESS = 230, (12.0, 12.0)
SIZE = 200, 300


def figure(order: tuple[int, ...] = tuple(range(8)), scale: float = 1) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Outlined boxes of various grays and sizes, (140, 140) by scale, and the number of each from 1; 0 beside them."""
    gray, number = np.full((140, 140), GROUND, np.uint8), np.zeros((140, 140), np.int32)
    for box, (x, y) in zip(order, PLACES, strict=True):
        part = np.s_[y : y + 34 + 2 * (box % 3), x : x + 30 + 3 * (box % 4)]
        gray[part] = 10
        inner = np.s_[part[0].start + 3 : part[0].stop - 3, part[1].start + 3 : part[1].stop - 3]
        gray[inner], number[part] = GRAYS[box], box + 1
    size = round(140 * scale), round(140 * scale)
    drawn = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return np.asarray(drawn, np.uint8), np.asarray(cv2.resize(number, size, interpolation=cv2.INTER_NEAREST), np.int32)


def drawing(gray: NDArray[np.uint8], left: int = 120, top: int = 40) -> NDArray[np.uint8]:
    """A figure in a landscape of its own."""
    picture = np.full(SIZE, GROUND, np.uint8)
    for x, y, shade in ((10, 10, 130), (60, 20, 90), (15, 120, 180), (70, 90, 150), (60, 150, 110)):
        cv2.rectangle(picture, (x, y), (x + 30, y + 36), 10, 3)
        cv2.rectangle(picture, (x + 3, y + 3), (x + 27, y + 33), shade, -1)
    picture[top : top + len(gray), left : left + gray.shape[1]] = gray
    return picture


def sheet(path: Path, turned: bool = False) -> Path:
    """The figure in color at another size, cut out; what is transparent is red."""
    gray, number = figure(scale=1.8)
    painted = np.abs(gray - np.int32([GROUND, *GRAYS])[number]) <= 1
    rgb = np.where(painted[..., None], np.concatenate([PAINTS[0, :1], PAINTS[0]])[number], gray[..., None])
    rgba = np.dstack([rgb[..., ::-1], np.where(number > 0, 255, 0)]).astype(np.uint8)
    rgba[number == 0, :3] = (0, 0, 255)
    assert cv2.imwrite(str(path), rgba[:, ::-1] if turned else rgba)
    return path


def voted(picture: NDArray[np.uint8], pictures: Pictures | None) -> NDArray[np.float32]:
    """The a, b of a drawing in a film whose network guesses one color for everything."""
    chroma = np.full((*SIZE, 2), GUESS, np.float32)
    evidence = np.zeros((8, 8, 313), np.float32)
    evidence[..., 160] = 1
    frame = Frame(picture, 0, Fraction(1), 0, chroma=chroma, evidence=evidence)
    (result,) = Vote(pictures=pictures, bit_depth=8, color_range="full")(iter([frame]))
    assert result.chroma is not None
    return np.asarray(result.chroma)


def looked_for(path: Path, told: list[str] | None = None) -> Pictures:
    return Pictures(read_references([path]), ([] if told is None else told).append)


# --- constellations ---


def stars(count: int, seed: int = 0) -> Constellation:
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 300, (count, 2)), rng.uniform(400, 900, count), rng.uniform(20, 90, count)
    return Constellation(*(each.astype(np.float32) for each in values), np.ones(count, bool))


def some(stars: Constellation, rows: slice, small: int = 0) -> Constellation:
    """Some of the regions, the first ones being small."""
    large = stars.large.copy()
    large[:small] = False
    return Constellation(*(each[rows] for each in (stars.center, stars.area, stars.lightness, large)))


@pytest.mark.parametrize("scale", [(2, 2), (-0.5, 0.5)], ids=["larger", "smaller and mirrored"])
def test_the_same_regions_are_found_unit(scale: tuple[float, float]) -> None:
    """All of 13 regions with all 12 others around: 12 / 12; if one is missing, 11 / 12; of five, 4 of 8."""
    one = stars(13)
    other = Constellation(
        one.center * np.float32(scale) + 7, one.area * np.float32(scale[1] ** 2), one.lightness, one.large
    )
    score, which = find(one, other)
    np.testing.assert_allclose(score, 1, atol=1e-5)
    np.testing.assert_array_equal(which, np.arange(13))
    score, which = find(one, some(other, np.s_[1:]))
    np.testing.assert_allclose(score, 11 / 12, atol=0.01)  # what is missing may be likened to another, a little
    np.testing.assert_array_equal(which, np.arange(1, 13))
    few = some(one, np.s_[:5])
    np.testing.assert_allclose(find(few, few)[0], 4 / 8, atol=1e-5)


def test_another_gray_counts_less_unit() -> None:
    """By exp(-1/2) for a deviation of 4 L* of a region; of one of its 12 neighbors, by a twelfth of what is missing."""
    one = stars(13)
    shaded = one.lightness.copy()
    shaded[0] += 4
    score, _ = find(one, Constellation(one.center, one.area, shaded, one.large))
    np.testing.assert_allclose(score[1:], 1 - (1 - np.exp(-0.5)) / 12, atol=1e-4)
    assert score[0] == pytest.approx(np.sqrt(np.exp(-0.5)) * score[1:].max(), abs=1e-3)  # believed by the others


def test_a_darker_picture_counts_less_unit() -> None:
    """By exp(-1/2 (4/6)^2) for 4 L* by which all of it is darker, at a deviation of 6."""
    one = stars(13)
    score, which = find(Constellation(one.center, one.area, one.lightness - 4, one.large), one)
    np.testing.assert_allclose(score, np.exp(-((4 / 6) ** 2) / 2), atol=1e-4)
    np.testing.assert_array_equal(which, np.arange(13))


def test_small_regions_are_found_with_large_ones_but_find_none_unit() -> None:
    """Ten large ones vote for each other and for the three small ones; with three large ones nothing is found."""
    one = stars(13)
    score, which = find(some(one, np.s_[:], small=3), some(one, np.s_[:], small=3))
    np.testing.assert_allclose(score, 1, atol=1e-5)
    np.testing.assert_array_equal(which, np.arange(13))
    score, which = find(some(one, np.s_[:], small=3), some(one, np.s_[:3]))
    assert not score.any()
    assert not find(some(one, np.s_[:], small=10), one)[0].any()
    assert not find(one, some(one, np.s_[:], small=13))[0].any()  # nor does what is small in the drawing


def test_other_regions_are_not_found() -> None:
    for seed in range(1, 6):
        assert find(stars(20), stars(60, seed))[0].max() < 0.3
    assert not find(stars(3), stars(3))[0].any()  # too few
    empty = stars(0)
    assert find(stars(8), empty)[0].shape == (0,)


def test_thin_regions_are_found_but_find_none() -> None:
    labels = np.zeros((20, 40), np.int32)
    labels[:, :10], labels[:, 10:13], labels[:, 13:23], labels[:, 23:] = 1, 2, 3, 4
    inner = np.zeros(labels.shape, bool)
    inner[2:-2, 2:8] = inner[2:-2, 15:21] = inner[9:11, 25:30] = inner[:, 10:13] = True
    thin, row = np.arange(5) == 2, np.zeros(5, np.float32)
    regions = Regions(labels, inner, thin, np.bincount(labels.ravel()).astype(np.int32), row, row, row, inner)
    seen = np.ones(labels.shape, bool)
    seen[:, 18:] = False
    numbers, large = large_enough(regions)
    assert (numbers.tolist(), large.tolist()) == ([1, 2, 3, 4], [True, False, True, False])
    numbers, large = large_enough(regions, seen & (np.arange(40) > 10))
    assert (numbers.tolist(), large.tolist()) == ([2, 3], [False, True])


# --- pictures in drawings ---


@pytest.mark.parametrize("turned", [False, True])
def test_a_cut_out_figure_colors_its_regions_only(tmp_path: Path, turned: bool) -> None:
    gray, number = figure()
    picture = drawing(gray)
    plain, chroma = voted(picture, None), voted(picture, looked_for(sheet(tmp_path / "sheet.png", turned)))
    figured = np.zeros(SIZE, np.int32)
    figured[40:180, 120:260] = number
    for box, color in enumerate(COLORS, start=1):
        inside = cv2.erode((figured == box).astype(np.uint8), np.ones((11, 11), np.uint8)) > 0
        np.testing.assert_allclose(np.median(chroma[inside], axis=0), color, atol=3)
    np.testing.assert_array_equal(chroma[:, :110], plain[:, :110])
    np.testing.assert_array_equal(chroma[figured == 0][:, 0].max(), plain[figured == 0][:, 0].max())  # nothing red


def test_the_same_boxes_in_another_order_prove_nothing(tmp_path: Path) -> None:
    picture = drawing(figure(order=(5, 2, 7, 0, 3, 6, 4, 1))[0])
    pictures = looked_for(sheet(tmp_path / "sheet.png"))
    np.testing.assert_array_equal(voted(picture, pictures), voted(picture, None))


def test_votes_and_shifts_unit(tmp_path: Path) -> None:
    """What is found votes with the weight of several drawings, and is moved by the difference to the network's mean."""
    picture = drawing(figure()[0])
    found = FollowRegions(bit_depth=8, color_range="full")(Frame(picture, 0, Fraction(1), 0), None)
    assert found.regions is not None
    given = np.zeros((len(found.lightness), 313), np.float32)
    given[1:, 0] = found.regions.area[1:]
    chroma = np.full((*SIZE, 2), GUESS, np.float32)
    votes, shift = looked_for(sheet(tmp_path / "sheet.png")).vote(found, chroma, given, np.zeros((len(given), 2)))
    moved = shift.any(axis=1)
    assert moved.sum() >= len(COLORS)
    np.testing.assert_array_equal(votes[~moved], given[~moved])
    np.testing.assert_allclose(votes[moved].sum(axis=1), SURE * found.regions.area[moved], rtol=1e-4)
    paints = shift[moved] + np.float32(GUESS)
    assert (np.linalg.norm(paints[:, None] - np.float32(COLORS), axis=2).min(axis=1) < 3).all()


def test_what_is_believed_less_says_less_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a belief of 0.35, of 0.2 to 0.4, three quarters of what is said and of what others say are mixed."""

    def doubt(one: Constellation, other: Constellation) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        score, which = find(one, other)
        return np.where(score > 0.3, np.float32(0.35), 0).astype(np.float32), which

    monkeypatch.setattr("cartoon_color.stages.pictures.find", doubt)
    found = FollowRegions(bit_depth=8, color_range="full")(Frame(drawing(figure()[0]), 0, Fraction(1), 0), None)
    assert found.regions is not None
    given = np.zeros((len(found.lightness), 313), np.float32)
    given[1:, 0] = found.regions.area[1:]
    before = np.full((len(given), 2), 4, np.float32)
    chroma = np.full((*SIZE, 2), GUESS, np.float32)
    votes, shift = looked_for(sheet(tmp_path / "sheet.png")).vote(found, chroma, given, before)
    moved = (shift != before).any(axis=1)
    assert moved.sum() >= len(COLORS)
    np.testing.assert_array_equal(votes[~moved], given[~moved])
    np.testing.assert_allclose(votes[moved].sum(axis=1), (0.25 + 0.75 * SURE) * found.regions.area[moved], rtol=1e-4)
    np.testing.assert_allclose(votes[moved, 0], 0.25 * found.regions.area[moved], rtol=1e-4)
    paints = (shift[moved] - 0.25 * 4) / 0.75 + np.float32(GUESS)
    assert (np.linalg.norm(paints[:, None] - np.float32(COLORS), axis=2).min(axis=1) < 3).all()


def test_a_picture_of_too_few_regions_is_told(tmp_path: Path) -> None:
    plain = np.full((60, 80, 3), (40, 90, 200), np.uint8)
    assert cv2.imwrite(str(tmp_path / "plain.png"), plain)
    told: list[str] = []
    pictures = looked_for(tmp_path / "plain.png", told)
    assert len(told) == 1
    assert "plain.png shows fewer than 4 large regions" in told[0]
    picture = drawing(figure()[0])
    np.testing.assert_array_equal(voted(picture, pictures), voted(picture, None))
