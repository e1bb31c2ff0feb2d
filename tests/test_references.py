"""Colored frames given by the user: reading them, finding their frames, and what `FollowReferences` makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import films
import numpy as np
import pytest
import torch
from squares import SIZE, luma, place

from cartoon_color import checkpoint, variants
from cartoon_color.color import lab_to_rgb, rgb_to_lab
from cartoon_color.config import EncoderSettings, NetworkSettings
from cartoon_color.errors import InputError
from cartoon_color.frames import Description, Frame, VideoInfo
from cartoon_color.painter import Painter
from cartoon_color.references import FITS, FITS_SMALL, Paint, find_frames, read_references
from cartoon_color.render import render
from cartoon_color.stages.reference import FollowReferences, _along_edges
from cartoon_color.stages.smooth import Smooth
from cartoon_color.streams import chain
from cartoon_color.video import probe, read

SQUARE, GROUND, GUESS = (40, 10), (-30, 20), (5, 5)


def truth(number: int) -> np.ndarray:
    picture = np.full((*SIZE, 2), GROUND, np.float32)
    picture[place(number)] = SQUARE
    return picture


def film(number: int = 20, *, cut: int = 1000, twos: int = 1) -> list[Frame]:
    """The square, in the color of a network that guesses one color for everything."""
    guess = np.full((*SIZE, 2), GUESS, np.float32)
    return [
        Frame(
            luma(index // twos, seed=int(index // twos >= cut)), index, Fraction(1, 24), index,
            shot=int(index // twos >= cut), drawing=index - index % twos, chroma=guess,
        )
        for index in range(number * twos)
    ]  # fmt: skip


def paint(number: int, opacity: np.ndarray | None = None) -> Paint:
    return Paint(truth(number), np.ones(SIZE, np.float32) if opacity is None else opacity)


def followed(frames: list[Frame], references: dict[int, Paint], **options) -> list[np.ndarray]:
    stage = FollowReferences(references, bit_depth=8, color_range="full", **options)
    return [np.asarray(frame.chroma) for frame in stage(iter(frames))]


def inner(chroma: np.ndarray, number: int) -> np.ndarray:
    return chroma[place(number)][6:-6, 6:-6].mean(axis=(0, 1))


# --- the stage ---


def test_colors_travel_forwards_and_backwards_with_the_square() -> None:
    for number, chroma in enumerate(followed(film(), {10: paint(10)})):
        np.testing.assert_allclose(inner(chroma, number), SQUARE, atol=2)
        np.testing.assert_allclose(chroma[70:].mean(axis=(0, 1)), GROUND, atol=2)
        assert np.abs(chroma - truth(number)).mean() < 3  # the guess is off by 25


def test_the_frame_of_the_reference_has_its_colors() -> None:
    np.testing.assert_allclose(followed(film(), {10: paint(10)})[10], truth(10), atol=0.1)


@pytest.mark.parametrize("flat", [False, True])
def test_what_was_painted_stays_as_it_was_through_smoothing(flat: bool) -> None:
    guess = np.full((*SIZE, 2), GUESS, np.float32)
    one_region = np.ones(SIZE, np.uint16) if flat else None
    frames = [frame.with_(chroma=guess, flat=one_region) for frame in film()]
    painted = paint(10)
    painted.chroma[:20, :20] = 70, -50  # what no drawing shows
    stages = [
        FollowReferences({10: painted}, bit_depth=8, color_range="full"),
        Smooth(bit_depth=8, color_range="full"),
    ]
    result = [np.asarray(frame.chroma) for frame in chain(iter(frames), stages)]
    np.testing.assert_allclose(result[10], painted.chroma, atol=0.1)
    np.testing.assert_allclose(inner(result[16], 16), SQUARE, atol=8)


def test_a_reference_never_passes_a_cut() -> None:
    frames = film(16, cut=8)
    result = followed(frames, {4: paint(4)})
    for frame, chroma in zip(frames[8:], result[8:], strict=True):
        np.testing.assert_array_equal(chroma, frame.chroma)
    result = followed(frames, {12: paint(12)})
    for frame, chroma in zip(frames[:8], result[:8], strict=True):
        np.testing.assert_allclose(chroma, frame.chroma, atol=0.05)


def test_without_references_nothing_changes() -> None:
    frames = film(4)
    for frame, chroma in zip(frames, followed(frames, {}), strict=True):
        assert np.shares_memory(frame.chroma, chroma)


def test_what_is_transparent_says_nothing() -> None:
    opacity = np.zeros(SIZE, np.float32)
    opacity[:, :90] = 1
    silent = np.where(opacity[..., None] > 0, truth(6), np.float32(-90))
    for number, chroma in enumerate(followed(film(12), {6: Paint(silent, opacity)})):
        np.testing.assert_allclose(inner(chroma, number), SQUARE, atol=2)
        assert chroma.min() > -40  # nothing of what is transparent
    untouched = followed(film(12), {6: Paint(silent, opacity * 0)})
    np.testing.assert_allclose(untouched[3], np.full((*SIZE, 2), GUESS), atol=0.05)


def test_what_is_erased_takes_no_color_from_what_is_left() -> None:
    opacity = np.zeros(SIZE, np.float32)
    opacity[:24, :24] = 1  # a piece of the ground
    for chroma in followed(film(12), {6: paint(6, opacity)}):
        np.testing.assert_allclose(chroma[4:16, 4:16].mean(axis=(0, 1)), GROUND, atol=3)
        np.testing.assert_allclose(chroma[70:].mean(axis=(0, 1)), GUESS, atol=3)


def test_two_references_share_a_shot_by_nearness() -> None:
    colors = [Paint(np.full((*SIZE, 2), value, np.float32), np.ones(SIZE, np.float32)) for value in (-20, 20)]
    means = [chroma.mean() for chroma in followed(film(21), {0: colors[0], 20: colors[1]})]
    assert means[0] == pytest.approx(-20, abs=0.5)
    assert means[20] == pytest.approx(20, abs=0.5)
    assert abs(means[10]) < 2
    assert means[5] < -10
    assert means[15] > 10


def test_backwards_it_reaches_as_far_as_frames_wait() -> None:
    frames = film(20)
    result = followed(frames, {15: paint(15)}, reach=5)
    for frame, chroma in zip(frames[:10], result[:10], strict=True):
        np.testing.assert_array_equal(chroma, frame.chroma)
    for number in range(10, 20):
        np.testing.assert_allclose(inner(result[number], number), SQUARE, atol=2)


def test_held_frames_share_one_array() -> None:
    frames = film(10, twos=2)
    result = followed(frames, {9: paint(4)})
    for frame, chroma in zip(frames, result, strict=True):
        assert np.shares_memory(chroma, result[frame.drawing])
        np.testing.assert_allclose(inner(chroma, frame.index // 2), SQUARE, atol=2)


def test_colors_survive_a_fade() -> None:
    frames = [frame.with_(luma=(frame.luma * (1 - frame.index / 24)).astype(np.uint8)) for frame in film(12)]
    for number, chroma in enumerate(followed(frames, {2: paint(2)})):
        np.testing.assert_allclose(inner(chroma, number), SQUARE, atol=4)


def test_what_cells_say_keeps_to_edges_of_gray() -> None:
    """Cells across an edge say a mixture, which is spread evenly; where gray is even, what is trusted spreads."""
    gray = np.where(np.arange(64) < 31, 60, 180).astype(np.uint8)[None].repeat(48, axis=0)
    true = np.where(gray[..., None] < 100, np.float32([40, -10]), np.float32([-20, 30])).astype(np.float32)
    coarse = cv2.resize(cv2.resize(true, (16, 12), interpolation=cv2.INTER_AREA), (64, 48))
    kept = _along_edges(coarse, np.ones(gray.shape, np.float32), gray)
    assert np.abs(kept - true).max() < 0.5 * np.abs(coarse - true).max()
    assert np.square(kept - true).mean() < 0.6 * np.square(coarse - true).mean()
    even = np.full_like(gray, 90)
    trust = np.where(gray < 100, np.float32(1), np.float32(0))
    np.testing.assert_allclose(_along_edges(true, trust, even)[:, 31], np.broadcast_to((40, -10), (48, 2)), atol=4)
    same = np.broadcast_to(np.float32([3, 4]), true.shape).copy()
    np.testing.assert_allclose(_along_edges(same, trust, gray), same, atol=1e-3)


def test_where_flow_fails_what_the_network_sees_tells_things_apart() -> None:
    """Two things of equal gray change places, and their texture changes too."""
    things = np.zeros((16, 16, 3), np.float16)
    things[:, :8, 0] = things[:, 8:, 1] = 5
    guess = np.full((*SIZE, 2), GUESS, np.float32)
    colors = np.where(np.arange(SIZE[1])[:, None] < SIZE[1] // 2, np.float32(SQUARE), np.float32(GROUND))
    painted = Paint(np.broadcast_to(colors, (*SIZE, 2)).astype(np.float32), np.ones(SIZE, np.float32))
    rng = np.random.default_rng(0)
    textures = [np.clip(rng.normal(120, 60, SIZE), 0, 255).astype(np.uint8) for _ in range(2)]

    def second(seen: list[np.ndarray | None]) -> np.ndarray:
        frames = [
            Frame(
                texture, number, Fraction(1, 24), number, chroma=guess,
                description=None if features is None else Description(features, np.zeros(1, np.float32)),
            )
            for number, (texture, features) in enumerate(zip(textures, seen, strict=True))
        ]  # fmt: skip
        chroma = followed(frames, {0: painted})[1]
        return np.stack([half[20:-20, 20:-20].mean(axis=(0, 1)) for half in np.split(chroma, 2, axis=1)])

    alike, stay, change = second([None, None]), second([things, things]), second([things, things[:, ::-1]])
    apart = np.subtract(GROUND, SQUARE)
    assert (np.sign(change - stay) == np.sign([apart, -apart])).all()
    assert (np.abs(change - stay) > 0.6 * np.abs(apart)).all()  # flow takes some for the same by chance
    assert np.abs(change - alike).max() > 20
    for seen in ([things, None], [None, things]):
        np.testing.assert_array_equal(second(seen), alike)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (17, 9)])
def test_any_size(size: tuple[int, int]) -> None:
    chroma = np.zeros((*size, 2), np.float32)
    frames = [Frame(np.full(size, 90, np.uint8), n, Fraction(1, 24), n, chroma=chroma) for n in range(3)]
    painted = Paint(np.full((20, 20, 2), 7, np.float32), np.ones((20, 20), np.float32))
    for result in followed(frames, {1: painted}):
        np.testing.assert_allclose(result, 7, atol=0.1)


def test_no_chroma_exception() -> None:
    with pytest.raises(ValueError, match="frame 0 has no chroma"):
        followed([Frame(luma(0), 0, Fraction(1, 24), 0)], {0: paint(0)})


# --- reading and finding ---


def info() -> VideoInfo:
    return VideoInfo(
        Path("film.mkv"), 128, 96, Fraction(1, 24), None, None, Fraction(1), 0, "yuv420p", 8, "full", "bt601", 2, 2,
        False, 0,
    )  # fmt: skip


def picture(number: int, gamma: float = 1.0) -> np.ndarray:
    """A colored copy of a frame, BGR, its luma painted anew."""
    lightness = 100 * (luma(number) / np.float32(255)) ** np.float32(gamma)
    return lab_to_rgb(np.dstack([lightness, truth(number)]))[..., ::-1]


def write(path: Path, pixels: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


def found(paths: list[Path], told: list[str], turned: bool = False) -> dict[int, Paint]:
    lumas = (np.ascontiguousarray(luma(n)[::-1, ::-1] if turned else luma(n)) for n in range(12))
    frames: Iterator[Frame] = (Frame(codes, n, Fraction(1, 24), n) for n, codes in enumerate(lumas))
    return dict(find_frames(read_references(paths), info(), frames, told.append))


@pytest.mark.parametrize("gamma", [1.0, 0.8, 1.3])
def test_a_reference_is_found_by_its_luma(tmp_path: Path, gamma: float) -> None:
    told: list[str] = []
    paints = found([write(tmp_path / "painted.png", cv2.resize(picture(7, gamma), (256, 192)))], told)
    assert list(paints) == [7]
    assert told == []
    small = cv2.resize(paints[7].chroma, SIZE[::-1], interpolation=cv2.INTER_AREA)
    expected = rgb_to_lab(picture(7, gamma)[..., ::-1])[..., 1:]
    assert np.abs(small - expected)[36:56, 30:50].max() < 3


def test_a_small_piece_is_not_found_by_chance(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    alpha = np.zeros(SIZE, np.uint8)
    alpha[place(7)] = 255
    piece = np.dstack([picture(7), alpha])
    piece[..., :3] = np.clip(piece[..., :3] + rng.normal(0, 2.5, SIZE)[..., None], 0, 255)
    told: list[str] = []
    (reference,) = read_references([write(tmp_path / "piece.png", piece)])
    thumbnail = cv2.resize(luma(7), reference.thumbnail.shape[::-1], interpolation=cv2.INTER_AREA)
    correlation = np.corrcoef(reference.thumbnail[reference.opaque], thumbnail[reference.opaque])[0, 1]
    assert FITS < correlation < FITS_SMALL
    assert found([tmp_path / "piece.png"], told) == {}
    assert "shows no frame" in told[0]


def test_a_wrong_number_does_not_lead_astray(tmp_path: Path) -> None:
    assert list(found([write(tmp_path / "frame_000002.png", picture(7))], [])) == [7]


def test_the_number_decides_between_frames_that_look_alike(tmp_path: Path) -> None:
    path = write(tmp_path / "show.000005.png", picture(3))
    frames = (Frame(luma(3), n, Fraction(1, 24), n) for n in range(8))
    assert list(find_frames(read_references([path]), info(), frames, print)) == [5]


def test_a_reference_of_another_film_is_told_and_left_out(tmp_path: Path) -> None:
    told: list[str] = []
    assert found([write(tmp_path / "other.png", picture(7))], told, turned=True) == {}
    assert told == [f"{tmp_path / 'other.png'} shows no frame of film.mkv; it changes nothing."]


def test_a_picture_of_another_shape_is_told_and_left_out(tmp_path: Path) -> None:
    told: list[str] = []
    assert found([write(tmp_path / "wide.png", cv2.resize(picture(7), (256, 96)))], told) == {}
    shape = "whose shape (128x96) is not its own (256x96)"
    assert told == [f"{tmp_path / 'wide.png'} shows no frame of film.mkv, {shape}; it changes nothing."]


def test_of_two_references_for_a_frame_the_latter_counts(tmp_path: Path) -> None:
    told: list[str] = []
    write(tmp_path / "a.png", picture(7))
    write(tmp_path / "b.png", np.roll(picture(7), 1, axis=2))
    (tmp_path / "notes.txt").write_text("no picture")
    paints = found([tmp_path], told)
    assert len(told) == len(paints) == 1
    assert "show the same frame 7; the latter counts" in told[0]


def test_sixteen_bits_and_transparency(tmp_path: Path) -> None:
    alpha = np.full((*SIZE, 1), 65535, np.uint16)
    alpha[:40] = 0
    deep = np.concatenate([picture(7).astype(np.uint16) * 257, alpha], axis=2)
    (paint,) = found([write(tmp_path / "deep.png", deep)], []).values()
    np.testing.assert_array_equal(paint.opacity, alpha[..., 0] / 65535)
    np.testing.assert_allclose(paint.chroma, rgb_to_lab(picture(7)[..., ::-1])[..., 1:], atol=1e-3)


def test_gray_and_transparent_exceptions(tmp_path: Path) -> None:
    clear = np.dstack([picture(0), np.zeros(SIZE, np.uint8)])
    for name, pixels in (("one.png", luma(0)), ("three.png", cv2.merge([luma(0)] * 3)), ("clear.png", clear)):
        with pytest.raises(InputError, match=f"{name} has no color, or is transparent all over"):
            read_references([write(tmp_path / name, pixels)])


def test_unreadable_exceptions(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("text.png", "empty.png", "missing.png"):
        with pytest.raises(InputError, match=f"{name} can't be read as a picture"):
            read_references([tmp_path / name])
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder holds no reference"):
        read_references([tmp_path / "folder"])


# --- in a film ---


def test_what_the_network_sees_comes_as_far_as_the_references(tmp_path: Path, weights: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 6))
    foreign = read_references([write(tmp_path / "foreign.png", np.full((48, 64, 3), (10, 200, 90), np.uint8))])
    *before, _, _ = Painter([weights], device="cpu").stages(info)
    assert all(frame.description is None for frame in chain(read(info), before))
    *before, smooth, _ = Painter([weights], references=foreign, device="cpu").stages(info)
    frames = list(chain(read(info), before))
    assert all((frame.description is None) == frame.held for frame in frames)
    assert all(frame.description is None for frame in smooth(iter(frames)))


def test_a_reference_colors_a_film_and_a_foreign_one_changes_nothing(tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.mkv", 8, pixel_format="gray", size=(48, 64))
    torch.manual_seed(0)
    weights = tmp_path / "weights.safetensors"
    checkpoint.save(variants.build("compact", NetworkSettings(width=0.25, input_size=64)), weights, {})
    lightness = (films.drawing(5, 48, 64) / np.float32(2.55)).astype(np.float32)
    green = np.broadcast_to(np.float32((-40, 20)), (48, 64, 2))
    own = write(tmp_path / "own.png", lab_to_rgb(np.dstack([lightness, green]))[..., ::-1])
    foreign = write(tmp_path / "foreign.png", lab_to_rgb(np.dstack([100 - lightness, green]))[..., ::-1])
    told: list[str] = []
    chroma = {}
    for name, paths in {"none": [], "own": [own], "foreign": [foreign]}.items():
        painter = Painter([weights], references=read_references(paths), device="cpu", say=told.append)
        target = tmp_path / f"{name}.mkv"
        render(film, target, painter, EncoderSettings(codec="ffv1", pixel_format="yuv444p"))
        with av.open(str(target)) as source:
            chroma[name] = np.stack([picture.to_ndarray() for picture in source.decode(video=0)])
    np.testing.assert_array_equal(chroma["foreign"], chroma["none"])
    np.testing.assert_array_equal(chroma["own"][:, 0], chroma["none"][:, 0])
    assert (chroma["none"][:, 2].mean(axis=(1, 2)) > 150).all()  # what the network makes of it is red
    assert (chroma["own"][:, 2].mean(axis=(1, 2)) < 125).all()
    assert f"{foreign} shows no frame of {film}; its paints are taken where regions are found again." in told
    told.clear()
    Painter([weights], references=read_references([foreign]), smooth="flow", say=told.append).find_references(
        probe(film), iter(())
    )
    assert told == [
        f"{foreign} shows no frame of {film}; it changes nothing, since only --smooth tracks takes paints from such a "
        "picture."
    ]
