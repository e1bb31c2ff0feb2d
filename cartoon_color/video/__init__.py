"""Films in and out: the only package that knows PyAV."""

from cartoon_color.video.probe import probe
from cartoon_color.video.read import read, read_color
from cartoon_color.video.rgb import paint
from cartoon_color.video.write import Writer

__all__ = ["Writer", "paint", "probe", "read", "read_color"]
