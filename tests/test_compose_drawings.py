"""Pictures to train on, composed of drawings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cartoon_color.video import probe, read_color
from pipelines import compose_drawings

RED = (200, 30, 20)


@pytest.fixture
def drawings(tmp_path):
    """A folder with a red disc on nothing, a green ground, a gray one, a sliver, and a broken file."""
    folder = tmp_path / "drawings"
    (folder / "deeper").mkdir(parents=True)
    disc = np.zeros((200, 150, 4), np.uint8)
    cv2.circle(disc, (75, 120), 50, (*RED[::-1], 255), -1)
    cv2.imwrite(str(folder / "deeper" / "disc.png"), disc)
    cv2.imwrite(str(folder / "ground.png"), np.full((200, 300, 3), (40, 180, 60), np.uint8))
    cv2.imwrite(str(folder / "gray.png"), np.full((200, 300, 3), 90, np.uint8))
    sliver = np.zeros((200, 200, 4), np.uint8)
    sliver[np.arange(200), np.arange(200)] = (*RED[::-1], 255)
    cv2.imwrite(str(folder / "sliver.png"), sliver)
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def load_all(folder):
    paths = sorted(path for path in folder.rglob("*") if path.suffix in compose_drawings.KINDS)
    return compose_drawings.sort_drawings(found for found in map(compose_drawings.load, paths) if found is not None)


def test_figures_and_grounds_are_told_apart(drawings):
    figures, grounds = load_all(drawings)
    assert len(figures) == 1
    assert len(grounds) == 1
    assert figures[0].shape == (101, 101, 4)  # cut to the disc
    assert np.allclose(figures[0][50, 50, :3], RED)
    assert np.allclose(grounds[0][80, 100], (60, 180, 40))


def test_an_svg_is_drawn(tmp_path):
    pytest.importorskip("resvg_py")
    path = tmp_path / "square.svg"
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="10mm" height="10mm" viewBox="0 0 4 4">'
        '<rect x="1" y="1" width="2" height="2" fill="#00ff00"/></svg>'
    )
    drawn = compose_drawings.load(path)
    assert drawn.shape == (256, 256, 4)
    assert drawn[128, 128].tolist() == [0, 255, 0, 255]
    assert drawn[10, 10, 3] == 0


def test_a_figure_lies_where_it_is_opaque():
    """Wherever it is put, the part inside the picture is all red, what is under it stays."""
    figure = np.zeros((40, 60, 4), np.uint8)
    figure[:, 30:] = (255, 0, 0, 255)
    shown = 0
    for seed in range(40):
        picture = np.full((256, 256, 3), 0.5, np.float32)
        compose_drawings.put(picture, figure, np.random.default_rng(seed))
        red = np.isclose(picture, (1, 0, 0), atol=1e-3).all(axis=2)
        same = np.isclose(picture, 0.5, atol=1e-3).all(axis=2)
        assert (red | same).mean() > 0.98  # but for edges
        rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
        if len(rows):
            shown += 1
            assert red[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.98
    assert shown > 20  # only some have their opaque half outside


def test_compositions_are_known_from_seeds_and_differ(drawings):
    figures, grounds = load_all(drawings)
    first, again, other = (
        compose_drawings.compose([figures], grounds, np.random.default_rng((0, number))) for number in (1, 1, 2)
    )
    assert first.shape == (256, 256, 3)
    assert np.array_equal(first, again)
    assert np.square(first.astype(float) - other).mean() > 100


def test_the_film_holds_each_picture_losslessly(drawings, tmp_path):
    film = tmp_path / "drawings.mkv"
    script = Path(compose_drawings.__file__)
    words = [str(drawings), "--out", str(film), "--pictures", "5"]
    told = subprocess.run([sys.executable, str(script), *words], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert "5 pictures of 1 figures and 1 grounds" in told
    frames = [rgb for _, rgb in read_color(probe(film))]
    figures, grounds = load_all(drawings)
    assert len(frames) == 5
    for number, frame in enumerate(frames):
        wanted = compose_drawings.compose([figures], grounds, np.random.default_rng((0, number)))
        assert np.array_equal(frame, wanted)


def test_folders_without_figures_are_refused(tmp_path):
    script = Path(compose_drawings.__file__)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "--out", str(tmp_path / "film.mkv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "no figures were found" in done.stderr
    assert not (tmp_path / "film.mkv").exists()
