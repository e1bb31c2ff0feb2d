"""The drawn show: same bytes from the same seed, and a truth that agrees with what is drawn."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.color import deltaE_ciede2000

from cartoon_color.color import luma_of_rgb, rgb_to_lab
from cartoon_color.dataset.manifest import load_manifest
from cartoon_color.errors import InputError, SettingsError
from cartoon_color.stages.dedup import worst_block
from cartoon_color.toyshow import draw_show
from cartoon_color.toyshow.credits import PROFILE
from cartoon_color.toyshow.paints import EQUAL_GRAY, INDEX, LAB, SRGB
from cartoon_color.toyshow.truth import EpisodeTruth, load_truth
from cartoon_color.video import probe, read, read_color

SIZE = (160, 120)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """An episode of 12 seconds without grain."""
    return draw_show(tmp_path_factory.mktemp("clean"), episodes=1, seconds=12, size=SIZE, grain=0)


@pytest.fixture(scope="module")
def grainy(tmp_path_factory):
    """Two episodes of 5 seconds, with grain."""
    return draw_show(tmp_path_factory.mktemp("grainy"), episodes=2, seconds=5, size=SIZE)


@pytest.fixture(scope="module")
def truth(clean) -> EpisodeTruth:
    return load_truth(clean.episodes[0].truth)


@pytest.fixture(scope="module")
def pictures(clean):
    return [rgb for _, rgb in read_color(probe(clean.episodes[0].color))]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_smoke_files(grainy):
    files = contents(grainy.manifest.parent)
    kinds = ("bw.mkv", "color.mkv", "truth.json", "truth.npz")
    assert set(files) == {"toyshow.toml", *(f"episode_0{n}.{kind}" for n in (1, 2) for kind in kinds)}
    assert json.loads(json.dumps(grainy.to_json()))["episodes"][1]["name"] == "episode_02"


def test_same_seed_same_bytes(grainy, tmp_path):
    again = draw_show(tmp_path / "again", episodes=2, seconds=5, size=SIZE)
    assert contents(again.manifest.parent) == contents(grainy.manifest.parent)
    other = draw_show(tmp_path / "other", episodes=1, seconds=5, size=SIZE, seed=1)
    assert other.episodes[0].color.read_bytes() != grainy.episodes[0].color.read_bytes()


def test_manifest_loads(grainy):
    manifest = load_manifest(grainy.manifest)
    assert [episode.role for episode in manifest.episodes] == ["test", "train"]
    assert manifest.credits is not None
    assert manifest.credits.background_share == PROFILE["background_share"] == 0.8


def test_streams(grainy):
    for film in (grainy.episodes[0].color, grainy.episodes[0].bw):
        info = probe(film)
        assert [stream.kind for stream in info.other_streams] == ["audio", "subtitle"]
        assert (info.width, info.height, info.matrix, info.color_range) == (*SIZE, "bt601", "limited")


def test_black_and_white_copy_has_the_luma_of_the_color_film(grainy):
    episode = grainy.episodes[0]
    color, gray = ([frame.luma for frame in read(probe(film))] for film in (episode.color, episode.bw))
    assert len(color) == len(gray) == 120
    assert all(np.array_equal(one, other) for one, other in zip(color, gray, strict=True))
    picture = next(rgb for frame, rgb in read_color(probe(episode.bw)) if frame.index == 60)
    assert np.ptp(picture, axis=2).max() <= 1


def test_paints_fill_their_regions(truth, pictures):
    """The inside of every flat part shows its paint, in shots that are neither fading nor dissolving."""
    dim = {n for start, stop in (*truth.fades, *truth.dissolves) for n in range(start, stop)}
    checked = 0
    for number in range(0, len(pictures), 7):
        if number in dim:
            continue
        labels = truth.labels_at(number)
        for label in np.unique(labels):
            part = truth.parts[label]
            inside = cv2.erode((labels == label).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            if label == 0 or not part.flat or inside.sum() < 30:
                continue
            shown = np.median(pictures[number][inside], axis=0)
            assert np.abs(shown - truth.srgb[part.paint]).max() <= 4, (number, part.name)
            checked += 1
    assert checked > 100


def test_paint_at_follows_the_labels(truth):
    labels, paints = truth.labels_at(100), truth.paint_at(100)
    for label in np.unique(labels):
        assert set(np.unique(paints[labels == label])) == {truth.parts[label].paint}


def test_held_frames_repeat_and_others_do_not(truth, pictures):
    same = np.array([False] + [np.array_equal(one, other) for one, other in pairwise(pictures)])
    assert np.array_equal(truth.held, same)
    assert 0.3 < truth.held.mean() < 0.8


def test_grain_stays_far_below_the_threshold_of_duplicates(grainy):
    episode = grainy.episodes[0]
    held = load_truth(episode.truth).held
    frames = [frame.luma for frame in read(probe(episode.color))]
    blocks = [worst_block(one, other) for one, other in pairwise(frames)]
    noise = [cv2.norm(a, b, cv2.NORM_L2SQR) / a.size for a, b in pairwise(frames)]
    still = [n for n, flag in zip(noise, held[1:], strict=True) if flag]
    assert 0.5 < np.median(still) < 10
    assert max(b for b, flag in zip(blocks, held[1:], strict=True) if flag) < 64


def test_cuts_are_where_the_picture_changes(truth, pictures):
    change = [0.0] + [float(np.abs(a.astype(int) - b).mean()) for a, b in pairwise(pictures)]
    assert truth.cuts
    for cut in truth.cuts:
        assert change[cut] == max(change[max(0, cut - 5) : cut + 6])
        assert change[cut] > 10
    assert truth.dissolves
    assert len(truth.fades) >= 4


def test_credits_look_as_the_thesis_describes_them(truth, pictures):
    """Blue of high saturation on more than 0.8 of the picture, bluish white text; about 4 % of the frames."""
    dim = {n for start, stop in truth.fades for n in range(start, stop)}
    bright = [n for n in np.flatnonzero(truth.credits) if n not in dim]
    assert bright
    for number in bright:
        hsv = cv2.cvtColor(pictures[number], cv2.COLOR_RGB2HSV_FULL).astype(float)
        hue, saturation = hsv[..., 0] * 360 / 256, hsv[..., 1]
        blue = (hue >= 190) & (hue <= 260) & (saturation >= 245)
        white = (hsv[..., 2] > 220) & (saturation <= 120)
        assert blue.mean() > 0.8
        assert white.mean() > 0.002
    assert 0.02 <= truth.credits.mean() <= 0.06


@pytest.mark.parametrize(("one", "other"), EQUAL_GRAY)
def test_equal_grays_differ_in_color(one, other):
    pair = SRGB[[INDEX[one], INDEX[other]]]
    luma = luma_of_rgb(pair[None], "bt601").astype(int)[0]
    assert abs(luma[0] - luma[1]) <= 1
    assert deltaE_ciede2000(*rgb_to_lab(pair[None])[0]) > 20
    assert np.linalg.norm(LAB[INDEX[one], 1:] - LAB[INDEX[other], 1:]) > 30


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"seed": -1}, "seed"),
        ({"episodes": 99}, "episodes"),
        ({"size": (161, 120)}, "size"),
        ({"seconds": 0.1}, "too short"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": 1e9}, "seconds"),
        ({"grain": -1.0}, "grain"),
    ],
)
def test_exception_settings(tmp_path, arguments, word):
    with pytest.raises(SettingsError, match=word):
        draw_show(tmp_path, **{"episodes": 1, **arguments})


def test_exception_truth(tmp_path):
    with pytest.raises(InputError, match="draw it again"):
        load_truth(tmp_path / "nothing.truth.json")
