"""The encoders on offer, and the choice of pixel format: luma must reach the encoder unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from av.codec import Codec
from av.video.format import VideoFormat

from cartoon_color.config import EncoderSettings
from cartoon_color.errors import OutputError, SettingsError
from cartoon_color.frames import VideoInfo
from cartoon_color.video.formats import layout, subsampling

_X26_PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip
_PRORES_PROFILES = ("proxy", "lt", "standard", "hq", "4444", "4444xq")
_FALLBACKS = {"420": ("420", "422", "444"), "422": ("422", "444", "420"), "444": ("444", "422", "420")}
"""Subsamplings to take, the best first, by that of the source; others than these three count as 4:4:4."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One of FFmpeg's encoders, with what it allows."""

    name: str
    """FFmpeg's name."""
    crf: range | None = None
    """Allowed qualities; None if there is no such setting."""
    default_crf: int = 0
    presets: tuple[str, ...] = ()
    """Allowed presets; empty if there is no such setting."""
    default_preset: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    even_where_subsampled: bool = True
    """Whether a size that subsampled chroma doesn't divide is refused."""


ENCODERS: dict[str, Encoder] = {
    "x264": Encoder("libx264", range(52), 16, _X26_PRESETS, "medium", {"tune": "animation"}),
    "x265": Encoder(
        "libx265", range(52), 18, _X26_PRESETS, "medium", {"tune": "animation", "x265-params": "log-level=none"}
    ),
    "svtav1": Encoder("libsvtav1", range(1, 64), 22, tuple(str(number) for number in range(14)), "6"),
    # Every frame on its own, with checksums: what archives ask of FFV1.
    "ffv1": Encoder("ffv1", options={"level": "3", "slicecrc": "1", "g": "1"}, even_where_subsampled=False),
    "prores": Encoder("prores_ks", presets=_PRORES_PROFILES),
}
"""The codecs of `EncoderSettings`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the encoder is opened with."""

    encoder: Encoder
    pixel_format: str
    bit_depth: int
    """Of the encoder's samples; those of the source are shifted up to it, which loses nothing."""
    chroma_shape: tuple[int, int]
    """(h, w)"""
    options: dict[str, str]


def choose(settings: EncoderSettings, info: VideoInfo) -> Choice:
    """The encoder, its pixel format and its options for a film.

    Raises:
        SettingsError: if codec, crf, preset or pixel format are not allowed; all problems are told together.
        OutputError: if the encoder can't hold the luma of this film.
    """
    encoder = ENCODERS.get(settings.codec)
    if encoder is None:
        raise SettingsError(f"there is no codec {settings.codec!r}; allowed are {', '.join(ENCODERS)}")
    problems = [*_crf_problems(settings, encoder), *_preset_problems(settings, encoder)]
    if problems:
        raise SettingsError("; ".join(problems))
    name = settings.pixel_format or _default_format(settings.codec, encoder, info)
    _check_format(name, settings.codec, encoder, info)
    form = VideoFormat(name, info.width, info.height)
    return Choice(
        encoder=encoder,
        pixel_format=name,
        bit_depth=layout(name).depth,
        chroma_shape=(form.chroma_height(), form.chroma_width()),
        options=_options(settings, encoder, subsampling(name)),
    )


def _crf_problems(settings: EncoderSettings, encoder: Encoder) -> list[str]:
    crf = settings.crf
    if crf is None or (encoder.crf is not None and crf in encoder.crf):
        return []
    if encoder.crf is None:
        return [f"{settings.codec} has no crf, got {crf}; leave it out"]
    return [f"crf must be {encoder.crf[0]} to {encoder.crf[-1]} for {settings.codec} (lower is better), got {crf}"]


def _preset_problems(settings: EncoderSettings, encoder: Encoder) -> list[str]:
    preset = settings.preset
    if preset is None or preset in encoder.presets:
        return []
    if not encoder.presets:
        return [f"{settings.codec} has no presets, got {preset!r}; leave it out"]
    return [f"preset of {settings.codec} must be one of {', '.join(encoder.presets)}, got {preset!r}"]


def _options(settings: EncoderSettings, encoder: Encoder, chroma: str) -> dict[str, str]:
    options = dict(encoder.options)
    if encoder.crf is not None:
        options["crf"] = str(encoder.default_crf if settings.crf is None else settings.crf)
    if settings.codec == "prores":
        options["profile"] = settings.preset or ("4444" if chroma == "444" else "hq")
    elif encoder.presets:
        options["preset"] = settings.preset or encoder.default_preset
    return options


def _formats(encoder: Encoder) -> list[str]:
    """The formats of `encoder` that have luma and chroma in planes of their own, and no alpha."""
    names = [form.name for form in Codec(encoder.name, "w").video_formats or []]
    return [name for name in names if _usable(name)]


def _usable(name: str) -> bool:
    # yuvj is yuv with the range written into the name; the range is told the encoder directly.
    if name.startswith("yuvj") or not name.startswith("yuv") or "a4" in name:
        return False
    return layout(name).planar == name


def _fits(name: str, encoder: Encoder, info: VideoInfo) -> bool:
    form = VideoFormat(name, info.width, info.height)
    divided = form.chroma_width(2) == 2 or info.width % 2 == 0, form.chroma_height(2) == 2 or info.height % 2 == 0
    return not encoder.even_where_subsampled or all(divided)


def _default_format(codec: str, encoder: Encoder, info: VideoInfo) -> str:
    """Subsampling and depth of the source, or the next ones up that the encoder has."""
    source = layout(info.pixel_format)
    wanted = "420" if source.gray else subsampling(info.pixel_format)
    deep = [name for name in _formats(encoder) if layout(name).depth >= info.bit_depth]
    if not deep:
        raise OutputError(_too_shallow(codec, encoder, info))
    for chroma in _FALLBACKS.get(wanted, _FALLBACKS["444"]):
        names = [name for name in deep if subsampling(name) == chroma and _fits(name, encoder, info)]
        if names:
            return min(names, key=lambda name: layout(name).depth)
    raise OutputError(
        f"{codec} needs an even width and height, got {info.width}x{info.height}; "
        "choose another --codec, e.g. ffv1, which takes odd ones"
    )


def _too_shallow(codec: str, encoder: Encoder, info: VideoInfo) -> str:
    most = max(layout(name).depth for name in _formats(encoder))
    return (
        f"{codec} holds at most {most} bits a sample, and the film has {info.bit_depth}; "
        "choose another --codec, e.g. ffv1, which holds 16"
    )


def _check_format(name: str, codec: str, encoder: Encoder, info: VideoInfo) -> None:
    allowed = _formats(encoder)
    if name not in allowed:
        raise SettingsError(f"pixel format of {codec} must be one of {', '.join(allowed)}, got {name!r}")
    depth = layout(name).depth
    if depth < info.bit_depth:
        raise OutputError(
            f"pixel format {name} holds {depth} bits a sample, and the film has {info.bit_depth}: its luma would "
            f"change; choose one of {info.bit_depth} bits or more"
            + (", or another --codec, e.g. ffv1" if max(layout(n).depth for n in allowed) < info.bit_depth else "")
        )
    if not _fits(name, encoder, info):
        raise OutputError(
            f"{codec} needs an even size for {name}, got {info.width}x{info.height}; "
            "choose a 4:4:4 format, or --codec ffv1"
        )
