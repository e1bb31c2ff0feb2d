"""Cuts: found where they are, and nowhere else."""

from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cartoon_color.config import ShotSettings
from cartoon_color.errors import SettingsError
from cartoon_color.frames import Frame
from cartoon_color.stages.shots import DetectShots

HEIGHT, WIDTH = 120, 160


def background(seed: int, width: int = WIDTH) -> NDArray[np.uint8]:
    """A soft painting, lighter or darker than another's."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(30, 90, (8, 8 * width // WIDTH)).astype(np.float32) * np.float32(rng.uniform(1, 2.2))
    return cv2.resize(small, (width, HEIGHT), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def scene(seed: int, count: int, hold: int = 2, stride: int = 4) -> list[NDArray[np.uint8]]:
    """A figure that walks over a painting and back, each drawing held."""
    made = []
    for index in range(count):
        picture = background(seed)
        x = 100 - abs(100 - stride * (index // hold * hold) % 200)
        picture[40:100, x : x + 30] = 15
        made.append(picture)
    return made


def frames(pictures: list[NDArray[np.uint8]]) -> Iterator[Frame]:
    return (Frame(picture, index, Fraction(1, 24), index) for index, picture in enumerate(pictures))


def cuts(pictures: list[NDArray[np.uint8]], depth: int = 8, settings: ShotSettings | None = None) -> list[int]:
    shots = [frame.shot for frame in DetectShots(settings, bit_depth=depth)(frames(pictures))]
    assert len(shots) == len(pictures)
    assert shots[0] == 0
    assert set(np.diff(shots)) <= {0, 1}
    return [index for index in range(1, len(shots)) if shots[index] != shots[index - 1]]


@pytest.mark.parametrize("hold", [1, 2, 3, 4])
def test_finds_cuts_exactly(hold: int) -> None:
    pictures = [*scene(1, 23, hold), *scene(2, 31, hold), *scene(3, 12, hold), *scene(4, 20, hold)]
    assert cuts(pictures) == [23, 54, 66]


@pytest.mark.parametrize("depth", [10, 12, 16])
def test_more_bits_give_the_same_cuts(depth: int) -> None:
    pictures = [*scene(1, 20), *scene(2, 20)]
    assert cuts([picture.astype(np.uint16) << depth - 8 for picture in pictures], depth) == [20]
    assert cuts([(picture // 16).astype(np.uint16) << depth - 8 for picture in pictures], depth) == []


def test_grain_is_no_cut_and_hides_none() -> None:
    rng = np.random.default_rng(0)
    pictures = [
        np.clip(picture + rng.normal(0, 15, picture.shape), 0, 255).astype(np.uint8)
        for picture in (*scene(1, 30), *scene(2, 30))
    ]
    assert cuts(pictures) == [30]


def test_a_pan_is_no_cut() -> None:
    wide = background(5, 4 * WIDTH)
    still, pan = [wide[:, :WIDTH]] * 15, [wide[:, x : x + WIDTH] for x in range(0, 3 * WIDTH, 12)]
    assert cuts([*still, *pan, *[pan[-1]] * 15]) == []


def test_busy_drawings_on_fours_are_no_cuts() -> None:
    still = background(1).astype(float)
    drawings = [0.5 * still + 0.5 * background(10 + number) for number in range(12)]
    assert cuts([drawing.astype(np.uint8) for drawing in drawings for _ in range(4)]) == []


def test_a_large_figure_that_jumps_is_no_cut() -> None:
    here, there = background(1), background(1)
    here[20:110, 20:80], there[20:110, 40:100] = 15, 15
    assert cuts([here] * 20 + [there] * 20) == []
    assert cuts([here] * 20 + [background(3)] * 20) == [20]


def test_another_view_of_the_same_background_is_a_cut() -> None:
    here = background(1)
    there = np.roll(here, 70, axis=1)
    assert cuts([here] * 20 + [there] * 20) == [20]


def test_another_figure_before_the_same_background_is_a_cut() -> None:
    here, there = background(1), background(1)
    here[20:80, 20:70], there[40:100, 90:140] = 230, 15
    assert cuts([here] * 20 + [there] * 20) == [20]


def fade(one: NDArray[np.uint8], other: NDArray[np.uint8], steps: int) -> list[NDArray[np.uint8]]:
    """A picture that becomes black in so many steps from frame 12 on, and then another that brightens likewise."""
    levels = np.linspace(1, 0, steps)
    fading = [one * level for level in levels] + [other * level for level in levels[::-1]]
    return [picture.astype(np.uint8) for picture in [one] * 12 + fading + [other] * 12]


@pytest.mark.parametrize("steps", [5, 12, 25])
def test_a_fade_through_black_is_one_cut_where_another_picture_shows(steps: int) -> None:
    (cut,) = cuts(fade(scene(1, 1)[0], scene(2, 1)[0], steps))
    assert 12 + steps < cut <= 12 + steps + 1 + steps // 5


@pytest.mark.parametrize("darkest", [0.1, 0.2])
@pytest.mark.parametrize("contrast", [(1, 1), (0.6, 1), (1, 0.6)], ids=["alike", "brightens", "darkens"])
def test_a_fade_that_never_is_black_is_a_cut_in_the_dark(contrast: tuple[float, float], darkest: float) -> None:
    """Not a dissolve some frames off, although halfway there the picture is a mixture of one of the two and nothing."""
    one, other = (scene(seed, 1)[0] * share for seed, share in zip((1, 2), contrast, strict=True))
    levels = np.linspace(1, darkest, 8)
    fading = [one * level for level in levels] + [other * level for level in levels[::-1]]
    pictures = [one] * 22 + fading + [other] * 22
    (cut,) = cuts([np.rint(picture).astype(np.uint8) for picture in pictures])
    assert 30 <= cut <= 32  # up to two frames show next to nothing


@pytest.mark.parametrize("steps", [5, 12, 25])
def test_what_fades_out_and_comes_back_goes_on(steps: int) -> None:
    assert cuts(fade(scene(1, 1)[0], scene(1, 1)[0], steps)) == []


def test_what_moves_into_an_empty_picture_is_no_cut() -> None:
    pictures = [np.full((HEIGHT, WIDTH), 90, np.uint8) for _ in range(60)]
    for index, picture in enumerate(pictures[20:]):
        left = max(WIDTH // 4, WIDTH - 6 * (index + 1))
        picture[HEIGHT // 3 :, left : left + WIDTH // 2] = 220
    assert cuts(pictures) == []


def dissolve(steps: int, hold: int = 2) -> list[NDArray[np.uint8]]:
    """Two scenes that go on while one becomes the other from frame 30 on, in so many steps."""
    one, other = (scene(seed, 60 + steps, hold, stride=2) for seed in (1, 2))
    shares = np.clip((np.arange(len(one)) - 29) / (steps + 1), 0, 1)
    pairs = zip(one, other, shares, strict=True)
    return [np.rint((1 - share) * a + share * b).astype(np.uint8) for a, b, share in pairs]


@pytest.mark.parametrize("hold", [1, 2, 3])
@pytest.mark.parametrize("steps", [5, 8, 12, 16])
def test_a_dissolve_is_a_shot_of_its_own(steps: int, hold: int) -> None:
    first, after = cuts(dissolve(steps, hold))
    assert abs(first - 30) <= 1
    assert abs(after - (30 + steps)) <= 1


def test_the_frames_of_a_dissolve_are_mixed() -> None:
    found = list(DetectShots()(frames(dissolve(12))))
    mixed = [frame.index for frame in found if frame.mixed]
    assert mixed == list(range(30, 42))
    assert {frame.shot for frame in found if frame.mixed} == {1}


def test_a_dissolve_begins_no_sooner_than_its_shot() -> None:
    pictures = dissolve(12)
    assert cuts([*scene(3, 20), *pictures[25:]]) == [20, 25, 37]
    assert cuts(pictures[:44] + scene(4, 20)) == [30, 42, 44]


def test_a_longer_dissolve_is_found_with_its_middle() -> None:
    first, after = cuts(dissolve(24))
    assert 30 <= first <= 34
    assert 50 <= after <= 54


def test_what_is_drawn_over_in_a_few_frames_is_no_dissolve() -> None:
    pictures = scene(1, 60)
    for index, picture in enumerate(pictures):
        picture[:, : min(WIDTH, max(0, 10 * (index - 20)))] = 220
    assert cuts(pictures) == []


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("level", [0, 255])
def test_a_flash_is_no_cut(length: int, level: int) -> None:
    pictures = scene(1, 40)
    pictures[20 : 20 + length] = [np.full((HEIGHT, WIDTH), level, np.uint8)] * length
    assert cuts(pictures) == []


def test_a_flash_between_shots_is_one_cut() -> None:
    white = [np.full((HEIGHT, WIDTH), 255, np.uint8)] * 4
    assert cuts([*scene(1, 20), *white, *scene(2, 20)]) == [20]


def test_a_brighter_same_picture_is_no_cut() -> None:
    pictures = scene(1, 40, hold=1)
    assert cuts(pictures[:20] + [(picture // 2) for picture in pictures[20:]]) == []


def test_short_shots_join_the_one_they_begin() -> None:
    pictures = [*scene(1, 20), *scene(2, 4), *scene(3, 20)]
    assert cuts(pictures) == [20]
    assert cuts(pictures, settings=ShotSettings(min_length=4)) == [20, 24]


@pytest.mark.parametrize("count", [0, 1, 5, 9, 40])
def test_holds_back_what_it_says_and_loses_nothing(count: int) -> None:
    drawn = 0

    def counted() -> Iterator[Frame]:
        nonlocal drawn
        for frame in frames(scene(1, count)):
            drawn += 1
            yield frame

    stage = DetectShots()
    got = 0
    for index, frame in enumerate(stage(counted())):
        assert frame.index == index
        assert drawn - got <= stage.lookahead + 1
        got += 1
    assert got == count


def test_settings_are_checked() -> None:
    with pytest.raises(SettingsError, match=r"ratio must be above 0.*min_length"):
        ShotSettings(ratio=0, min_length=-1)
