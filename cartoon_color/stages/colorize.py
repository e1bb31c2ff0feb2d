"""The stage that gives frames their color."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

import numpy as np
import torch
from numpy.typing import NDArray

from cartoon_color import color
from cartoon_color.frames import Chroma, ColorRange, Description, Frame
from cartoon_color.scaling import squeeze
from cartoon_color.variants import Colorizer

_Predicted = tuple[Chroma, NDArray[np.float32] | None, Description | None]


class Colorize:
    """Colors each drawing once; held frames share the chroma of their drawing (the same array).

    Pictures go through the network in batches, squeezed to `size` x `size` as in training (thesis section 4.1.1); the
    predicted a, b stay at the network's output size unless a spline is asked for.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        *,
        size: int,
        bit_depth: int,
        color_range: ColorRange,
        device: torch.device,
        dtype: torch.dtype,
        batch: int = 4,
        lookahead: int = 48,
        evidence: bool = False,
        spline: bool = False,
    ) -> None:
        self.colorizer = colorizer
        self.size = size
        self.bit_depth = bit_depth
        self.color_range = color_range
        self.device = device
        self.dtype = dtype
        self.batch = batch
        self.lookahead = max(lookahead, batch)
        self.evidence = evidence
        """Whether the first frame of each drawing gets the histograms, too."""
        self.spline = spline
        """Whether a, b are brought to the frame's size, by a cubic spline."""

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Give every frame its chroma."""
        waiting: deque[Frame] = deque()
        drawings: list[Frame] = []
        painted = -1, np.empty(0, np.float32)  # index and chroma of the drawing shown last
        for frame in chain(frames, [None]):
            if frame is not None:
                waiting.append(frame)
                if not frame.held:
                    drawings.append(frame)
                if len(drawings) < self.batch and len(waiting) < self.lookahead:
                    continue
            predicted = self._predict(drawings)
            drawings.clear()
            while waiting:
                ready = waiting.popleft()
                evidence, description = None, None
                if ready.drawing != painted[0]:
                    ab, evidence, description = predicted.pop(ready.drawing)
                    painted = ready.drawing, color.spline_chroma(ab, ready.luma.shape) if self.spline else ab
                yield ready.with_(chroma=painted[1], evidence=evidence, description=description)

    def _predict(self, drawings: list[Frame]) -> dict[int, _Predicted]:
        """By index of the drawing: predicted a, b and, if asked for, histograms at the network's output size, and what
        the network sees, if it tells."""
        if not drawings:
            return {}
        seen = np.stack([self._view(frame) for frame in drawings])[:, None]
        lightness = torch.from_numpy(seen).to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(self.device.type, self.dtype, self.dtype != torch.float32):
            prediction = self.colorizer(lightness)
        pictures = prediction.ab.float().permute(0, 2, 3, 1).cpu().contiguous().numpy()
        histograms: Iterable[NDArray[np.float32] | None] = repeat(None, len(drawings))
        if self.evidence and prediction.logits is None:
            histograms = [_histogram(ab) for ab in pictures]
        elif self.evidence and prediction.logits is not None:
            histograms = prediction.logits.float().permute(0, 2, 3, 1).softmax(dim=-1).cpu().contiguous().numpy()
        descriptions: Iterable[Description | None] = repeat(None, len(drawings))
        if prediction.features is not None and prediction.look is not None:
            features = prediction.features.half().permute(0, 2, 3, 1).cpu().contiguous().numpy()
            descriptions = map(Description, features, prediction.look.float().cpu().numpy())
        told = zip(pictures, histograms, descriptions, strict=True)
        return dict(zip((frame.index for frame in drawings), told, strict=True))

    def _view(self, frame: Frame) -> Chroma:
        """What the network sees of a frame: L* of its gray picture, (size, size) float32."""
        return color.luma_to_lightness(squeeze(frame.luma, self.size), self.bit_depth, self.color_range)


def _histogram(ab: Chroma) -> NDArray[np.float32]:
    """The (h, w, 313) histograms of colors that were predicted without: softly encoded, as in training."""
    index, weight = color.encode_bins(ab)
    histogram = np.zeros((*ab.shape[:2], len(color.AB_BINS)), np.float32)
    np.put_along_axis(histogram, index, weight, axis=2)
    return histogram
