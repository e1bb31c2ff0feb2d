"""Films to measure on: 704x528, 25 fps, H.264 as a DVD rip has it, drawn from code."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from cartoon_color.toyshow import draw_show
from cartoon_color.video import probe, read_color

SIZE = (704, 528)
RATE = Fraction(25)


def draw(folder: Path, seconds: float = 20.0) -> Path:
    """An episode of the drawn show, on twos and threes, with grain."""
    path = folder / "episode.mkv"
    if not path.exists():
        show = draw_show(folder / "show", episodes=1, seconds=seconds, size=SIZE, rate=RATE)
        pictures = [rgb for _, rgb in read_color(probe(show.episodes[0].color))]
        encode(path, pictures)
    return path


def hold(folder: Path, source: Path, minutes: int, frames_held: int = 12) -> Path:
    """A film of some minutes whose drawings are held long, so that measuring it takes little time."""
    path = folder / f"{minutes}_minutes.mkv"
    if not path.exists():
        drawings = [rgb for index, (_, rgb) in enumerate(read_color(probe(source))) if index % 6 == 0]
        count = int(minutes * 60 * RATE)
        encode(path, (drawings[index // frames_held % len(drawings)] for index in range(count)))
    return path


def encode(path: Path, pictures: list[np.ndarray] | object) -> None:
    """Write RGB pictures as H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for picture in pictures:  # type: ignore[attr-defined]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
