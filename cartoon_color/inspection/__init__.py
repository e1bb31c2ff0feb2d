"""Where, and why, the colors of a film are unsure: a picture of each shot, and a list of the shots to work on."""

from cartoon_color.inspection.inspect import InspectionSummary, inspect
from cartoon_color.inspection.worklist import WORKLIST, ShotRow

__all__ = ["WORKLIST", "InspectionSummary", "ShotRow", "inspect"]
