"""Regions of drawings, their tracks, and the colors they vote for."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cartoon_color.color import AB_BINS, rgb_to_lab
from cartoon_color.frames import Frame
from cartoon_color.palette import Paint, Palette
from cartoon_color.regions.drawing import Regions, segment_drawing
from cartoon_color.regions.tracks import Tracker
from cartoon_color.regions.vote import elect, pool
from cartoon_color.stages.vote import WINDOW, Vote

BINS = np.asarray(AB_BINS, np.float64)
RED, BLUE, GREEN = (60.0, 40.0), (20.0, -60.0), (-50.0, 40.0)
SIZE = 120, 160
STEP = 2
"""Pixels that a box moves from drawing to drawing."""


def box(picture: NDArray[np.uint8], left: int, top: int, gray: int, side: int = 40) -> None:
    """A box with a dark outline of two pixels."""
    picture[top : top + side, left : left + side] = 10
    picture[top + 2 : top + side - 2, left + 2 : left + side - 2] = gray


def drawing(number: int = 0, gray: int = 150) -> NDArray[np.uint8]:
    """A box that moves over even ground, and one that stands, both in one gray."""
    picture = np.full(SIZE, 220, np.uint8)
    box(picture, 10 + STEP * number, 20, gray)
    box(picture, 100, 75, gray, side=36)
    return picture


def grained(picture: NDArray[np.uint8], seed: int = 0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, 3, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


# --- regions ---


@pytest.mark.parametrize("grain", [False, True])
def test_outlined_boxes_are_regions(grain: bool) -> None:
    picture = grained(drawing()) if grain else drawing()
    labels = segment_drawing(picture).labels
    ground, moving, standing = labels[5, 80], labels[40, 30], labels[93, 118]
    assert len({ground, moving, standing}) == 3
    assert (labels[24:56, 14:46] == moving).all()
    assert (labels[79:107, 104:132] == standing).all()
    assert (labels[:16] == ground).mean() > 0.99


def test_a_gap_in_the_line_is_closed() -> None:
    picture = np.full(SIZE, 220, np.uint8)
    picture[20:100, 20:22] = picture[20:100, 98:100] = picture[20:22, 20:100] = picture[98:100, 20:100] = 10
    picture[58:61, 98:100] = 220  # three pixels open
    labels = segment_drawing(picture).labels
    assert labels[60, 60] != labels[60, 130]


def test_gray_alone_parts_regions() -> None:
    picture = np.full(SIZE, 120, np.uint8)
    picture[:, 80:] = 150
    labels = segment_drawing(grained(picture)).labels
    assert labels[60, 30] != labels[60, 130]
    assert (labels[:, :76] == labels[60, 30]).mean() > 0.98


def test_description_of_regions_by_hand() -> None:
    found = segment_drawing(drawing())
    region = found.labels[40, 30]
    assert found.mean[region] == 150
    assert found.spread[region] == pytest.approx(0, abs=0.5)
    assert found.area[region] == (found.labels == region).sum()
    rows, columns = np.nonzero(found.labels == region)
    np.testing.assert_allclose(found.center[region], (columns.mean(), rows.mean()), rtol=1e-4)
    assert found.labels.min() == 1
    assert len(found.area) == found.labels.max() + 1


def test_paint_with_shades_spreads() -> None:
    picture = drawing()
    picture[24:56, 14:46] += np.linspace(0, 40, 32).astype(np.uint8)
    found = segment_drawing(picture)
    assert found.spread[found.labels[40, 30]] > 4
    assert found.spread[found.labels[93, 118]] < 1


def test_an_even_patch_in_a_painting_is_painted_but_not_what_a_line_encloses() -> None:
    picture = np.tile(np.linspace(60, 200, SIZE[1]).astype(np.uint8), (SIZE[0], 1))
    picture[20:60, 20:60] = 215  # a patch with an edge, but no line
    box(picture, 100, 75, 150, side=36)
    found = segment_drawing(picture)
    patch, boxed = found.labels[40, 40], found.labels[93, 118]
    assert found.spread[patch] > 4
    assert found.spread[boxed] < 2


def test_a_small_dark_part_is_no_line() -> None:
    """An ear of 2 x 12 pixels, darker than its surroundings by more than lines need to be."""
    picture = np.full((80, 100), 150, np.uint8)
    picture[30:46, 40:46] = 20
    picture[32:44, 42:44] = 70
    labels = segment_drawing(grained(picture)).labels
    ear = labels[38, 43]
    assert ear != labels[10, 10]
    assert (labels[33:43, 42:44] == ear).all()
    assert not (labels[:29] == ear).any()


@pytest.mark.parametrize(("gray", "half", "blur"), [(200, 5, 5), (90, 4, 3)])
def test_a_thin_part_has_the_gray_of_its_paint(gray: int, half: int, blur: int) -> None:
    """The brim of a hat, of which its line leaves a few pixels, and the line's blur."""
    picture = np.full((80, 100), 150, np.uint8)
    for color, width in ((20, 4), (gray, cv2.FILLED), (20, 2)):
        cv2.ellipse(picture, (50, 40), (34, half), 0, 0, 360, color, width, cv2.LINE_AA)
    found = segment_drawing(np.asarray(cv2.GaussianBlur(picture, (blur, blur), 0), np.uint8))
    brim = found.labels[40, 50]
    mine = found.labels == brim
    assert found.thin[brim]
    assert not found.thin[found.labels[10, 10]]
    assert (mine & found.lines).sum() > 50
    assert not (found.inner & mine & found.lines).any()
    assert abs(found.mean[brim] - gray) < 10


def test_lines_are_shared_by_what_is_beside_them() -> None:
    """Six boxes whose lines touch: each gets as much of its line as its neighbor, and nothing of what lies beyond."""
    picture = np.full((100, 150), 20, np.uint8)
    for box, gray in enumerate((70, 90, 110, 130, 150, 170)):
        top, left = 8 + 44 * (box // 3), 10 + 44 * (box % 3)
        picture[top : top + 40, left : left + 40] = gray
    found = segment_drawing(grained(picture))
    for box in range(6):
        top, left = 8 + 44 * (box // 3), 10 + 44 * (box % 3)
        mine = found.labels == found.labels[top + 20, left + 20]
        assert mine[top : top + 40, left : left + 40].mean() > 0.98
        beyond = mine.copy()
        beyond[max(0, top - 10) : top + 50, max(0, left - 10) : left + 50] = False
        assert not beyond.any()
        between = mine[top + 4 : top + 36, left + 40 : left + 44] if box % 3 < 2 else mine[:0]
        assert not between.size or 0.25 < between.mean() < 0.75


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (40, 40)])
def test_an_empty_picture_is_one_region(shape: tuple[int, int]) -> None:
    assert (segment_drawing(np.full(shape, 90, np.uint8)).labels == 1).all()


# --- votes ---


def test_pool_adds_the_cells_of_inner_pixels() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(1, 5, (23, 31)).astype(np.int32)
    inner = rng.random(labels.shape) < 0.6
    cells = rng.random((6, 7, 313)).astype(np.float32)
    expected = np.zeros((5, 313))
    for y, x in zip(*np.nonzero(inner), strict=True):
        expected[labels[y, x]] += cells[y * 6 // 23, x * 7 // 31]
    np.testing.assert_allclose(pool(labels, inner, cells), expected, rtol=1e-4)


def histogram(*votes: tuple[tuple[float, float], float]) -> NDArray[np.float32]:
    """Votes for the bins nearest to colors."""
    result = np.zeros(313, np.float32)
    for ab, share in votes:
        result[((BINS - ab) ** 2).sum(axis=1).argmin()] += share
    return result


def test_the_majority_wins_and_makes_no_third_color() -> None:
    won = elect(np.stack([histogram((RED, 6), (BLUE, 4)), histogram((RED, 4), (BLUE, 6)), histogram((GREEN, 1))]))
    np.testing.assert_allclose(won.ab, [RED, BLUE, GREEN], atol=1e-3)
    np.testing.assert_allclose(won.confidence, [1 - 4 / 6, 1 - 4 / 6, 1], atol=0.01)


def test_near_colors_vote_together() -> None:
    won = elect(histogram((RED, 3), ((60, 50), 3), (BLUE, 4))[None])
    np.testing.assert_allclose(won.ab[0], (60, 45), atol=2)


def palette(*hexes: str) -> Palette:
    colors = [tuple(bytes.fromhex(text)) for text in hexes]
    return Palette(tuple(Paint(f"paint {number}", rgb, 0.1) for number, rgb in enumerate(colors)))


def test_a_color_wins_over_gray_that_has_somewhat_more_votes() -> None:
    gray = (0, 0)
    won = elect(np.stack([histogram((gray, 6), (RED, 4)), histogram((gray, 9), (RED, 1)), histogram((gray, 1))]))
    np.testing.assert_allclose(won.ab, [RED, gray, gray], atol=3)


def test_paints_win_whose_gray_is_the_regions() -> None:
    paints = palette("702010", "f0a090")  # dark and light red
    votes = np.stack([histogram((tuple(paints.ab.mean(axis=0)), 1))] * 2)
    won = elect(votes, paints.ab, paints.gray, np.array(paints.gray))
    np.testing.assert_array_equal(won.ab, paints.ab)


# --- tracks ---


def follow(tracker: Tracker, picture: NDArray[np.uint8], moved: int | None) -> tuple[Regions, NDArray[np.int32]]:
    """Link a drawing whose upper half came from `moved` pixels to the left; None for a first one."""
    found = segment_drawing(picture)
    flow = likeness = None
    if moved is not None:
        flow = np.zeros((*SIZE, 2), np.float32)
        flow[:70, :, 0] = -moved
        likeness = np.ones(SIZE, np.float32)
    tracks, held = tracker.follow(found, (10, 220), likeness, flow)
    assert tracks[0] == 0
    return found, held


def test_a_moving_box_keeps_its_track() -> None:
    tracker = Tracker()
    tracks = []
    for number in range(12):
        _, held = follow(tracker, drawing(number), STEP if number else None)
        tracks.append((held[40, 30 + STEP * number], held[93, 118], held[115, 20]))
    assert len(set(tracks)) == 1
    assert len(set(tracks[0])) == 3


def test_a_cut_begins_new_tracks() -> None:
    tracker = Tracker()
    _, before = follow(tracker, drawing(), None)
    tracker.cut()
    _, after = follow(tracker, drawing(), None)
    assert not set(before.ravel()) & set(after.ravel())


def test_a_part_that_is_lost_for_a_drawing_is_known_after() -> None:
    tracker = Tracker()
    open_box = drawing()
    open_box[20:60, 10:50] = 220  # the box is one with the ground
    shown = [follow(tracker, open_box if number == 8 else drawing(), 0 if number else None)[1] for number in range(12)]
    assert len({int(held[40, 30]) for held in shown}) == 1


def test_another_gray_is_another_track() -> None:
    tracker = Tracker()
    _, before = follow(tracker, drawing(), None)
    _, after = follow(tracker, drawing(gray=90), 0)
    assert after[5, 80] == before[5, 80]
    for _ in range(20):
        _, after = follow(tracker, drawing(gray=90), 0)
    assert after[40, 30] != before[40, 30]


def test_what_no_pixel_remembers_is_forgotten() -> None:
    tracker = Tracker(memory=2)
    _, before = follow(tracker, drawing(), None)
    blank = np.full(SIZE, 220, np.uint8)
    for _ in range(8):
        follow(tracker, blank, None)
    assert not tracker.forget(set()) & set(before.ravel().tolist())
    assert 77 in tracker.forget({77})


# --- the stage ---


def cells(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Histograms at a quarter of the size that are sure of `colors` (H, W, 2)."""
    small = cv2.resize(colors, (SIZE[1] // 4, SIZE[0] // 4), interpolation=cv2.INTER_NEAREST)
    nearest = ((small[:, :, None] - BINS) ** 2).sum(axis=3).argmin(axis=2)
    return np.eye(313, dtype=np.float32)[nearest]


def painted(number: int, moving: tuple[float, float], standing: tuple[float, float]) -> NDArray[np.float32]:
    colors = np.full((*SIZE, 2), GREEN, np.float32)
    colors[20:60, 10 + STEP * number : 50 + STEP * number] = moving
    colors[75:111, 100:136] = standing
    return colors


def film(number: int, color, *, shots: int = 1, twos: int = 1, picture=drawing) -> list[Frame]:
    frames = []
    for shot in range(shots):
        for place in range(number):
            colors = color(place, shot)
            first = (shot * number + place) * twos
            frames += [
                Frame(
                    picture(place % 20),
                    pts=first + held,
                    time_base=Fraction(1, 24),
                    index=first + held,
                    shot=shot,
                    drawing=first,
                    chroma=colors,
                    evidence=None if held else cells(colors),
                )
                for held in range(twos)
            ]
    return frames


def vote(frames: list[Frame], **options) -> list[Frame]:
    return list(Vote(bit_depth=8, color_range="full", **options)(iter(frames)))


def flickering(place: int, shot: int) -> NDArray[np.float32]:
    """Boxes of one gray: the moving one red, blue in every third drawing, the standing one blue."""
    return painted(place % 20, BLUE if place % 3 == 1 else RED, BLUE)


def test_a_flickering_region_has_the_color_of_the_majority() -> None:
    for place, frame in enumerate(vote(film(18, flickering))):
        left = 10 + STEP * place
        np.testing.assert_allclose(frame.chroma[24:56, left + 4 : left + 36], np.broadcast_to(RED, (32, 32, 2)), atol=1)
        np.testing.assert_allclose(frame.chroma[79:107, 104:132], np.broadcast_to(BLUE, (28, 28, 2)), atol=1)
        assert frame.evidence is None


def test_lines_are_no_part_of_what_is_evened_out() -> None:
    (frame,) = vote(film(1, flickering))
    flat = frame.flat
    assert flat is not None
    inside, line = flat[24:56, 14:46], flat[21, 14:46]
    assert (inside == inside[0, 0]).all()
    assert inside[0, 0] != flat[5, 80] > 0
    assert not line.any()


def test_held_frames_share_chroma() -> None:
    frames = vote(film(8, flickering, twos=3))
    for frame in frames:
        assert np.shares_memory(frame.chroma, frames[frame.drawing].chroma)


def test_colors_stay_through_a_shot_longer_than_a_window() -> None:
    """What wins later doesn't change what was shown, nor what follows."""
    still = film(
        3 * WINDOW,
        lambda place, shot: painted(0, RED if place < WINDOW else BLUE, BLUE),
        picture=lambda place: drawing(),
    )
    for frame in vote(still):
        np.testing.assert_allclose(frame.chroma[40, 30], RED, atol=1)


def test_nothing_passes_a_cut() -> None:
    frames = vote(film(6, lambda place, shot: painted(place, BLUE if shot else RED, BLUE), shots=2))
    assert [frame.shot for frame in frames] == [0] * 6 + [1] * 6
    for frame in frames:
        np.testing.assert_allclose(frame.chroma[40, 30 + STEP * (frame.index % 6)], BLUE if frame.shot else RED, atol=1)


def shaded(place: int) -> NDArray[np.uint8]:
    picture = drawing()
    picture[24:56, 14:46] += np.linspace(0, 60, 32).astype(np.uint8)
    return picture


def test_painted_regions_keep_the_color_of_their_pixels_where_it_varies_much() -> None:
    frames = film(4, lambda place, shot: painted(0, RED, BLUE), picture=shaded)
    sloped = frames[0].chroma.copy()
    sloped[..., 0] += np.linspace(-80, 80, SIZE[1])
    frames = [frame.with_(chroma=sloped) for frame in frames]
    for frame in vote(frames):
        # But beside their line, where a network's color has run over it.
        np.testing.assert_allclose(frame.chroma[28:52, 18:42], sloped[28:52, 18:42], atol=1e-3)
        assert np.ptp(frame.chroma[79:107, 104:132, 0]) < 1e-3  # the flat one beside it


def test_blotches_of_painted_regions_are_brought_near_to_their_mean_and_the_winner() -> None:
    rng = np.random.default_rng(7)
    frames = film(6, lambda place, shot: painted(0, RED, BLUE), picture=shaded)
    blotched = []
    for frame in frames:
        blotches = cv2.resize(rng.normal(4, 3, (12, 16, 2)), SIZE[::-1], interpolation=cv2.INTER_LINEAR)
        blotched.append(frame.with_(chroma=(frame.chroma + blotches).astype(np.float32)))
    inside = np.s_[24:56, 14:46]
    mean = np.mean([frame.chroma[inside] for frame in blotched], axis=(0, 1, 2))
    expected = mean / 4 + 3 / 4 * (mean + RED) / 2
    for before, after in zip(blotched, vote(blotched), strict=True):
        np.testing.assert_allclose(after.chroma[inside].mean(axis=(0, 1)), expected, atol=0.5)
        assert (np.std(after.chroma[inside], axis=(0, 1)) < 0.6 * np.std(before.chroma[inside], axis=(0, 1))).all()


def test_black_drawings_keep_their_color() -> None:
    frames = film(3, lambda place, shot: painted(0, RED, BLUE), picture=lambda place: np.full(SIZE, 3, np.uint8))
    for before, after in zip(frames, vote(frames), strict=True):
        np.testing.assert_allclose(after.chroma, before.chroma, atol=1e-4)


def contrasty(place: int) -> NDArray[np.uint8]:
    picture = drawing()
    picture[:, 140:] = 60
    return picture


DARK = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


@pytest.mark.parametrize(
    "factors",
    [DARK + [1] * 13, [1] * 13 + DARK[::-1], DARK + [1] * 6 + DARK[::-1], [1] * 10 + [1.15] + [1] * 9],
    ids=["in", "out", "in and out", "flash"],
)
def test_light_is_what_a_fade_leaves_unit(factors: list[float]) -> None:
    """R'G'B' times a factor leave L* + 16 and, of colors that stay well above black, a, b times light."""
    frames = film(20, lambda place, shot: painted(0, RED, BLUE), picture=contrasty)
    faded = [
        frame.with_(luma=np.rint(frame.luma * factor).astype(np.uint8))
        for frame, factor in zip(frames, factors, strict=True)
    ]
    rgb = np.uint8([[(180, 120, 110), (110, 120, 160), (120, 170, 110)]])
    full = np.abs(rgb_to_lab(rgb)[..., 1:]).sum()
    for frame, factor in zip(vote(faded), factors, strict=True):
        expected = np.abs(rgb_to_lab(np.rint(rgb * min(factor, 1)).astype(np.uint8))[..., 1:]).sum() / full
        assert frame.light == pytest.approx(expected, abs=0.065)  # the straight end of sRGB darkens more
        np.testing.assert_allclose(frame.chroma[40, 30], RED, atol=1)  # as in full light, up to the last stage


def test_what_moves_darkens_nothing() -> None:
    assert {frame.light for frame in vote(film(12, flickering))} == {1}


def test_regions_vote_for_paints() -> None:
    paints = palette("b03020", "3040c0", "609040")
    frames = vote(film(4, flickering), palette=paints)
    shown = frames[0].chroma[40, 30], frames[0].chroma[93, 118]
    for color in shown:
        assert np.abs(paints.ab - color).sum(axis=1).min() < 1e-3


def test_the_watcher_sees_every_drawing() -> None:
    seen = []
    vote(film(5, flickering, twos=2), watch=seen.append)
    assert [voted.drawing for voted in seen] == [0, 2, 4, 6, 8]
    for voted in seen:
        assert voted.gray.shape == voted.tracks.shape == voted.regions.shape == voted.confidence.shape == SIZE
        assert 0 <= voted.confidence.min() <= voted.confidence.max() <= 1


def test_tracks_late_in_a_long_film_take_no_more_memory() -> None:
    stage = Vote(bit_depth=8, color_range="full")
    stage._follow._tracker.count = 2**30  # a table up to there would fill 24 GB
    for frame in stage(film(3, flickering)[:1]):
        np.testing.assert_allclose(frame.chroma[40, 30], RED, atol=1)


def test_chroma_may_come_at_the_size_of_the_network() -> None:
    frames = film(3, flickering)
    small = [frame.with_(chroma=frame.chroma[::8, ::8].copy()) for frame in frames]
    for one, other in zip(vote(small), vote(frames), strict=True):
        # Boxes are flat, so the votes decide; what the network said of their pixels doesn't matter.
        np.testing.assert_allclose(one.chroma[79:107, 104:132], other.chroma[79:107, 104:132], atol=1e-3)


def test_color_without_evidence_is_refused() -> None:
    frame = film(1, flickering)[0].with_(evidence=None)
    with pytest.raises(ValueError, match="no evidence to vote with"):
        vote([frame])
