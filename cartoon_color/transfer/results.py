"""What a comparison of methods came to, as tables."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, fields
from io import StringIO
from typing import Any


@dataclass(frozen=True, slots=True)
class MethodResult:
    """How a method did; means over the pictures."""

    method: str
    rmse: float
    """In alpha, beta (thesis eq. 8.1)."""
    psnr: float
    """In dB, over R'G'B' (thesis eq. 8.3)."""
    ciede2000: float
    chroma_psnr: float
    """In dB, over a, b."""
    seconds: float
    """A picture takes on one thread, from luma and references to a, b; reading and choosing references not counted."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came out of a run."""

    results: tuple[MethodResult, ...]
    pictures: tuple[str, ...]
    """EPISODE/NNNNNN.png, as in the data set."""
    learning_seconds: float
    """What `deshpande` took to learn from its examples, once, on one thread."""

    def to_json(self) -> dict[str, Any]:
        """As a dictionary of numbers and texts."""
        return asdict(self)

    def to_markdown(self) -> str:
        """As a table, with a line on what was measured."""
        lines = [
            "| method | RMSE | PSNR (dB) | CIEDE2000 | chroma PSNR (dB) | seconds |",
            "| --- | --- | --- | --- | --- | --- |",
            *(
                f"| {row.method} | {row.rmse:.4f} | {row.psnr:.2f} | {row.ciede2000:.2f} | {row.chroma_psnr:.2f} "
                f"| {row.seconds:.3f} |"
                for row in self.results
            ),
            "",
            f"Means over {len(self.pictures)} pictures, each on one thread. Learning took deshpande "
            f"{self.learning_seconds:.1f} s once.",
        ]
        return "\n".join(lines)

    def to_csv(self) -> str:
        """As comma-separated values, one line a method after a line of column names."""
        text = StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(MethodResult)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.results)
        return text.getvalue()

    def tables(self) -> dict[str, str]:
        """All three, by the name of their file."""
        return {
            "table.md": self.to_markdown() + "\n",
            "table.csv": self.to_csv(),
            "table.json": json.dumps(self.to_json(), indent=2) + "\n",
        }
