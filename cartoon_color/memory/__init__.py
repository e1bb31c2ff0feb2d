"""The memory of a show: how the regions of its color episodes look in gray, and how they were painted.

A region is described by what the network sees of it (the mean of an early layer's features, which tell texture, lines
and what is around) and by its gray. Its paint is recalled as a mean over the likest regions of the color episodes, or
as the histogram of their paints: a kernel regression (Nadaraya 1964, Watson 1964), so no training is needed, and
neighbors of one look but different paints share the votes. How sharp the kernel is, and how far is too far, is told by
leaving out one episode at a time. What is unlike anything there is unknown.
"""

from cartoon_color.memory.files import check_weights, load_memory, save_memory
from cartoon_color.memory.recall import Memory

__all__ = ["Memory", "check_weights", "load_memory", "save_memory"]
