"""Where pictures come from: films, and folders of PNG files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cartoon_color.dataset.extracted import read_picture
from cartoon_color.errors import InputError
from cartoon_color.frames import RGB
from cartoon_color.video import probe, read_color


@dataclass(frozen=True)
class Source:
    """A film, or a folder of pictures in the order of their names."""

    path: Path
    name: str

    def pictures(self) -> Iterator[tuple[str, RGB]]:
        """Each frame with its name: its number (containers round time stamps differently), or the name of its file."""
        if self.path.is_dir():
            files = sorted(self.path.glob("*.png"))
            if not files:
                raise InputError(f"there are no .png files in {self.path}; give a film or a folder of pictures")
            for file in files:
                yield file.name, read_picture(file)
            return
        info = probe(self.path)
        for frame, rgb in read_color(info, deinterlace=info.interlaced):
            yield f"{frame.index}", rgb


def name_sources(paths: Sequence[Path], taken: Iterable[str]) -> list[Source]:
    """Sources with names that tell them apart: the file's own, or with its folder's if two are alike or taken."""
    short = [path.name if path.is_dir() else path.stem for path in paths]
    if len({*short, *taken}) < len(short) + len(set(taken)):
        short = [f"{path.resolve().parent.name}/{name}" for path, name in zip(paths, short, strict=True)]
    if len(set(short)) < len(short):
        raise InputError(f"two of the inputs have the same name ({', '.join(short)}); rename one")
    return [Source(path, name) for path, name in zip(paths, short, strict=True)]


def together(truth: Source, others: list[Source]) -> Iterator[tuple[str, RGB, list[RGB]]]:
    """The same frame of all sources at once: its name, the truth, the others.

    Raises:
        InputError: One has fewer or more frames, a frame of another name or another size.
    """
    streams = [other.pictures() for other in others]
    count = 0
    for name, picture in truth.pictures():
        pictures = []
        for other, stream in zip(others, streams, strict=True):
            found = next(stream, None)
            if found is None:
                raise InputError(
                    f"{other.path} has {count} frames, fewer than {truth.path}; give films of the same length"
                )
            if found[0] != name:
                raise InputError(f"{other.path} has {found[0]} where {truth.path} has {name}; give the same pictures")
            if found[1].shape != picture.shape:
                raise InputError(
                    f"{other.path} is {_size(found[1])}, {truth.path} is {_size(picture)}; give films of the same size"
                )
            pictures.append(found[1])
        yield name, picture, pictures
        count += 1
    for other, stream in zip(others, streams, strict=True):
        if next(stream, None) is not None:
            raise InputError(
                f"{other.path} has more frames than the {count} of {truth.path}; give films of the same length"
            )


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
