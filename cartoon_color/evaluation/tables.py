"""Results as Markdown, CSV, LaTeX and JSON."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any

from cartoon_color.evaluation.scores import METRICS, Metric


@dataclass(frozen=True)
class Result:
    """What an evaluation came to."""

    truth: str
    frames: int
    size: tuple[int, int]
    """Width and height in pixels at which was compared."""
    colorized: Mapping[str, Mapping[str, float]]
    """Metrics of each input, by the name of the input and of the metric."""
    baselines: Mapping[str, Mapping[str, float]]
    """Of colorings without a network, and last of the truth itself."""

    @property
    def rows(self) -> dict[str, Mapping[str, float]]:
        """Everything that was measured, in the order of the tables."""
        return {**self.colorized, **self.baselines}

    @property
    def metrics(self) -> list[Metric]:
        """The columns: those of `METRICS` that were measured."""
        return [metric for metric in METRICS if metric.name in self.baselines["truth"]]

    def to_json(self) -> dict[str, Any]:
        """As dictionaries of numbers and texts."""
        return {
            "truth": self.truth,
            "frames": self.frames,
            "size": list(self.size),
            "colorized": {name: dict(values) for name, values in self.colorized.items()},
            "baselines": {name: dict(values) for name, values in self.baselines.items()},
        }

    def best(self, metric: Metric) -> set[str]:
        """The name of the best input by a metric, or of several that are as good."""
        own = self.baselines["truth"][metric.name]

        def rank(name: str) -> float:
            value = self.colorized[name][metric.name]
            return {"low": value, "high": -value, "truth": abs(value - own)}[metric.best]

        least = min(map(rank, self.colorized))
        return {name for name in self.colorized if rank(name) == least}

    def tables(self) -> dict[str, str]:
        """Content by name of file."""
        return {
            "table.md": self.to_markdown(),
            "table.csv": self.to_csv(),
            "table.tex": self.to_latex(),
            "metrics.json": json.dumps(self.to_json(), indent=2) + "\n",
        }

    def to_markdown(self) -> str:
        """A table; the best input of each column is bold."""
        lines = [
            "| | " + " | ".join(metric.label for metric in self.metrics) + " |",
            "| --- |" + " --- |" * len(self.metrics),
            *("| " + " | ".join([name.replace("|", r"\|"), *self.cells(name, "**{}**")]) + " |" for name in self.rows),
        ]
        return "\n".join(lines) + "\n"

    def to_latex(self) -> str:
        """A tabular environment."""
        lines = [
            r"\begin{tabular}{l" + "r" * len(self.metrics) + "}",
            " & ".join(["", *(metric.label for metric in self.metrics)]) + r" \\ \hline",
            *(
                " & ".join([re.sub("[_&%$#{}]", r"\\\g<0>", name), *self.cells(name, r"\textbf{{{}}}")]) + r" \\"
                for name in self.rows
            ),
            r"\end{tabular}",
        ]
        return "\n".join(lines) + "\n"

    def to_csv(self) -> str:
        """One line for each row, after a line of names; full precision."""
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["name", *(metric.name for metric in self.metrics)])
        for name, values in self.rows.items():
            writer.writerow([name, *(values[metric.name] for metric in self.metrics)])
        return text.getvalue()

    def cells(self, name: str, bold: str) -> list[str]:
        """The numbers of a row as texts; `bold` holds {} where the best one goes."""
        cells = []
        for metric in self.metrics:
            value = self.rows[name][metric.name]
            exact = metric.name.endswith("psnr") and not self.rows[name]["difference"]
            cell = "exact" if exact else f"{value:.{metric.digits}f}"
            cells.append(bold.format(cell) if name in self.best(metric) else cell)
        return cells
