"""The comparators beside networks, on the same pictures, in one run: quality and time (thesis section 8.3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cartoon_color import checkpoint, metrics
from cartoon_color.color import luma_of_rgb, luma_to_lightness, rgb_to_lab
from cartoon_color.dataset.extracted import list_pictures, read_picture
from cartoon_color.dataset.manifest import Manifest, Role
from cartoon_color.device import fast_dtype
from cartoon_color.errors import OutputError, SettingsError
from cartoon_color.files import write_atomically
from cartoon_color.frames import RGB, Chroma
from cartoon_color.scaling import squeeze
from cartoon_color.transfer import deshpande, welsh
from cartoon_color.transfer.levin import confident_scribbles, spread_scribbles
from cartoon_color.transfer.references import References, evenly_spaced
from cartoon_color.transfer.results import Comparison, MethodResult
from cartoon_color.variants import Model, Prediction
from cartoon_color.video import paint

Gray = NDArray[np.uint8]
Method = Callable[[Gray, Sequence[RGB]], Chroma]
"""From luma (H, W) and its references to a, b (H, W, 2)."""


def compare_methods(
    manifest: Manifest,
    dataset: Path,
    weights: Sequence[Path],
    out: Path,
    images: int,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Color pictures of the test episodes with each method, write them, and measure.

    Every method sees the same gray, the BT.601 luma of the picture in 8 bits, and its result keeps that luma.
    References come from the training episodes. The methods are `welsh` (the nearest reference), `deshpande` (learned
    from 11 examples; the 5 nearest references), `levin` (scribbles where the first checkpoint that tells a distribution
    is surest; that network's time is part of the method's), and each checkpoint by the name of its file.

    Args:
        manifest: with test and training episodes.
        dataset: that extract filled from the manifest.
        weights: checkpoints.
        out: folder for METHOD/EPISODE/NNNNNN.png; made if needed, what is there is replaced.
        images: at most so many pictures, evenly spaced.
        progress: called with the number of pictures done, and of all.

    Raises:
        SettingsError: if the manifest has no test or no training episodes, or two methods have the same name.
        InputError: if pictures are missing or can't be read.
        WeightsError: if a checkpoint can't be used.
        OutputError: if something can't be written.
    """
    training = list_pictures(dataset, _names(manifest, "train"))
    test = list_pictures(dataset, _names(manifest, "test"))
    test = [test[position] for position in evenly_spaced(len(test), images)]
    networks = _load(weights)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, len(training) + len(test))

    with one_thread():
        references = References(training, step)
        started = time.perf_counter()
        learned = deshpande.learn(references.examples())
        learning = time.perf_counter() - started
        methods = _methods(learned, networks)
        measured: dict[str, list[tuple[float, ...]]] = {name: [] for name in methods}
        for path in test:
            truth = read_picture(path)
            luma = luma_of_rgb(truth, "bt601")
            matches = references.of(luma)
            for name, method in methods.items():
                if path == test[0]:
                    method(luma, matches)  # tables are made and memory is taken at the first call
                started = time.perf_counter()
                ab = method(luma, matches)
                seconds = time.perf_counter() - started
                colored = paint(luma, ab)
                _write(out / name / path.parent.name / path.name, _png(colored))
                measured[name].append((*_measure(truth, colored), seconds))
            step()
    comparison = Comparison(
        tuple(_mean(name, each) for name, each in measured.items()),
        tuple(f"{path.parent.name}/{path.name}" for path in test),
        learning,
    )
    for name, text in comparison.tables().items():
        _write(out / name, text.encode())
    return comparison


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch, OpenCV and linear algebra use a single thread, so that times compare."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def _names(manifest: Manifest, role: Role) -> list[str]:
    names = [episode.name for episode in manifest.of_role(role)]
    if not names:
        raise SettingsError(
            f"the manifest {manifest.name} has no {role} episodes; "
            f'give one of its color episodes the role "{role}", and extract it'
        )
    return names


def _load(weights: Sequence[Path]) -> dict[str, Model]:
    networks: dict[str, Model] = {}
    for path in weights:
        if path.stem in networks or path.stem in ("welsh", "deshpande", "levin"):
            raise SettingsError(f"there are two methods named {path.stem}; rename the weights {path}")
        networks[path.stem] = checkpoint.load(path).model
    return networks


def _methods(learned: deshpande.Deshpande, networks: dict[str, Model]) -> dict[str, Method]:
    def transfer(luma: Gray, matches: Sequence[RGB]) -> Chroma:
        return welsh.transfer_color(luma, matches[0])

    methods: dict[str, Method] = {"welsh": transfer, "deshpande": learned.colorize}
    for model in networks.values():
        if _predict(model, np.zeros((32, 32), np.uint8)).logits is not None:
            methods["levin"] = _spread(model)
            break
    return methods | {name: _color(model) for name, model in networks.items()}


def _spread(model: Model) -> Method:
    def color(luma: Gray, matches: Sequence[RGB]) -> Chroma:
        return spread_scribbles(luma, confident_scribbles(_predict(model, luma), luma.shape))

    return color


def _color(model: Model) -> Method:
    def color(luma: Gray, matches: Sequence[RGB]) -> Chroma:
        ab = _predict(model, luma).ab[0].permute(1, 2, 0).contiguous().numpy()
        return np.asarray(cv2.resize(ab, luma.shape[::-1]))

    return color


def _predict(model: Model, luma: Gray) -> Prediction:
    """What a network says of luma (H, W): seen as when films are rendered, on the CPU."""
    seen = luma_to_lightness(squeeze(luma, model.settings.input_size), 8, "full")
    dtype = fast_dtype(torch.device("cpu"))
    with torch.inference_mode(), torch.autocast("cpu", dtype, dtype != torch.float32):
        return model.colorize(torch.from_numpy(seen)[None, None].contiguous(memory_format=torch.channels_last))


def _measure(truth: RGB, colored: RGB) -> tuple[float, float, float, float]:
    """RMSE in alpha, beta; PSNR; CIEDE2000; mean squared error of a, b."""
    return (
        metrics.alpha_beta_rmse(truth, colored),
        metrics.psnr(truth, colored),
        metrics.ciede2000(truth, colored),
        metrics.mean_squared_error(rgb_to_lab(truth)[..., 1:], rgb_to_lab(colored)[..., 1:]),
    )


def _mean(method: str, measured: Sequence[tuple[float, ...]]) -> MethodResult:
    rmse, psnr, ciede2000, error, seconds = np.mean(measured, axis=0).tolist()
    return MethodResult(method, rmse, psnr, ciede2000, metrics.chroma_psnr(error), seconds)


def _png(picture: RGB) -> bytes:
    return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise OutputError(f"{path} can't be written ({error.strerror}); choose another folder with --out") from error
