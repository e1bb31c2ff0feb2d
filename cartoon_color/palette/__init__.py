"""The paints of a show, learned from its color pictures, as a file that can be edited by hand, and as a picture."""

from cartoon_color.palette.files import check_place, draw, load_palette, picture_of, save_palette
from cartoon_color.palette.paints import Paint, Palette

__all__ = ["Paint", "Palette", "check_place", "draw", "load_palette", "picture_of", "save_palette"]
