"""From extracted pictures to training examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from cartoon_color import color
from cartoon_color.config import Views
from cartoon_color.dataset.extracted import read_picture
from cartoon_color.frames import RGB
from cartoon_color.scaling import squeeze
from cartoon_color.variants.base import OUTPUT_STRIDE

_STOCKS = np.array([color.LUMA_WEIGHTS["bt601"], (0.36, 0.34, 0.30), (0.04, 0.56, 0.40)], np.float32)
"""Weights of R, G, B: of a color film shown gray; roughly of panchromatic and of orthochromatic stock, which hardly saw
red."""
_HOW_OFTEN = (0.8, 0.1, 0.1)


def example(rgb: RGB, luma: NDArray[np.float32] | None) -> tuple[Tensor, Tensor]:
    """What a network sees and what it should say.

    Args:
        rgb: (H, W, 3), the true color.
        luma: (H, W) float32, 0..1: the gray picture; None to show L* of the color's own CIELAB instead, as the thesis
            does (section 5.1.1), though no black-and-white film has it.

    Returns:
        L* (1, H, W), 0..100; a, b of the true color, averaged down to (2, H / 4, W / 4), rounded up
        as networks do.
    """
    height, width = rgb.shape[:2]
    lab = color.rgb_to_lab(rgb)
    ab = cv2.resize(
        np.ascontiguousarray(lab[..., 1:]),
        (-(-width // OUTPUT_STRIDE), -(-height // OUTPUT_STRIDE)),
        interpolation=cv2.INTER_AREA,
    )
    lightness = np.ascontiguousarray(lab[..., 0]) if luma is None else color.gray_lightness(luma)
    return (
        torch.from_numpy(lightness[None]),
        torch.from_numpy(np.ascontiguousarray(ab.transpose(2, 0, 1))),
    )


class TrainingPictures(Dataset[tuple[Tensor, ...]]):
    """Random views of extracted pictures.

    With `film`, as a black-and-white film might show them: a square cut of 5/8 to all of the picture, scaled to `crop`,
    mirrored at random; its gray comes from a random mix of R, G and B, mostly near BT.601's, else near what
    panchromatic or orthochromatic stock saw, through a random gamma and contrast, with grain, fine or coarse, blur, and
    the marks of JPEG. The color stays the true one. With `thesis`, as in its section 7.4: random cuts of `crop`,
    mirrored at random, and L* of the color's own CIELAB.

    Of n pictures, item p + k n is another view of picture p in the same epoch.
    """

    def __init__(self, pictures: Sequence[Path], crop: int, seed: int, views: Views = "film") -> None:
        self.pictures = pictures
        self.crop = crop
        self.seed = seed
        self.views = views
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, item: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng((self.seed, self.epoch, item))
        return example(*self.view(self.pictures[item % len(self.pictures)], rng))

    def view(self, picture: Path, rng: np.random.Generator) -> tuple[RGB, NDArray[np.float32] | None]:
        """A random view of a picture, (crop, crop, 3), and its gray; None as `example` takes it."""
        rgb = read_picture(picture)
        side = min(rgb.shape[:2])
        side = int(rng.integers(side * 5 // 8, side + 1)) if self.views == "film" else min(side, self.crop)
        top, left = (int(rng.integers(0, size - side + 1)) for size in rgb.shape[:2])
        rgb = rgb[top : top + side, left : left + side]
        rgb = squeeze(rgb, self.crop)
        if rng.random() < 0.5:
            rgb = np.ascontiguousarray(rgb[:, ::-1])
        return rgb, _black_and_white(rgb, rng) if self.views == "film" else None


def _black_and_white(rgb: RGB, rng: np.random.Generator) -> NDArray[np.float32]:
    """A gray film's view of a color picture: (H, W) float32, 0..1."""
    mix = _STOCKS[rng.choice(len(_STOCKS), p=_HOW_OFTEN)] * (1 + rng.uniform(-0.15, 0.15, 3).astype(np.float32))
    luma = rgb.astype(np.float32) @ (mix / mix.sum() / np.float32(255))
    luma = luma ** np.float32(np.exp(rng.normal(0, 0.06)))
    luma = 0.5 + (luma - 0.5) * np.float32(rng.uniform(0.95, 1.05)) + np.float32(rng.normal(0, 0.01))
    if rng.random() < 0.3:
        luma = np.asarray(cv2.GaussianBlur(luma, (0, 0), rng.uniform(0.4, 1.0)), np.float32)
    luma += _grain(luma.shape, rng) * np.float32(rng.uniform(0, 0.012))
    luma = np.asarray(np.clip(luma, 0, 1), np.float32)
    if rng.random() < 0.25:
        coded = np.rint(luma * 255).astype(np.uint8)
        _, file = cv2.imencode(".jpg", coded, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 96))))
        luma = np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(255)
    return np.asarray(luma, np.float32)


def _grain(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of deviation 1: of single pixels, or of grains twice as wide."""
    height, width = shape
    if rng.random() < 0.5:
        return rng.standard_normal((height, width), np.float32)
    small = rng.standard_normal((-(-height // 2), -(-width // 2)), np.float32)
    grains = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(grains / max(float(grains.std()), 1e-6), np.float32)


class PlainPictures(Dataset[tuple[Tensor, Tensor]]):
    """Whole pictures, for measuring; with `film`, their gray is their BT.601 luma in 8 bits."""

    def __init__(self, pictures: Sequence[Path], views: Views = "film") -> None:
        self.pictures = pictures
        self.views = views

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        rgb = read_picture(self.pictures[item])
        luma = color.luma_of_rgb(rgb, "bt601").astype(np.float32) / np.float32(255)
        return example(rgb, luma if self.views == "film" else None)
