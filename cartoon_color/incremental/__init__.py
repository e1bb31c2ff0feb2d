"""Films colored with corrections, of which a rerun renders again only the shots that changed."""

from cartoon_color.incremental.render import render_corrected

__all__ = ["render_corrected"]
