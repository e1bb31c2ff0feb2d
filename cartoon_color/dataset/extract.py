"""From an episode to training pictures: every unique drawing that is no credits, small and lossless (thesis 4.1)."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cartoon_color import __version__
from cartoon_color.config import CreditsProfile, ExtractSettings
from cartoon_color.dataset.index import EpisodeFiles, Row, read_fingerprint, write_rows
from cartoon_color.dataset.manifest import Episode, check_films, is_folder_name, load_manifest, repeated_names
from cartoon_color.dataset.pictures import AHEAD, Picture, PicturePool
from cartoon_color.errors import InputError, OutputError, SettingsError
from cartoon_color.files import write_atomically
from cartoon_color.frames import Frame, VideoInfo
from cartoon_color.stages.credits import faded_beside_credits
from cartoon_color.stages.dedup import UniqueFrames, UniquePictures
from cartoon_color.stages.shots import DetectShots
from cartoon_color.streams import prefetched
from cartoon_color.video import Planes, probe, read_planes

REVISION = 5
"""Grows when the same settings would give other pictures or shots than before, so that data sets are made anew."""
_PICTURE_NAME = re.compile(r"\d{6,}\.png(\.part)?")


@dataclass(frozen=True, slots=True)
class ExtractSummary:
    """What came out of an episode."""

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

    def __str__(self) -> str:
        took = "unchanged since an earlier run" if self.skipped else f"{self.seconds:.1f} s"
        return (
            f"{self.episode}: {self.kept} pictures of {self.frames} frames ({self.duplicates} duplicates, "
            f"{self.credits} credits, {self.fades} in fades), {self.shots} shots, {took}"
        )

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of numbers and texts."""
        return asdict(self)


def choose_episodes(
    names: Sequence[str], manifest: Path | None = None, films: Path | None = None
) -> tuple[tuple[Episode, ...], CreditsProfile | None]:
    """The episodes to extract, all of them there, and what their credits look like.

    Args:
        names: films, or names of the manifest's episodes; none for all of the manifest's but the secondary ones, which
            have no color to learn from.
        manifest: the manifest; without one, every name is a film, named like its file, and credits are kept.
        films: the folder of the manifest's films; the manifest's own by default.

    Raises:
        SettingsError: if nothing is chosen, if a name is unknown, or if two episodes have the same.
        InputError: if films are missing; names all of them.
    """
    show = None if manifest is None else load_manifest(manifest, films)
    known = {} if show is None else {episode.name: episode for episode in show.episodes}
    chosen, problems = [], []
    for name in names:
        if name in known:
            chosen.append(known[name])
        elif show is None or Path(name).is_file():
            chosen.append(Episode.of(Path(name)))
        else:
            problems.append(f"{name} is neither a film nor an episode of {manifest}; it has {', '.join(known)}")
    if show is not None and not names:
        chosen += show.of_role("train", "validation", "test")
    if not chosen and not problems:
        problems.append("there is nothing to extract; give films, or a manifest with episodes in color")
    repeated = repeated_names(chosen)
    if repeated:
        problems += [*repeated, "rename a film, or name the episodes in a manifest"]
    if problems:
        raise SettingsError("; ".join(problems))
    check_films(chosen)
    return tuple(chosen), None if show is None else show.credits


def extract(
    episode: Episode,
    out: Path,
    settings: ExtractSettings | None = None,
    profile: CreditsProfile | None = None,
    *,
    progress: Callable[[int], None] | None = None,
    workers: int = 1,
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
        if (earlier := _finished(files, film, episode.sha256, wanted)) is not None:
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
        _clear(files)
        files.pictures.mkdir(parents=True)
        files.rows.parent.mkdir(exist_ok=True)
        try:
            rows = _extract(info, episode, files, settings, profile, progress, workers)
        except BaseException:
            _clear(files)
            raise
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


def _clear(files: EpisodeFiles) -> None:
    """Remove the pictures of an earlier run, whole or half, and nothing else."""
    if not files.pictures.is_dir():
        return
    for path in files.pictures.iterdir():
        if not _PICTURE_NAME.fullmatch(path.name):
            raise OutputError(
                f"{files.pictures} holds {path.name}, which is no extracted picture; "
                "move it away, or give another folder for the data set"
            )
        path.unlink()
    files.pictures.rmdir()


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


def _finished(files: EpisodeFiles, film: Path, sha256: str, wanted: dict[str, Any]) -> dict[str, int] | None:
    """The counts of an earlier run with the same outcome; None if there is none, or its pictures are incomplete."""
    found = read_fingerprint(files.fingerprint)
    if found is None or any(found.get(key) != value for key, value in wanted.items()):
        return None
    try:
        counts = {name: int(found["counts"][name]) for name in _count([])}
        recorded = found["source"]
        if {**_describe(film, sha256 or recorded["sha256"]), "mtime_ns": 0} != {**recorded, "mtime_ns": 0}:
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
    consider = _comparison(settings, info)
    rows: list[Row] = []
    with (
        closing(prefetched(_part(info, episode.frames, settings.deinterlace), AHEAD)) as source,
        PicturePool(files, settings.size, profile, workers) as pool,
    ):
        for frame, planes in _with_shots(source, DetectShots(settings.shots, bit_depth=info.bit_depth)):
            keep, distance = consider(frame, planes)
            if keep:
                pool.submit(frame.index, planes)
            place = frame.index, frame.pts, frame.time_base
            rows.append(Row(*place, "duplicate", distance, None, None, frame.shot, frame.mixed))
            if progress is not None:
                progress(len(rows))
    made = pool.made
    _check_pictures(len(rows), list(made.values()), info, episode, settings)
    order = list(made)
    faded = faded_beside_credits(
        [made[index].thumbnail for index in order], [made[index].credits for index in order], settings.fade_keep
    )
    fades = {order[position] for position in faded}
    for index in fades:
        files.picture(index).unlink()
    return [_decided(row, made[row.index], row.index in fades) if row.index in made else row for row in rows]


def _comparison(settings: ExtractSettings, info: VideoInfo) -> Callable[[Frame, Planes], tuple[bool, float | None]]:
    """Whether to keep a picture, and its distance to the last one kept, in 8-bit codes whatever the film has."""
    if settings.channels == "rgb":
        pictures = UniquePictures(settings.threshold)
        return lambda frame, planes: pictures.consider(planes)
    unit = 4.0 ** (info.bit_depth - 8)
    lumas = UniqueFrames(settings.threshold * unit)

    def consider(frame: Frame, planes: Planes) -> tuple[bool, float | None]:
        keep, distance = lumas.consider(frame.luma)
        return keep, None if distance is None else distance / unit

    return consider


def _part(info: VideoInfo, part: tuple[int, int] | None, deinterlace: bool) -> Iterator[tuple[Frame, Planes]]:
    for frame, planes in read_planes(info, deinterlace=deinterlace):
        if part is not None and frame.index >= part[1]:
            return
        if part is None or frame.index >= part[0]:
            yield frame, planes


def _with_shots(source: Iterator[tuple[Frame, Planes]], shots: DetectShots) -> Iterator[tuple[Frame, Planes]]:
    waiting: deque[Planes] = deque()

    def frames() -> Iterator[Frame]:
        for frame, planes in source:
            waiting.append(planes)
            yield frame

    for frame in shots(frames()):
        yield frame, waiting.popleft()


def _check_pictures(
    frames: int, pictures: list[Picture], info: VideoInfo, episode: Episode, settings: ExtractSettings
) -> None:
    if episode.frames is not None and frames != episode.frames[1] - episode.frames[0]:
        raise InputError(
            f"episode {episode.name} is to be the frames {list(episode.frames)} of {info.path}, which has only "
            f"{frames} of them; correct the range in the manifest"
        )
    if not settings.allow_gray and not any(picture.colored for picture in pictures):
        raise InputError(
            f"episode {episode.name}: {info.path} is black and white in all of its {frames} frames; training needs "
            "color episodes; leave it out, or allow it with --allow-gray"
        )


def _decided(row: Row, picture: Picture, fades: bool) -> Row:
    verdict = picture.verdict
    return replace(
        row,
        decision="credits" if picture.credits else "fade" if fades else "kept",
        credits=None if verdict is None else verdict.credits,
        confidence=None if verdict is None else verdict.confidence,
    )
