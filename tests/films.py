"""Small drawn films for the tests of `cartoon_color.video`: what is in them is known code by code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.format import VideoFormat
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from cartoon_color.config import EncoderSettings
from cartoon_color.frames import VideoInfo
from cartoon_color.video import Writer, probe, read

MS = Fraction(1, 1000)
HEIGHT, WIDTH = 48, 64
FONT = bytes(range(256)) * 3
COVER = cv2.imencode(".png", np.full((20, 30, 3), (10, 200, 90), np.uint8))[1].tobytes()
SRT = "1\n00:00:01,200 --> 00:00:01,900\nAhoj, Rumcajsi\n\n2\n00:00:02,000 --> 00:00:02,600\n<i>Manka</i>\n"
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n"
    "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:01.30,0:00:02.10,Default,,0,0,0,,{\\b1}Hello\n"
)
CHAPTERS = [
    {"id": 1, "start": 1000, "end": 1500, "time_base": MS, "metadata": {"title": "Předtitulky"}},
    {"id": 2, "start": 1500, "end": 2900, "time_base": MS, "metadata": {"title": "The story"}},
]
VARIABLE = [1000 + 40 * number for number in range(12)] + [2000 + 17 * number for number in range(11)] + [2900]
"""Time stamps in ms: late start, two rates, two gaps."""


def drawing(number: int, height: int = HEIGHT, width: int = WIDTH, depth: int = 8) -> NDArray[Any]:
    """(height, width) luma codes: all that `depth` bits hold, moving with `number`, and a sharp square."""
    top = (1 << depth) - 1
    ramp = np.arange(height * width, dtype=np.int64).reshape(height, width) * 7 + number * (11 << depth - 8)
    ramp[height // 4 : height // 2, width // 4 + number % 8 : width // 2 + number % 8] = 3 << depth - 8
    return (ramp & top).astype(np.uint8 if depth == 8 else np.uint16)


def fill(picture: av.VideoFrame, index: int, codes: NDArray[Any]) -> None:
    """Put `codes` into a plane of `picture`, in the byte order of its format."""
    plane = picture.planes[index]
    kind = np.dtype(np.uint8) if codes.dtype == np.uint8 else np.dtype(">u2" if picture.format.is_big_endian else "<u2")
    rows: Any = np.frombuffer(plane, kind).reshape(plane.height, -1)
    rows[:, : codes.shape[1]] = codes


def picture_of(number: int, pixel_format: str, height: int, width: int, depth: int = 8) -> av.VideoFrame:
    """A frame of a planar format with `drawing` as its first plane and plain others."""
    picture = av.VideoFrame(width, height, pixel_format)
    for index, plane in enumerate(picture.planes):
        plain = np.full((plane.height, plane.width), 100 << depth - 8, np.uint8 if depth == 8 else np.uint16)
        fill(picture, index, drawing(number, height, width, depth) if index == 0 else plain)
    return picture


def converted(picture: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
    """`picture` in another format, its codes unchanged as far as the format goes."""
    return picture.reformat(
        format=pixel_format, src_color_range=ColorRange.JPEG, dst_color_range=ColorRange.JPEG, threads=1
    )


def make(
    path: Path,
    pictures: Iterable[av.VideoFrame],
    *,
    codec: str = "ffv1",
    pts: Sequence[int] | None = None,
    time_base: Fraction = MS,
    step: int = 40,
    options: dict[str, str] | None = None,
    rotation: int = 0,
    container_options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    **attributes: Any,
) -> Path:
    """Write a film without sound; `attributes` are set on the encoder (color_range, colorspace, ...)."""
    output = av.open(f"file:{path}", "w", container_options=container_options or {})
    stream = None
    for number, picture in enumerate(pictures):
        if stream is None:
            stream = output.add_stream(
                codec, rate=25, options=options or {}, width=picture.width, height=picture.height, time_base=time_base
            )
            stream.codec_context.pix_fmt = picture.format.name
            stream.metadata.update(metadata or {})
            for name, value in attributes.items():
                setattr(stream.codec_context, name, value)
            if rotation:
                stream.set_display_rotation(-rotation)
        picture.pts = pts[number] if pts is not None else number * step
        picture.time_base = time_base
        output.mux(stream.encode(picture))
    assert stream is not None
    output.mux(stream.encode())
    output.close()
    return path


def plain(
    path: Path, count: int = 24, *, pixel_format: str = "yuv420p", size: tuple[int, int] = (HEIGHT, WIDTH), **more: Any
) -> Path:
    """A film of `count` drawings in a planar format; `size` is (height, width)."""
    depth = max(8, VideoFormat(pixel_format, 8, 8).components[0].bits)
    return make(path, (picture_of(number, pixel_format, *size, depth) for number in range(count)), **more)


def interlaced(path: Path, count: int = 24, *, moving: bool = True) -> Path:
    """A film whose even and odd lines are of two moments if `moving`, and which says that it is interlaced."""

    def pictures() -> Iterable[av.VideoFrame]:
        for number in range(count):
            luma = np.full((HEIGHT, WIDTH), 40, np.uint8)
            for field in (0, 1):
                left = 8 + (2 * number + field if moving else 0)
                luma[field::2, left : left + 12] = 200
            picture = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
            fill(picture, 0, luma)
            for index in (1, 2):
                fill(picture, index, np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8))
            yield picture

    return make(path, pictures(), codec="libx264", options={"qp": "0", "preset": "ultrafast", "x264-params": "tff=1"})


def rich(path: Path) -> Path:
    """A Matroska film with everything that a copy could lose."""
    output = av.open(f"file:{path}", "w")
    output.metadata.update({"title": "Loupežník Rumcajs", "ARTIST": "Ladislav Čapek"})
    output.set_chapters(CHAPTERS)
    video = output.add_stream(
        "libx264", rate=25, options={"qp": "0", "preset": "fast"}, width=WIDTH, height=HEIGHT, time_base=MS
    )
    video.codec_context.pix_fmt = "yuv420p"
    video.codec_context.sample_aspect_ratio = Fraction(10, 11)
    video.codec_context.colorspace, video.codec_context.color_range = 5, 1
    video.codec_context.color_primaries, video.codec_context.color_trc = 5, 6
    video.metadata.update({"language": "ces", "title": "Picture"})
    sounds = [output.add_stream("flac", rate=8000), output.add_stream("aac", rate=8000)]
    for sound, language, title, disposition in zip(
        sounds,
        ("ces", "eng"),
        ("Narrator", "Dub"),
        (av.stream.Disposition.default, av.stream.Disposition.dub),
        strict=True,
    ):
        sound.metadata.update({"language": language, "title": title})
        sound.disposition = disposition
    texts = [av.open(BytesIO(SRT.encode()), format="srt"), av.open(BytesIO(ASS.encode()), format="ass")]
    for text, language in zip(texts, ("ces", "eng"), strict=True):
        subtitle = output.add_stream_from_template(text.streams[0], opaque=True)
        subtitle.metadata.update({"language": language, "title": f"Subtitles {language}"})
        subtitle.disposition = av.stream.Disposition.forced
    output.add_attachment("font.ttf", "application/x-truetype-font", FONT)
    output.add_attachment("cover.png", "image/png", COVER)
    for number, pts in enumerate(VARIABLE):
        picture = picture_of(number, "yuv420p", HEIGHT, WIDTH)
        picture.pts, picture.time_base = pts, MS
        output.mux(video.encode(picture))
    output.mux(video.encode())
    noise = np.random.default_rng(0).integers(-9000, 9000, (1, 2 * 16000)).astype(np.int16)
    for sound in sounds:
        sound.codec_context.time_base = Fraction(1, 8000)
        resampler = av.AudioResampler(
            sound.codec_context.format, "stereo", 8000, sound.codec_context.frame_size or 1024
        )
        whole = av.AudioFrame.from_ndarray(noise, format="s16", layout="stereo")
        whole.rate, whole.pts, whole.time_base = 8000, 8000, Fraction(1, 8000)
        for piece in [*resampler.resample(whole), *resampler.resample(None)]:
            output.mux(sound.encode(piece))
        output.mux(sound.encode())
    for text, target in zip(texts, output.streams.subtitles, strict=True):
        for packet in text.demux():
            if packet.size:
                packet.stream = target
                output.mux(packet)
    output.close()
    return path


def sound_first(path: Path, count: int = 4, *, seconds: int = 1) -> Path:
    """A Matroska film whose picture is stream 1; `seconds` of sound are stream 0."""
    output = av.open(f"file:{path}", "w")
    sound = output.add_stream("pcm_s16le", rate=8000)
    video = output.add_stream("libx264", rate=25, width=WIDTH, height=HEIGHT, time_base=MS, options={"qp": "0"})
    for number in range(count):
        picture = picture_of(number, "yuv420p", HEIGHT, WIDTH)
        picture.pts, picture.time_base = 40 * number, MS
        output.mux(video.encode(picture))
    output.mux(video.encode())
    for number in range(10 * seconds):
        piece = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="stereo")
        piece.rate, piece.pts, piece.time_base = 8000, number * 800, Fraction(1, 8000)
        output.mux(sound.encode(piece))
    output.close()
    return path


def with_sound(path: Path, *, video: str = "libx264", timecode: bool = False) -> Path:
    """A film in MP4 or MOV with AAC sound, which starts before 0, and chapters."""
    output = av.open(f"file:{path}", "w")
    output.set_chapters(
        [{**chapter, "start": chapter["start"] - 1000, "end": chapter["end"] - 1000} for chapter in CHAPTERS]
    )
    stream = output.add_stream(
        video, rate=25, options={"qp": "0"}, width=WIDTH, height=HEIGHT, time_base=Fraction(1, 12800)
    )
    stream.codec_context.pix_fmt = "yuv420p"
    if timecode:
        stream.metadata["timecode"] = "01:00:00:00"
    sound = output.add_stream("aac", rate=8000)
    for number in range(24):
        picture = picture_of(number, "yuv420p", HEIGHT, WIDTH)
        picture.pts, picture.time_base = number * 512, Fraction(1, 12800)
        output.mux(stream.encode(picture))
    output.mux(stream.encode())
    for number in range(8):
        piece = av.AudioFrame.from_ndarray(np.full((1, 2048), 50 * number, np.int16), format="s16", layout="stereo")
        piece.rate, piece.pts, piece.time_base = 8000, 1024 * number, Fraction(1, 8000)
        output.mux(sound.encode(piece))
    output.mux(sound.encode())
    output.close()
    return path


def color(
    source: Path | VideoInfo, target: Path, settings: EncoderSettings | None = None, **more: Any
) -> tuple[VideoInfo, VideoInfo]:
    """Send a film through reading and writing; the infos of the source and of the copy."""
    info = source if isinstance(source, VideoInfo) else probe(source)
    with Writer(target, info, settings or EncoderSettings(preset="ultrafast"), **more) as writer:
        for frame in read(info):
            writer.write(frame, *chroma(writer, frame.index))
    return info, probe(target)


def chroma(writer: Writer, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Chroma planes for `writer`: a ramp, and its opposite."""
    height, width = writer.chroma_shape
    steps = (np.arange(height * width).reshape(height, width) + number) % 100 + 78
    kind = np.uint8 if writer.bit_depth == 8 else np.uint16
    return (steps << writer.bit_depth - 8).astype(kind), ((255 - steps) << writer.bit_depth - 8).astype(kind)


def packets(path: Path, index: int) -> list[tuple[bytes, Fraction | None, Fraction | None]]:
    """Content, time stamp and duration (seconds) of the packets of a stream."""
    with av.open(f"file:{path}") as source:
        stream = source.streams[index]
        return [
            (
                bytes(packet),
                None if packet.pts is None else packet.pts * packet.time_base,
                (packet.duration or 0) * packet.time_base,
            )
            for packet in source.demux()
            if packet.stream_index == index and packet.size and stream
        ]
