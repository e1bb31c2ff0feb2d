"""Measure what the project promises about speed and memory; prints a table, and JSON with the machine."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks import films, loading, machine, smoothing
from cartoon_color import color
from cartoon_color.cli import process
from cartoon_color.dataset.extract import extract
from cartoon_color.dataset.extracted import list_pictures
from cartoon_color.dataset.manifest import Episode
from cartoon_color.stages.colorize import Colorize
from cartoon_color.stages.dedup import MarkHeld
from cartoon_color.stages.shots import DetectShots
from cartoon_color.streams import chain, prefetched
from cartoon_color.variants import Prediction
from cartoon_color.video import probe, read

REPEATS = 3


def best(run: Callable[[], float]) -> float:
    """The best of some runs, the others being slower for reasons outside of the program."""
    return max(run() for _ in range(REPEATS))


def extraction_speed(film: Path, folder: Path) -> float:
    """Frames per second, decoding to PNG."""

    def run() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            started = time.perf_counter()
            summary = extract(Episode.of(film), Path(out))
            return summary.frames / (time.perf_counter() - started)

    return best(run)


def render_overhead(film: Path) -> float:
    """Milliseconds a frame for reading, shots, held frames and chroma planes: every drawing has a color ready, and none
    is held through its shot, which `smoothing` measures."""
    info = probe(film)
    ready = torch.from_numpy(np.random.default_rng(0).normal(0, 20, (8, 2, 64, 64)).astype(np.float32))
    planes = [np.empty((info.height, info.width), np.uint8)]
    planes += [np.empty((info.height // 2, info.width // 2), np.uint8) for _ in "uv"]

    def run() -> float:
        colorize = Colorize(
            lambda lightness: Prediction(ready[: len(lightness)]),
            size=256,
            bit_depth=info.bit_depth,
            color_range=info.color_range,
            device=torch.device("cpu"),
            dtype=torch.float32,
        )
        started = time.perf_counter()
        shown = -1
        for frame in chain(prefetched(read(info), 8), [DetectShots(), MarkHeld(), colorize]):
            if frame.drawing != shown and frame.chroma is not None:
                chroma = color.chroma_planes(
                    frame.luma,
                    frame.chroma,
                    planes[1].shape,
                    bit_depth=info.bit_depth,
                    color_range=info.color_range,
                    matrix=info.matrix,
                )
                shown = frame.drawing
            for plane, part in zip(planes, (frame.luma, *chroma), strict=True):
                plane[:] = part
        return (frame.index + 1) / (time.perf_counter() - started)

    return 1000 / best(run)


def peak_memory(film: Path, folder: Path) -> float:
    """Peak resident MB of the whole command."""
    # The resource usage that the system keeps of a child begins at the size of its parent, so its own peak is polled.
    command = [sys.executable, "-c", "from cartoon_color.cli import main; main()", "render", str(film), "--quiet"]
    command += ["--overwrite", "-o", str(folder / "out.mkv"), "--preset", "ultrafast"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = max([peak, *(int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmHWM"))])
        time.sleep(0.1)
    if process.returncode:
        raise RuntimeError(f"render failed with status {process.returncode}")
    return peak


def help_time() -> float:
    """Seconds until --help has been printed."""

    def run() -> float:
        started = time.perf_counter()
        command = [sys.executable, "-c", "from cartoon_color.cli import main; main()", "--help"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return 1 / (time.perf_counter() - started)

    return 1 / best(run)


def waiting_shares(film: Path, folder: Path) -> list[tuple[str, float, str, str]]:
    """For each case, the percent of a training's time that goes into waiting for pictures."""
    extract(Episode.of(film), folder / "dataset")
    pictures = list_pictures(folder / "dataset", [film.stem])
    return [
        (
            f"train {variant}, batch {batch}, crop {crop}: waiting",
            loading.waiting(pictures, variant, width, batch, crop),
            "%",
            "< 5",
        )
        for variant, width, batch, crop in loading.CASES
    ]


def main() -> None:
    """Run everything."""
    process.prepare()  # as every command does
    about = machine.describe()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = films.draw(folder)
        memory = [peak_memory(films.hold(folder, film, minutes), folder) for minutes in (1, 10)]
        processor, wall = smoothing.Case(film, frames=200).cost(threads=2)
        rows = [
            ("cartoon-color --help", help_time(), "s", "< 0.4"),
            ("extract, 704x528", extraction_speed(film, folder), "frames/s", ">= 250"),
            ("render, 704x528, no network, encoder, smoothing", render_overhead(film), "ms/frame", "<= 8"),
            ("votes, tracks, smoothing, 704x528, processor", processor, "ms/drawing", "<= 30"),
            ("votes, tracks, smoothing, 704x528, wall", wall, "ms/drawing", "<= 30"),
            ("render, peak memory, 1 minute", memory[0], "MB", "< 1500"),
            ("render, peak memory, 10 minutes", memory[1], "MB", "< 1500"),
            ("render, peak memory, 10 minutes / 1 minute", memory[1] / memory[0], "", "<= 1.1"),
            *waiting_shares(film, folder),
        ]
    for what, value, unit, wanted in rows:
        sys.stdout.write(f"{what:48} {value:10.2f} {unit:9} wanted {wanted}\n")
    figures = [{"what": what, "value": value, "unit": unit, "wanted": wanted} for what, value, unit, wanted in rows]
    sys.stdout.write(json.dumps({"machine": about, "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
