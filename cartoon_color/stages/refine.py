"""The stages that give each region of a drawing one color (thesis section 8.4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import tee

import numpy as np

from cartoon_color import color
from cartoon_color.config import RefineSettings, Segmentation, Space
from cartoon_color.frames import Chroma, ColorRange, Frame
from cartoon_color.regions import Labels, Lightness
from cartoon_color.regions.felzenszwalb import segment_graph
from cartoon_color.regions.fill import fill
from cartoon_color.regions.region_growing import grow_regions
from cartoon_color.streams import Stage


class Refine:
    """Refines each drawing once; held frames share the chroma of their drawing (the same array)."""

    lookahead = 0

    def __init__(self, settings: RefineSettings, *, bit_depth: int, color_range: ColorRange) -> None:
        self.settings = settings
        self.bit_depth = bit_depth
        self.color_range = color_range

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Yield the same frames, `chroma` refined."""
        refined = -1, np.empty(0, np.float32)  # index and chroma of the drawing shown last
        for frame in frames:
            if frame.drawing != refined[0]:
                refined = frame.drawing, self.fill(frame, self.segment(frame))
            yield frame.with_(chroma=refined[1])

    def lightness(self, frame: Frame) -> Lightness:
        """L* of the gray picture, (H, W) float32, 0..100."""
        return color.luma_to_lightness(frame.luma, self.bit_depth, self.color_range)

    def segment(self, frame: Frame) -> Labels:
        """The regions of a drawing, (H, W) int32."""
        return _segment(self.lightness(frame), self.settings.method)

    def fill(self, frame: Frame, labels: Labels) -> Chroma:
        """The a, b of a frame, (H, W, 2) float32, with one color in each region.

        Raises:
            ValueError: The frame has no chroma.
        """
        if frame.chroma is None:
            raise ValueError(f"frame {frame.index} has no chroma")
        chroma = color.resize_chroma(frame.chroma, frame.luma.shape)
        return fill(chroma, labels, clusters=self.settings.clusters, rest=self.settings.rest)


class RefineMembers:
    """Colors with each member, refines each of the results, and takes their mean (thesis sections 8.4.2 and 8.5)."""

    def __init__(self, members: Sequence[Stage], refine: Refine, *, space: Space = "lab") -> None:
        if not members:
            raise ValueError("an ensemble needs at least one member")
        self.members = members
        self.refine = refine
        self.space = space
        self.lookahead = max(member.lookahead for member in members)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Give every frame its chroma."""
        branches = [member(copy) for member, copy in zip(self.members, tee(frames, len(self.members)), strict=True)]
        painted = -1, np.empty(0, np.float32)  # index and chroma of the drawing shown last
        for alike in zip(*branches, strict=True):
            if alike[0].drawing != painted[0]:
                labels = self.refine.segment(alike[0])
                filled = np.stack([self.refine.fill(frame, labels) for frame in alike])
                if self.space == "lab":
                    mean = filled.mean(axis=0)
                else:
                    mean = color.mean_ab_in_rgb(self.refine.lightness(alike[0]), filled)
                painted = alike[0].drawing, mean
            yield alike[0].with_(chroma=painted[1])


def _segment(lightness: Lightness, method: Segmentation) -> Labels:
    return grow_regions(lightness) if method == "regiongrow" else segment_graph(lightness)
