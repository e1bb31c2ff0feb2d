"""One film in, one colored film out, by the user's corrections; shots that stay what they were are taken over."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from cartoon_color.config import EncoderSettings
from cartoon_color.corrections import Correction
from cartoon_color.errors import InputError
from cartoon_color.frames import Frame, VideoInfo
from cartoon_color.incremental.fingerprint import fingerprint, of_painter, programs
from cartoon_color.incremental.ledger import Ledger, Shot, ledger_path, load_ledger, save_ledger
from cartoon_color.incremental.plan import find_shots, numbered, plan, rendered_together
from cartoon_color.painter import Painter
from cartoon_color.references import Paint
from cartoon_color.render import READ_AHEAD, RenderSummary, chroma_planes, made_folder
from cartoon_color.streams import chain, prefetched
from cartoon_color.video import Ending, ShotWriter, coded_shots, digest, probe, read

Progress = Callable[[int, int | None], None]


def render_corrected(
    source: Path,
    output: Path,
    painter: Painter,
    encoder: EncoderSettings,
    corrections: Sequence[Correction],
    *,
    drop: Collection[int] = (),
    deinterlace: bool = False,
    keep_going: bool = False,
    overwrite: bool = False,
    make_folder: bool = False,
    say: Callable[[str], None],
    progress: Callable[[str], Progress],
) -> RenderSummary:
    """Color a film as `render` does, with corrections, shot by shot.

    Where `output` is there already, and the ledger beside it, shots are taken over from it packet for packet that hang
    on nothing that has changed: source, settings, versions, corrections and references.

    Args:
        source: As for `render`, like all that isn't told here.
        output: The colored film; its ledger is written to OUTPUT.shots.npz.
        painter: What colors.
        encoder: How the picture is encoded.
        corrections: What the user says of the colors of regions; may be empty.
        drop: Streams to leave out.
        deinterlace: Make one frame of two fields.
        keep_going: Color a broken film up to where it breaks off.
        overwrite: Whether `output` may exist.
        make_folder: Whether the folder of `output` is made.
        say: Takes a sentence for each correction, and one for the shots.
        progress: Makes, for the name of a pass, what is called with the frames done and the frames in all.

    Returns:
        Drawings are those of the shots that are rendered now.

    Raises:
        InputError: The source can't be used.
        OutputError: The result can't be written; what was there before stays.
        SettingsError: Corrections that name what isn't there, or contradict each other; `encoder` or `drop` are wrong.
        WeightsError: The painter's weights can't be used.
    """
    started = time.monotonic()
    info = probe(source)
    ending = Ending(keep_going)

    def watched(name: str, total: int | None) -> Generator[Frame, None, None]:
        """A pass over the film, decoded ahead; each frame is counted once it is done with."""
        count = progress(name)
        decoded = prefetched(ending.guard(read(info, deinterlace=deinterlace)), READ_AHEAD)
        with closing(decoded):
            for frame in decoded:
                yield frame
                count(frame.index + 1, total)

    with (
        made_folder(output.parent, make=make_folder),
        ShotWriter(output, info, encoder, drop=drop, overwrite=overwrite) as writer,
    ):
        variants = painter.variants  # so weights that can't be used are told first
        of_source = fingerprint(programs(), source, deinterlace)
        ledger = load_ledger(ledger_path(output))
        if ledger is None or ledger.source != of_source:
            with closing(watched(f"{source.name}: shots", info.frames)) as frames:
                ledger = Ledger(of_source, find_shots(frames, info))
        count = ledger.shots[-1].stop
        with closing(watched(f"{source.name}: regions", count)) as frames:
            planned = plan(corrections, ledger.shots, info, frames)
        paints: Mapping[int, Paint] = {}
        if painter.references:
            with closing(watched(f"{source.name}: references", count)) as frames:
                paints = painter.find_references(info, frames)
        of_settings = fingerprint(of_source, of_painter(painter), encoder, writer.pixel_format, writer.header)
        states = [
            fingerprint(of_settings, planned.colors.get(number, {}), _within(shot, paints))
            for number, shot in enumerate(planned.shots)
        ]
        shots = [
            replace(shot, state=fingerprint(states[max(0, number - 1) : number + 2]) if shot.mixed else states[number])
            for number, shot in enumerate(planned.shots)
        ]
        together = rendered_together(shots)
        kept = _kept(output, ledger.shots, shots)
        for sentence in planned.sentences:
            say(sentence)
        if kept:
            say(f"{len(kept)} of {len(shots)} shots are taken over from {output}; the others are rendered.")
        with (
            closing(watched(source.name, count)) as frames,
            closing(coded_shots(output, (shot.stop - shot.start for shot in shots))) as coded,
        ):
            drawings = 0
            for first, run in groupby(numbered(frames, shots), key=lambda frame: together[frame.shot]):
                of_run = [number for number, own in enumerate(together) if own == first]
                if not kept.issuperset(of_run):
                    whole = replace(shots[first], stop=shots[of_run[-1]].stop)
                    stages = painter.stages_after_shots(info, _within(whole, paints), corrections=planned.colors)
                    run = chain(run, stages)
                for number, shot_frames in groupby(run, key=lambda frame: frame.shot):
                    packets = next(coded) if kept else []
                    if number in kept:
                        writer.copy_shot(packets, [(frame.pts, frame.duration) for frame in shot_frames])
                    else:
                        drawings += _write(shot_frames, info, writer)
    try:
        with closing(coded_shots(output, (shot.stop - shot.start for shot in shots))) as coded:
            written = [replace(shot, digest=digest(packets)) for shot, packets in zip(shots, coded, strict=True)]
        save_ledger(Ledger(of_source, tuple(written)), ledger_path(output))
    except OSError as error:
        say(f"Warning: {ledger_path(output)} can't be written ({error.strerror}), so the next run starts anew.")
    lost, seconds = ending.lost(info, count), time.monotonic() - started
    return RenderSummary(source, output, count, drawings, lost, seconds, variants, writer.rounds)


def _within(shot: Shot, paints: Mapping[int, Paint]) -> dict[int, Paint]:
    """The references of a shot."""
    return {index: paint for index, paint in paints.items() if shot.start <= index < shot.stop}


def _kept(film: Path, before: Sequence[Shot], now: Sequence[Shot]) -> set[int]:
    """The numbers of the shots whose packets in `film` are those that rendering them again would give."""
    same = {number for number, (one, other) in enumerate(zip(before, now, strict=True)) if one.state == other.state}
    if not same:
        return same
    try:
        with closing(coded_shots(film, (shot.stop - shot.start for shot in before))) as coded:
            whole = {
                number
                for number, (shot, packets) in enumerate(zip(before, coded, strict=True))
                if digest(packets) == shot.digest
            }
    except InputError:
        return set()
    return same & whole


def _write(frames: Iterator[Frame], info: VideoInfo, writer: ShotWriter) -> int:
    """Encode the frames of a shot; returns how many drawings there were."""
    writer.begin_shot()
    drawings, shown = 0, -1
    for frame in frames:
        if frame.drawing != shown:
            u, v = chroma_planes(frame, info, writer)
            shown = frame.drawing
            drawings += 1
        writer.write(frame, u, v)
    return drawings
