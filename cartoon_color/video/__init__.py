"""Films in and out: the only package that knows PyAV."""

from cartoon_color.video.probe import probe
from cartoon_color.video.read import Ending, read, read_color, read_planes
from cartoon_color.video.rgb import Planes, paint
from cartoon_color.video.shots import Coded, ShotWriter, coded_shots, digest
from cartoon_color.video.write import Writer

__all__ = [
    "Coded",
    "Ending",
    "Planes",
    "ShotWriter",
    "Writer",
    "coded_shots",
    "digest",
    "paint",
    "probe",
    "read",
    "read_color",
    "read_planes",
]
