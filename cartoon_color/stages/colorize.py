"""The stage that gives frames their color."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain

import cv2
import numpy as np
import torch

from cartoon_color import color
from cartoon_color.frames import Chroma, ColorRange, Frame
from cartoon_color.scaling import squeeze
from cartoon_color.variants import Colorizer


class Colorize:
    """Colors each drawing once; held frames share the chroma of their drawing (the same array).

    Pictures go through the network in batches, squeezed to `size` x `size` as in training (thesis section 4.1.1), and
    the predicted a, b are stretched back to the frame.
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
        batch: int = 8,
        lookahead: int = 48,
    ) -> None:
        self.colorizer = colorizer
        self.size = size
        self.bit_depth = bit_depth
        self.color_range = color_range
        self.device = device
        self.dtype = dtype
        self.batch = batch
        self.lookahead = max(lookahead, batch)

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
                if ready.drawing != painted[0]:
                    height, width = ready.luma.shape
                    painted = ready.drawing, np.asarray(cv2.resize(predicted.pop(ready.drawing), (width, height)))
                yield ready.with_(chroma=painted[1])

    def _predict(self, drawings: list[Frame]) -> dict[int, Chroma]:
        """Predicted a, b at the network's output size, by index of the drawing."""
        if not drawings:
            return {}
        seen = np.stack([self._view(frame) for frame in drawings])[:, None]
        lightness = torch.from_numpy(seen).to(self.device, memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(self.device.type, self.dtype, self.dtype != torch.float32):
            ab = self.colorizer(lightness).ab
        pictures = ab.float().permute(0, 2, 3, 1).cpu().contiguous().numpy()
        return dict(zip((frame.index for frame in drawings), pictures, strict=True))

    def _view(self, frame: Frame) -> Chroma:
        """What the network sees of a frame: L* of its gray picture, (size, size) float32."""
        return color.luma_to_lightness(squeeze(frame.luma, self.size), self.bit_depth, self.color_range)
