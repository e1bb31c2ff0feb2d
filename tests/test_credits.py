"""Credits (thesis 4.1.3), against scikit-learn's k-means with ten starts."""

import colorsys
import warnings
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from cartoon_color.config import CreditsProfile
from cartoon_color.errors import SettingsError
from cartoon_color.stages.credits import _can_be_credits, faded_beside_credits, judge_credits, two_clusters

PROFILE = CreditsProfile()
BLUE, WHITE = (0, 20, 200), (235, 238, 250)


def reference_clusters(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float]:
    """Centers, the larger cluster first, and its share."""
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # fewer colors than clusters
        found = KMeans(2, n_init=10, random_state=0).fit(picture.reshape(-1, 3).astype(np.float64))
    counts = np.bincount(found.labels_, minlength=2)
    order = np.argsort(-counts)
    return found.cluster_centers_[order], counts[order[0]] / counts.sum()


@cache
def expected_verdicts() -> list[bool]:
    return [reference_verdict(picture) for picture in cases()]


def reference_verdict(picture: NDArray[np.uint8]) -> bool:
    centers, share = reference_clusters(picture)
    (hue, saturation, _), (text_hue, text_saturation, _) = (
        colorsys.rgb_to_hsv(*np.clip(center, 0, 255) / 255) for center in centers
    )
    return bool(
        190 <= 360 * hue <= 260
        and 255 * saturation >= 250
        and (190 <= 360 * text_hue <= 250 or text_saturation == 0)
        and 255 * text_saturation <= 120
        and share > 0.8
    )


def title_card(
    seed: int = 0, text_share: float = 0.1, background: tuple[int, ...] = BLUE, text: tuple[int, ...] = WHITE
) -> NDArray[np.uint8]:
    """(64, 64, 3): strokes with soft edges on a plain background, with a little noise."""
    rng = np.random.default_rng(seed)
    alpha = np.zeros((64, 64, 1))
    while alpha.mean() < text_share:
        y, x = rng.integers(8, 52, 2)
        alpha[y : y + 8, x : x + 3] = 1
        alpha[y : y + 8, x + 3] = np.maximum(alpha[y : y + 8, x + 3], 0.5)
    mixed = (1 - alpha) * background + alpha * text + rng.normal(0, 1.5, (64, 64, 1)) * (np.array(background) > 10)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def drawing(seed: int) -> NDArray[np.uint8]:
    """(64, 64, 3): flat colored boxes."""
    rng = np.random.default_rng(seed)
    out = np.full((64, 64, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(rng.integers(1, 8)):
        y, x, h, w = rng.integers(0, 60, 4)
        out[y : y + h + 4, x : x + w + 4] = rng.integers(0, 256, 3)
    return out


@cache
def cases() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    made = [title_card(seed, rng.uniform(0.02, 0.3)) for seed in range(12)]
    # Near every limit: hue and saturation of both clusters, share.
    made += [title_card(2, 0.1, (0, green, 200)) for green in range(140, 180, 8)]
    made += [title_card(3, 0.1, (red, 0, 200)) for red in range(50, 85, 8)]
    made += [title_card(4, 0.1, (red, 30, 220)) for red in range(0, 10, 2)]
    made += [title_card(5, 0.1, BLUE, (level, level, 250)) for level in range(90, 190, 12)]
    made += [title_card(6, share) for share in (0.15, 0.17, 0.19, 0.2, 0.21, 0.23)]
    made += [(title_card(7) * fade).astype(np.uint8) for fade in (0.7, 0.4, 0.2, 0.05)]
    made += [drawing(seed) for seed in range(12)]
    made += [np.minimum(drawing(seed) * np.array([0.02, 0.4, 1]), 255).astype(np.uint8) for seed in range(12)]
    made += [np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), BLUE, np.uint8), drawing(3)[..., [2, 1, 0]]]
    # A quarter of the pixels, since ten starts take their time.
    return [np.ascontiguousarray(picture[::2, ::2]) for picture in made]


def test_verdicts_equal_those_of_scikit_learn() -> None:
    expected = expected_verdicts()
    assert 15 < sum(expected) < len(expected) - 30
    verdicts = [judge_credits(picture, PROFILE) for picture in cases()]
    assert [verdict.credits for verdict in verdicts] == expected
    assert all(0 <= verdict.confidence <= 1 for verdict in verdicts)


def test_clusters_equal_those_of_scikit_learn() -> None:
    for picture in (title_card(1), title_card(2, 0.25), title_card(8, 0.02), drawing(1)):
        background, text, share = two_clusters(picture)
        centers, expected = reference_clusters(picture)
        np.testing.assert_allclose([background, text], centers, atol=0.1)
        assert share == pytest.approx(expected, abs=1e-3)


def test_the_quick_test_never_rejects_credits_and_rejects_most_drawings() -> None:
    possible = [_can_be_credits(picture, PROFILE) for picture in cases()]
    assert all(quick for quick, expected in zip(possible, expected_verdicts(), strict=True) if expected)
    assert sum(_can_be_credits(drawing(seed), PROFILE) for seed in range(100)) < 20


def test_the_quick_test_knows_other_hues() -> None:
    red = CreditsProfile(background_hue=(0, 20), text_hue=(0, 360))
    assert judge_credits(title_card(0, 0.1, (200, 20, 0), (250, 240, 240)), red).credits
    assert not judge_credits(title_card(0), red).credits


def test_fading_changes_nothing() -> None:
    whole = judge_credits(title_card(), PROFILE)
    half = judge_credits((title_card() * 0.5).astype(np.uint8), PROFILE)
    assert whole.credits
    assert half.credits
    assert half.confidence == pytest.approx(whole.confidence, abs=0.1)


def test_confidence_falls_toward_a_limit() -> None:
    certain, close, beyond, far = (judge_credits(title_card(6, share), PROFILE) for share in (0.1, 0.17, 0.205, 0.4))
    assert (certain.credits, close.credits, beyond.credits, far.credits) == (True, True, False, False)
    assert certain.confidence > close.confidence
    assert far.confidence > beyond.confidence


def test_the_background_needs_more_than_its_share() -> None:
    picture = np.full((10, 10, 3), BLUE, np.uint8)
    picture[:2] = WHITE
    assert not judge_credits(picture, PROFILE).credits
    picture[0, 0] = BLUE
    assert judge_credits(picture, PROFILE).credits


def test_the_same_picture_gets_the_same_verdict() -> None:
    assert len({judge_credits(title_card(4, 0.19), PROFILE) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"background_hue": (260.0, 190.0)}, {"background_share": 0.3}, {"text_saturation": 300.0}],
)
def test_a_profile_is_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        CreditsProfile(**wrong)  # type: ignore[arg-type]


def faded(picture: NDArray[np.uint8], *levels: float) -> list[NDArray[np.uint8]]:
    return [np.rint(picture * level).astype(np.uint8) for level in levels]


def test_fades_beside_credits_are_thinned() -> None:
    rng = np.random.default_rng(0)
    scene = [rng.integers(0, 256, (16, 16, 3)).astype(np.uint8) for _ in range(4)]
    title = np.full((16, 16, 3), BLUE, np.uint8)
    steps = [0.9, 0.75, 0.6, 0.45, 0.3, 0.15]
    sequence = [
        *scene[:3],  # 0..2; the last one fades out
        *faded(scene[2], *steps, 0),  # 3..9
        *faded(title, *steps[::-1]),  # 10..15, too dark to be told as credits
        title,  # 16
        *faded(title, 0.5),  # 17, told as credits
        *faded(title, 0.2, 0),  # 18, 19
        *faded(scene[3], 0.2, 0.5, 0.8, 1),  # 20..23
        scene[0],
    ]
    marks = [index in (16, 17) for index in range(len(sequence))]
    dropped = faded_beside_credits(sequence, marks, keep=2)
    # Of the fade out 3..8, whose ends stay; of the fade in 20..22; black and the credits' own fade go.
    assert dropped == {4, 5, 6, 7, *range(9, 16), 18, 19, 21}
    assert faded_beside_credits(sequence, marks, keep=0) == {*range(3, 16), 18, 19, 20, 21, 22}


def test_what_moves_or_is_not_beside_credits_stays() -> None:
    rng = np.random.default_rng(0)
    scene = [rng.integers(0, 256, (16, 16, 3)).astype(np.uint8) for _ in range(3)]
    title = np.full((16, 16, 3), BLUE, np.uint8)
    fade = faded(scene[0], 1, 0.5, 0.2, 0)
    assert faded_beside_credits(fade, [False] * 4, keep=0) == set()
    assert faded_beside_credits([*fade, *scene[1:], title], [False] * 6 + [True], keep=0) == set()
    still = [scene[0], np.clip(scene[0].astype(int) + 1, 0, 255).astype(np.uint8), scene[0]]
    assert faded_beside_credits([title, *still], [True, False, False, False], keep=0) == set()
    moving = [np.rint(one * level).astype(np.uint8) for one, level in zip(scene, (0.3, 0.6, 1), strict=True)]
    assert faded_beside_credits([title, *moving], [True, False, False, False], keep=0) == set()
