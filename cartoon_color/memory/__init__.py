"""The memory of a show: how the regions of its color episodes look in gray, and how they were painted.

A region is described by what the network sees of it (the mean of an early layer's features, which tell texture, lines
and what is around) and by its gray. Its paint is recalled as a mean over the likest regions of the color episodes, or
as the histogram of their paints: a kernel regression (Nadaraya 1964, Watson 1964), so no training is needed, and
neighbors of one look but different paints share the votes, and each shot has one. The kernel's width goes with how far
the nearest region is (Loftsgaarden and Quesenberry 1965, "A nonparametric estimate of a multivariate density
function"): what was drawn again gets its own paint, what is only like others their mean, from one episode as from many.
What is unlike anything there is unknown. Whether paints are exact or vary, and how far drawings of one show differ, is
told by leaving out one episode at a time.
"""

from cartoon_color.memory.files import check_weights, load_memory, save_memory
from cartoon_color.memory.recall import Memory

__all__ = ["Memory", "check_weights", "load_memory", "save_memory"]
