"""`render`: color films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cartoon_color.cli.shared import (
    AsJson,
    Counter,
    Deinterlace,
    Device,
    Ensemble,
    KeepGoing,
    Overwrite,
    Paints,
    Quiet,
    Variants,
    Weights,
    print_json,
    print_out,
    say,
    say_error,
    show_progress,
    warn_of_loss,
)
from cartoon_color.config import EncoderSettings, RefineSettings, help_of
from cartoon_color.errors import InputError, OutputError, SettingsError


def render(
    films: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Films to color.", show_default=False)],
    output: Annotated[
        str | None,  # a Path would lose the slash
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="A file, or a folder; one ending in / is made. [default: NAME.color.mkv beside each input]",
        ),
    ] = None,
    variant: Variants = None,
    weights: Weights = None,
    ensemble: Ensemble = None,
    ensemble_space: Annotated[
        Literal["lab", "rgb"], typer.Option(help="Where the mean is taken: of a, b, or of sRGB.")
    ] = "lab",
    refine: Annotated[
        Literal["regiongrow", "felzenszwalb"] | None, typer.Option(help=help_of(RefineSettings, "method"))
    ] = None,
    refine_clusters: Annotated[
        Literal["2", "elbow"] | None, typer.Option(help=help_of(RefineSettings, "clusters") + " [default: 2]")
    ] = None,
    refine_rest: Annotated[
        Literal["keep", "nearest"] | None, typer.Option(help=help_of(RefineSettings, "rest") + " [default: keep]")
    ] = None,
    refine_members: Annotated[bool, typer.Option("--refine-members", help=help_of(RefineSettings, "members"))] = False,
    smooth: Annotated[
        Literal["none", "flow", "tracks"] | None,
        typer.Option(
            help="How color is held through a shot: tracks, each drawn region has the color that it votes for in all "
            "its drawings, and what is left is smoothed along optical flow; flow, only that; none, every drawing for "
            "itself. [default: tracks; with --refine or --decoding, flow; with --spline, none]"
        ),
    ] = None,
    palette: Paints = None,
    memory: Annotated[
        Path | None,
        typer.Option(
            help="Memory of the show, as `cartoon-color memory` makes it: regions that it knows are painted as there, "
            "others as the network guesses."
        ),
    ] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(
            help="A colored picture, or a folder of them. The colors of a copy of a frame are followed through the "
            "frame's shot; it is found by its luma, and a number at the end of its name (from 0) decides between "
            "frames that look alike. With --smooth tracks, regions of any picture (a character sheet, a frame of "
            "another episode) that are found again in any shot get its paints there. What is transparent says nothing. "
            "Weights of reference-cnn look at it in all shots instead, whatever it shows. May be repeated."
        ),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(
            help="A TOML file of regions that are to have another color (README), and with them their look-alikes in "
            "other shots. A rerun with --overwrite renders the shots again that change, and takes the others over."
        ),
    ] = None,
    decoding: Annotated[
        Literal["annealed", "expectation", "mode", "sampling"],
        typer.Option(
            help="How a histogram becomes a, b: annealed, the mean at the weights' own temperature; expectation, the "
            "mean at 1; mode, the likeliest bin; sampling, a bin drawn at random, the same one in each run."
        ),
    ] = "annealed",
    spline: Annotated[
        bool,
        typer.Option(
            "--spline",
            help="Bring color to the film's size by a cubic spline, as the thesis does, and not linearly; takes a "
            "second a drawing.",
        ),
    ] = False,
    codec: Annotated[
        Literal["x264", "x265", "svtav1", "ffv1", "prores"], typer.Option(help=help_of(EncoderSettings, "codec"))
    ] = EncoderSettings().codec,
    crf: Annotated[int | None, typer.Option(help=help_of(EncoderSettings, "crf"))] = None,
    preset: Annotated[str | None, typer.Option(help=help_of(EncoderSettings, "preset"))] = None,
    pixel_format: Annotated[str | None, typer.Option(help=help_of(EncoderSettings, "pixel_format"))] = None,
    drop: Annotated[
        list[int] | None, typer.Option(help="Leave out this stream of the source, by its number; may be repeated.")
    ] = None,
    deinterlace: Deinterlace = False,
    keep_going: KeepGoing = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Color films. Luma, time stamps, sound, subtitles and everything else in the file stay as they are.

    Example:

        cartoon-color render episode_14.mkv episode_15.mkv -o colored/
        cartoon-color render episode_14.mkv --reference frame_001234.png --reference character_sheets/
        cartoon-color render episode_14.mkv --corrections episode_14.toml --overwrite
    """
    from cartoon_color.checkpoint import choose_weights
    from cartoon_color.corrections import read_corrections
    from cartoon_color.incremental import render_corrected
    from cartoon_color.memory import load_memory
    from cartoon_color.painter import Painter
    from cartoon_color.palette import load_palette
    from cartoon_color.references import read_references
    from cartoon_color.render import RenderSummary, is_folder, output_paths
    from cartoon_color.render import render as color_film

    outputs = output_paths(films, output)
    if corrections is not None and len(films) > 1:
        raise SettingsError(f"--corrections are those of one film, and {len(films)} were given; color them one by one")
    settings = EncoderSettings(codec, crf, preset, pixel_format)
    if refine is None and (refine_clusters or refine_rest or refine_members):
        raise SettingsError(
            "--refine-clusters, --refine-rest and --refine-members say how to refine; give --refine regiongrow or "
            "felzenszwalb with them"
        )
    paints = None if palette is None else load_palette(palette)
    named = None if paints is None else {paint.name: paint.rgb for paint in paints.paints}
    corrected = None if corrections is None else read_corrections(corrections, named)
    painter = Painter(
        choose_weights(weights or [], variant or []),
        ensemble=ensemble,
        space=ensemble_space,
        refine=refine and RefineSettings(refine, refine_clusters or "2", refine_rest or "keep", refine_members),
        smooth=smooth,
        palette=paints,
        memory=None if memory is None else load_memory(memory),
        decoding=decoding,
        spline=spline,
        references=read_references(reference or []),
        device=device,
        say=say,
    )
    options: dict[str, Any] = {
        "drop": drop or [],
        "deinterlace": deinterlace,
        "keep_going": keep_going,
        "overwrite": overwrite,
        "make_folder": output is not None and is_folder(output),
    }
    summaries: list[RenderSummary] = []
    failures = 0
    with show_progress(quiet or as_json) as progress:

        def counter(name: str) -> Counter:
            return Counter(progress, name, "fps")

        for film, target in zip(films, outputs, strict=True):
            try:
                if corrected is None:
                    summary = color_film(film, target, painter, settings, progress=counter(film.name), **options)
                else:
                    summary = render_corrected(
                        film, target, painter, settings, corrected, say=say, progress=counter, **options
                    )
            except (InputError, OutputError) as error:
                # Settings and weights are the same for all films, so wrong ones end the run.
                if len(films) == 1:
                    raise
                say_error(error)
                failures += 1
                continue
            summaries.append(summary)
            warn_of_loss(film, summary.frames, summary.frames_lost)
            if summary.times_rounded and not quiet:
                say(
                    f"Note: {target.suffix} files can't hold all time stamps of {film} exactly, so they are rounded; "
                    f"MP4 can (-o {film.stem}.color.mp4)."
                )
            if not as_json:
                print_out(f"{target}: {summary.frames} frames, {summary.drawings} drawings, {summary.seconds:.1f} s")
    if as_json:
        print_json([summary.to_json() for summary in summaries])
    if failures:
        raise typer.Exit(1)
