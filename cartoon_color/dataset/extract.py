"""From an episode to training pictures: every unique drawing that is no credits, small and lossless (thesis 4.1)."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color import __version__
from cartoon_color.config import CreditsProfile, ExtractSettings
from cartoon_color.dataset.index import EpisodeFiles, Row, read_fingerprint, write_atomically, write_rows
from cartoon_color.dataset.manifest import Episode, is_folder_name, repeated_names
from cartoon_color.errors import InputError, OutputError, SettingsError
from cartoon_color.frames import RGB, Frame, VideoInfo
from cartoon_color.stages.credits import CreditsVerdict, faded_beside_credits, judge_credits
from cartoon_color.stages.dedup import UniqueFrames
from cartoon_color.stages.shots import DetectShots
from cartoon_color.streams import prefetched
from cartoon_color.video import probe, read_color

REVISION = 1
"""Grows when the same settings would give other pictures than before, so that data sets are made anew."""
AHEAD = 8
"""Frames that are decoded ahead, and pictures that wait to be written."""
GRAY_SPREAD = 3.0
"""Codes between the greatest and the least channel, as a mean, below which a picture has no color."""
_THUMBNAIL = (16, 16)
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)
"""Measured on a 256x256 film picture: 5 ms and 84 kB, where OpenCV's defaults take 8 ms for 83 kB."""


@dataclass(frozen=True, slots=True)
class ExtractSummary:
    """What came out of an episode; `dataclasses.asdict` makes JSON of it."""

    episode: str
    frames: int
    """Frames looked at; every one is kept, a duplicate, credits or in a fade."""
    kept: int
    duplicates: int
    credits: int
    fades: int
    """Left out because they fade beside credits."""
    shots: int
    seconds: float
    """That the work took."""
    skipped: bool
    """Whether an earlier run had done it."""


def check_names(episodes: Iterable[Episode]) -> None:
    """SettingsError if two episodes have the same name, and so would share a folder."""
    problems = repeated_names(episodes)
    if problems:
        raise SettingsError("; ".join(problems) + "; rename a file, or name the episodes in a manifest")


def extract(
    episode: Episode,
    out: Path,
    settings: ExtractSettings | None = None,
    profile: CreditsProfile | None = None,
    *,
    progress: Callable[[int], None] | None = None,
    workers: int = 2,
) -> ExtractSummary:
    """Write the training pictures of `episode`, and its index, into the data set at `out`.

    Frames that differ enough from the last one kept (eq. 4.1, at the film's size) are scaled to size x size, and
    written as PNG unless they show credits, or fade beside them. What a finished run has made from the same film with
    the same settings is left as it is; what a killed run has left is removed and made anew. The fingerprint is written
    last. A film counts as the same if its size and time of change are, or else its checksum.

    Args:
        episode: the film, or the part of it, to extract.
        out: the folder of the data set; made if needed. `frames/EPISODE/NNNNNN.png`, `index/EPISODE.{csv,json}`.
        settings: thresholds and size.
        profile: what the show's credits look like; None to keep them.
        progress: called after each frame with the number of frames so far.
        workers: threads that scale and write pictures, beside the one that decodes.

    Raises:
        InputError: if the film is missing, is not the manifest's, can't be decoded, or has no color.
        SettingsError: if the name of the episode can't be a folder's.
        OutputError: if something can't be written.
    """
    settings = settings or ExtractSettings()
    started = time.monotonic()
    if not is_folder_name(episode.name):
        raise SettingsError(f"{episode.name!r} can't be the name of a folder; name the episode otherwise")
    film = episode.film()
    files = EpisodeFiles(Path(out), episode.name)
    wanted = _recipe(episode, settings, profile)
    with _writing(files):
        if (earlier := _finished(files, film, wanted)) is not None:
            return ExtractSummary(episode.name, **earlier, seconds=time.monotonic() - started, skipped=True)
        source = _describe(film, _sha256(film))
        if episode.sha256 and source["sha256"] != episode.sha256:
            raise InputError(
                f"{film} is not the film that the manifest means: its SHA-256 is {source['sha256']}, expected is "
                f"{episode.sha256}; get it from: {episode.source or 'where the manifest came from'}"
            )
        info = probe(film)
        # The fingerprint goes first and comes last, so that half a run never passes for a whole one.
        files.fingerprint.unlink(missing_ok=True)
        files.rows.unlink(missing_ok=True)
        if files.pictures.exists():
            shutil.rmtree(files.pictures)
        files.pictures.mkdir(parents=True)
        files.rows.parent.mkdir(exist_ok=True)
        rows = _extract(info, episode, files, settings, profile, progress, workers)
        write_rows(files.rows, rows)
        counts = _count(rows)
        fingerprint = wanted | {
            "version": __version__,
            "source": source,
            "matrix": info.matrix,
            "width": info.width,
            "height": info.height,
            "counts": counts,
        }
        write_atomically(files.fingerprint, (json.dumps(fingerprint, indent=2, ensure_ascii=False) + "\n").encode())
    return ExtractSummary(episode.name, **counts, seconds=time.monotonic() - started, skipped=False)


@contextmanager
def _writing(files: EpisodeFiles) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"episode {files.episode} can't be written to {files.dataset} ({error.strerror or error}); "
            "give a folder that can be written, on a disk with free space, and repeat"
        ) from error


def _recipe(episode: Episode, settings: ExtractSettings, profile: CreditsProfile | None) -> dict[str, Any]:
    """What, beside the film, decides how the pictures come out; as JSON gives it back."""
    recipe = {
        "revision": REVISION,
        "episode": episode.name,
        "frames": episode.frames,
        "settings": asdict(settings),
        "credits": None if profile is None else asdict(profile),
    }
    result: dict[str, Any] = json.loads(json.dumps(recipe))
    return result


def _finished(files: EpisodeFiles, film: Path, wanted: dict[str, Any]) -> dict[str, int] | None:
    """The counts of an earlier run with the same outcome; None if there is none, or its pictures are incomplete."""
    found = read_fingerprint(files.fingerprint)
    if found is None or any(found.get(key) != value for key, value in wanted.items()):
        return None
    try:
        counts = {name: int(found["counts"][name]) for name in _count([])}
        recorded = found["source"]
        if {**_describe(film, recorded["sha256"]), "mtime_ns": 0} != {**recorded, "mtime_ns": 0}:
            return None
        changed = recorded["mtime_ns"]
    except (KeyError, TypeError, ValueError):
        return None
    if not files.rows.is_file() or sum(1 for _ in files.pictures.glob("*.png")) != counts["kept"]:
        return None
    if film.stat().st_mtime_ns != changed:
        if _sha256(film) != recorded["sha256"]:
            return None
        found["source"] = _describe(film, recorded["sha256"])
        write_atomically(files.fingerprint, (json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode())
    return counts


def _describe(film: Path, sha256: str) -> dict[str, Any]:
    status = film.stat()
    return {"name": film.name, "size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": sha256}


def _sha256(film: Path) -> str:
    try:
        with film.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{film} can't be read ({error.strerror}); change its rights or copy it") from error


def _count(rows: list[Row]) -> dict[str, int]:
    decisions = [row.decision for row in rows]
    return {
        "frames": len(rows),
        "kept": decisions.count("kept"),
        "duplicates": decisions.count("duplicate"),
        "credits": decisions.count("credits"),
        "fades": decisions.count("fade"),
        "shots": len({row.shot for row in rows}),
    }


def _extract(
    info: VideoInfo,
    episode: Episode,
    files: EpisodeFiles,
    settings: ExtractSettings,
    profile: CreditsProfile | None,
    progress: Callable[[int], None] | None,
    workers: int,
) -> list[Row]:
    """Write the pictures; the rows tell what became of each frame."""
    unique = UniqueFrames(settings.threshold * (4.0 ** (info.bit_depth - 8) if settings.channels == "luma" else 1))
    scale = 4.0 ** (8 - info.bit_depth) if settings.channels == "luma" else 1.0
    seen: list[tuple[Frame, float | None]] = []
    made: dict[int, _Picture] = {}
    with (
        closing(prefetched(_part(info, episode.frames, settings.deinterlace), AHEAD)) as source,  # type: ignore[type-var]  # it is a generator
        _Pool(workers, made) as pool,
    ):
        for frame, rgb in _with_shots(source, DetectShots(settings.shots, bit_depth=info.bit_depth)):
            keep, distance = unique.consider(rgb if settings.channels == "rgb" else frame.luma)
            if keep:
                pool.submit(frame.index, _make, rgb, files.picture(frame.index), settings.size, profile)
            # The picture itself is not needed any more: an episode's would fill the memory.
            seen.append((frame.with_(luma=_NO_LUMA), None if distance is None else distance * scale))
            if progress is not None:
                progress(len(seen))
    _check_pictures(seen, list(made.values()), info, episode, settings)
    order = sorted(made)
    faded = faded_beside_credits(
        [made[index].thumbnail for index in order], [made[index].credits for index in order], settings.fade_keep
    )
    fades = {order[position] for position in faded}
    for index in fades:
        files.picture(index).unlink()
    return [_row(frame, distance, made.get(frame.index), frame.index in fades) for frame, distance in seen]


_NO_LUMA = np.zeros((1, 1), np.uint8)


@dataclass(frozen=True, slots=True)
class _Picture:
    """What is remembered of a frame that is no duplicate."""

    verdict: CreditsVerdict | None
    thumbnail: NDArray[np.uint8]
    """(16, 16, 3), RGB."""
    colored: bool

    @property
    def credits(self) -> bool:
        return self.verdict is not None and self.verdict.credits


def _make(rgb: RGB, path: Path, size: int, profile: CreditsProfile | None) -> _Picture:
    """Scale a frame, write it unless it shows credits, and tell what it is like."""
    small = np.asarray(cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    verdict = None if profile is None else judge_credits(small, profile)
    if verdict is None or not verdict.credits:
        _, encoded = cv2.imencode(".png", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), _PNG)
        write_atomically(path, encoded.tobytes())
    thumbnail = np.asarray(cv2.resize(small, _THUMBNAIL, interpolation=cv2.INTER_AREA), np.uint8)
    spread = thumbnail.max(axis=2).astype(np.float32) - thumbnail.min(axis=2)
    return _Picture(verdict, thumbnail, colored=float(spread.mean()) >= GRAY_SPREAD)


class _Pool:
    """Threads that make pictures, with at most `AHEAD` of them waiting."""

    def __init__(self, workers: int, made: dict[int, _Picture]) -> None:
        self._pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="pictures")
        self._waiting: deque[tuple[int, Future[_Picture]]] = deque()
        self._made = made

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            if kind is None:
                self._collect(0)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, index: int, make: Callable[..., _Picture], *arguments: Any) -> None:
        self._waiting.append((index, self._pool.submit(make, *arguments)))
        self._collect(AHEAD)

    def _collect(self, left: int) -> None:
        while len(self._waiting) > left:
            index, future = self._waiting.popleft()
            self._made[index] = future.result()


def _part(info: VideoInfo, part: tuple[int, int] | None, deinterlace: bool) -> Iterator[tuple[Frame, RGB]]:
    for frame, rgb in read_color(info, deinterlace=deinterlace):
        if part is not None and frame.index >= part[1]:
            return
        if part is None or frame.index >= part[0]:
            yield frame, rgb


def _with_shots(source: Iterator[tuple[Frame, RGB]], shots: DetectShots) -> Iterator[tuple[Frame, RGB]]:
    waiting: deque[RGB] = deque()

    def frames() -> Iterator[Frame]:
        for frame, rgb in source:
            waiting.append(rgb)
            yield frame

    for frame in shots(frames()):
        yield frame, waiting.popleft()


def _check_pictures(
    seen: list[Any], pictures: list[_Picture], info: VideoInfo, episode: Episode, settings: ExtractSettings
) -> None:
    if episode.frames is not None and len(seen) != episode.frames[1] - episode.frames[0]:
        raise InputError(
            f"episode {episode.name} is to be the frames {list(episode.frames)} of {info.path}, which has "
            f"{len(seen)} of them; correct the range in the manifest"
        )
    if not seen:
        raise InputError(f"{info.path} has no frames; give a film")
    if not settings.allow_gray and not any(picture.colored for picture in pictures):
        raise InputError(
            f"episode {episode.name}: {info.path} is black and white in all of its {len(seen)} frames; training needs "
            "color episodes; leave it out, or allow it with --allow-gray"
        )


def _row(frame: Frame, distance: float | None, picture: _Picture | None, fades: bool) -> Row:
    verdict = None if picture is None else picture.verdict
    return Row(
        index=frame.index,
        pts=frame.pts,
        time_base=frame.time_base,
        decision="duplicate" if picture is None else "credits" if picture.credits else "fade" if fades else "kept",
        distance=distance,
        credits=None if verdict is None else verdict.credits,
        confidence=None if verdict is None else verdict.confidence,
        shot=frame.shot,
    )
