"""A small cartoon show, drawn by code, whose every color is known: for tests, examples and trying the tool out."""

from cartoon_color.toyshow.paints import EQUAL_GRAY
from cartoon_color.toyshow.show import ToyEpisode, ToyShow, draw_show
from cartoon_color.toyshow.truth import EpisodeTruth, Part, ShotTruth, load_truth

__all__ = ["EQUAL_GRAY", "EpisodeTruth", "Part", "ShotTruth", "ToyEpisode", "ToyShow", "draw_show", "load_truth"]
