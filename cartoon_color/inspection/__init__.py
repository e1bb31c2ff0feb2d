"""Where, and why, the colors of a film are unsure: a picture of each shot, the shots to work on, what to color."""

from cartoon_color.inspection.inspect import InspectionSummary, inspect
from cartoon_color.inspection.suggest import SUGGESTIONS, SuggestionSummary, suggest
from cartoon_color.inspection.worklist import WORKLIST, ShotRow

__all__ = [
    "SUGGESTIONS",
    "WORKLIST",
    "InspectionSummary",
    "ShotRow",
    "SuggestionSummary",
    "inspect",
    "suggest",
]
