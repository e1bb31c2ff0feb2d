"""Curves of a training: a table that any program reads, and TensorBoard's files where that is installed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cartoon_color.files import replacing

COLUMNS = ("update", "epoch", "pictures", "learning_rate", "loss", "validation_chroma_psnr", "seconds")
"""Updates done; epoch from 1; pictures seen; rate; loss of the update; chroma PSNR in dB on the validation episodes
after an epoch, else empty; seconds of training, those of earlier runs counted in."""


class Curves:
    """Appends to `path`, after dropping what lies beyond the update from which the training goes on."""

    def __init__(self, path: Path, update: int) -> None:
        rows: list[list[str]] = []
        if update and path.is_file():
            with path.open(newline="") as file:
                # A kill may have cut the last row anywhere, even within its first number.
                rows = [row for row in list(csv.reader(file))[1:] if len(row) == len(COLUMNS) and int(row[0]) <= update]
        with replacing(path) as part, part.open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows])
        self._file = path.open("a", newline="")
        self._writer = csv.writer(self._file)
        self._board: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:  # the extra `train`
            return
        self._board = SummaryWriter(path.with_suffix(".tensorboard"), purge_step=update + 1)

    def add(self, row: Sequence[float | None]) -> None:
        """One update, in the order of COLUMNS."""
        self._writer.writerow(["" if value is None else f"{value:.6g}" for value in row])
        if self._board is not None:
            for name, value in zip(COLUMNS[3:6], row[3:6], strict=True):
                if value is not None:
                    self._board.add_scalar(name, value, row[0])

    def flush(self) -> None:
        """Put on disk what was added."""
        self._file.flush()

    def close(self) -> None:
        """End the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()
