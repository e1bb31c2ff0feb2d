"""Which tracks of which shots the corrections color: the pass over a film that comes before it is rendered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice, pairwise

import numpy as np

from cartoon_color.corrections import Correction
from cartoon_color.errors import SettingsError
from cartoon_color.frames import Frame, VideoInfo
from cartoon_color.incremental.ledger import Shot
from cartoon_color.regions.lookalikes import TrackBuilder, find_look_alikes
from cartoon_color.stages.correct import Colors
from cartoon_color.stages.dedup import MarkHeld
from cartoon_color.stages.follow import Followed, FollowRegions
from cartoon_color.stages.shots import DetectShots
from cartoon_color.streams import chain

Place = tuple[int, int]
"""A shot and a track in it, by their numbers."""


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """What the corrections come to."""

    shots: tuple[Shot, ...]
    """With their tracks, as far as these were followed."""
    colors: Mapping[int, Colors]
    """By the number of the shot."""
    sentences: tuple[str, ...]
    """What each correction colors."""


def find_shots(frames: Iterator[Frame], info: VideoInfo) -> tuple[Shot, ...]:
    """The shots of a film's `frames`."""
    shots: list[Shot] = []
    for (_, mixed), shot in groupby(DetectShots(bit_depth=info.bit_depth)(frames), key=_shot):
        start = shots[-1].stop if shots else 0
        shots.append(Shot(start, start + sum(1 for _ in shot), mixed))
    return tuple(shots)


def _shot(frame: Frame) -> tuple[int, bool]:
    return frame.shot, frame.mixed


def numbered(frames: Iterator[Frame], shots: Sequence[Shot]) -> Iterator[Frame]:
    """A film's `frames` with the numbers of known shots."""
    shot = 0
    for frame in frames:
        shot += frame.index >= shots[shot].stop
        yield frame.with_(shot=shot, mixed=shots[shot].mixed)


def rendered_together(shots: Sequence[Shot]) -> list[int]:
    """For each shot, the first one of those that dissolves link with it, whose colors these mix."""
    numbers = [0]
    for number, (before, shot) in enumerate(pairwise(shots), start=1):
        numbers.append(numbers[-1] if before.mixed or shot.mixed else number)
    return numbers


def plan(
    corrections: Sequence[Correction],
    shots: Sequence[Shot],
    info: VideoInfo,
    frames: Iterator[Frame],
) -> Plan:
    """Find the tracks of corrections, and what looks like them.

    Args:
        corrections: What the user says.
        shots: All of the film.
        info: Of the film.
        frames: A pass over the film; only begun if shots must be looked at, and not gone on with after the last one.

    Raises:
        SettingsError: Corrections that name what isn't there, or contradict each other; lists them all.
    """
    problems = _outside(corrections, shots, info)
    if problems:
        raise _wrong(problems)
    at = {each.frame: [other for other in corrections if other.frame == each.frame] for each in corrections}
    anywhere = any(each.look_alikes for each in corrections)
    looked_at = {
        number
        for number, shot in enumerate(shots)
        if (anywhere and shot.tracks is None and not shot.mixed) or any(shot.start <= frame < shot.stop for frame in at)
    }
    survey = _Survey(info, at, problems)
    found = list(shots)
    if looked_at:
        until = islice(frames, max(shots[number].stop for number in looked_at))
        for number, shot in groupby(numbered(until, shots), key=lambda frame: frame.shot):
            if number in looked_at:
                found[number] = replace(shots[number], tracks=survey.follow(shot).tracks())
    if problems:
        raise _wrong(problems)
    colors = _directly(survey.places, corrections, problems)
    if problems:
        raise _wrong(problems)
    alike = _alike(corrections, survey.places, found, colors)
    painted: dict[int, dict[int, tuple[float, float]]] = {}
    for (number, track), correction in (colors | alike).items():
        painted.setdefault(number, {})[track] = correction.ab
    return Plan(tuple(found), painted, tuple(_sentence(each, survey.places, found, alike) for each in corrections))


def _wrong(problems: Iterable[str]) -> SettingsError:
    return SettingsError("the corrections can't be made: " + "; ".join(problems))


def _outside(corrections: Iterable[Correction], shots: Sequence[Shot], info: VideoInfo) -> list[str]:
    last = shots[-1].stop - 1
    problems = []
    for each in corrections:
        if each.frame > last:
            problems.append(f"{each}: the film's frames are 0 to {last}")
        elif next(shot for shot in shots if each.frame < shot.stop).mixed:
            problems.append(f"{each}: the frame is in a dissolve; choose one before or after it")
        if each.point[0] >= info.width or each.point[1] >= info.height:
            problems.append(f"{each}: the picture's points are 0, 0 to {info.width - 1}, {info.height - 1}")
    return problems


@dataclass(eq=False, slots=True)
class _Survey:
    """Follows shots, and notes which tracks the corrections' points are in."""

    info: VideoInfo
    at: Mapping[int, Sequence[Correction]]
    """By frame."""
    problems: list[str]
    places: dict[int, Place] = field(default_factory=dict)
    """By the correction's number."""

    def follow(self, shot: Iterator[Frame]) -> TrackBuilder:
        """Go through one shot."""
        builder, last, found = TrackBuilder(), None, None
        follow = FollowRegions(bit_depth=self.info.bit_depth, color_range=self.info.color_range)
        for frame in chain(shot, [MarkHeld(bit_depth=self.info.bit_depth)]):
            if found is None or not frame.held:
                found = follow(frame, last)
                last = found.gray
                if found.regions is not None:
                    builder.add(frame.index, found.regions.labels, found.tracks, found.lightness)
            for correction in self.at.get(frame.index, ()):
                self._note(correction, frame.shot, found)
        return builder

    def _note(self, correction: Correction, shot: int, found: Followed) -> None:
        if found.regions is None:
            self.problems.append(f"{correction}: the frame shows nothing; choose another one")
            return
        height, width = found.gray.shape
        x, y = correction.point[0] * width // self.info.width, correction.point[1] * height // self.info.height
        if not found.regions.inner[y, x]:
            self.problems.append(f"{correction}: the point is on a line or an edge; choose one inside of a region")
            return
        # Pixels are painted by the track they hold, whatever their region is linked to in this drawing.
        self.places[correction.number] = shot, int(found.held[y, x])


def _directly(
    places: Mapping[int, Place], corrections: Iterable[Correction], problems: list[str]
) -> dict[Place, Correction]:
    """What corrections say of their own tracks; adds to `problems` where two say different things."""
    said: dict[Place, Correction] = {}
    for each in corrections:
        other = said.setdefault(places[each.number], each)
        if other.ab != each.ab:
            problems.append(f"{other} and {each} are of the same region; leave one of them out")
    return said


def _alike(
    corrections: Iterable[Correction], places: Mapping[int, Place], shots: Sequence[Shot], said: Mapping[Place, object]
) -> dict[Place, Correction]:
    """What looks like the corrections' tracks, each place by the correction whose track it is likest to."""
    nearest: dict[Place, tuple[float, Correction]] = {}
    for each in corrections:
        own, track = places[each.number]
        of = shots[own].tracks
        if not each.look_alikes or of is None:
            continue
        for number, shot in enumerate(shots):
            if shot.tracks is None:
                continue
            for other, distance in find_look_alikes(of, of.row(track), shot.tracks).items():
                place = number, other
                if place not in said and distance < nearest.get(place, (np.inf,))[0]:
                    nearest[place] = distance, each
    return {place: correction for place, (_, correction) in nearest.items()}


def _sentence(
    correction: Correction, places: Mapping[int, Place], shots: Sequence[Shot], alike: Mapping[Place, Correction]
) -> str:
    own, track = places[correction.number]
    text = f"{correction}: its track in shot {own}, frames {_frames(shots[own], track)}"
    if not correction.look_alikes:
        return text + "."
    others = [place for place, by in alike.items() if by is correction]
    listed = ", ".join(f"shot {number} ({_frames(shots[number], other)})" for number, other in others)
    return f"{text}; look-alikes: {len(others)}{' in ' + listed if others else ''}."


def _frames(shot: Shot, track: int) -> str:
    assert shot.tracks is not None
    row = shot.tracks.row(track)
    return f"{shot.tracks.first[row]}-{shot.tracks.last[row]}"
