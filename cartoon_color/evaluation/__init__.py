"""Colorized films and pictures against the truth: numbers, tables, figures, a film side by side, a report."""

from cartoon_color.evaluation.evaluate import evaluate
from cartoon_color.evaluation.scores import Scores

__all__ = ["Scores", "evaluate"]
