"""On real footage: `pytest -m film --films FOLDER -n 0`, with the films that datasets/default.toml names."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from cartoon_color.config import EncoderSettings
from cartoon_color.stages.shots import DetectShots
from cartoon_color.video import Writer, probe, read

pytestmark = pytest.mark.film


def test_luma_and_time_stamps_survive(films, tmp_path):
    found = sorted(films.glob("*.mp4"))
    assert found
    for film in found:
        info = probe(film)
        out = tmp_path / f"{film.stem}.mkv"
        frames = list(islice(read(info), 24))
        with Writer(out, info, EncoderSettings("ffv1")) as writer:
            neutral = np.full(writer.chroma_shape, 128, np.uint8)
            for frame in frames:
                writer.write(frame, neutral, neutral)
        back = list(read(probe(out)))
        assert len(back) == len(frames)
        # Matroska can't say that sound begins before 0; all streams then start later together.
        shift = back[0].pts * back[0].time_base - frames[0].pts * frames[0].time_base
        assert 0 <= shift < 0.05
        for before, after in zip(frames, back, strict=True):
            assert np.array_equal(before.luma, after.luma)
            assert abs(before.pts * before.time_base + shift - after.pts * after.time_base) <= 0.001


@pytest.mark.parametrize(("part", "shots"), [("p1", 4), ("p2", 4), ("p3", 7), ("p4a", 3)])
def test_shots_of_sindbad(films, part, shots):
    """Counted by eye."""
    *_, last = DetectShots()(read(probe(films / f"popeye_sindbad_{part}.mp4")))
    assert last.shot + 1 == shots
