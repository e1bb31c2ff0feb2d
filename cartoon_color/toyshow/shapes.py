"""Curves and closed shapes, as points; x to the right, y down, in the show's units (a picture is 240 high)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(N, 2), x and y."""
Pairs = Sequence[tuple[float, float]]

_STEPS = 8
"""Points drawn between two points of a curve."""


@dataclass(frozen=True, eq=False, slots=True)
class Piece:
    """One painted part of a drawing."""

    name: str
    """Of the part within its owner, e.g. `cap`; pieces of one name form one region label."""
    points: Points
    """(N, 2) outline, or a line where `paint` is empty."""
    paint: str
    """Name of the paint; empty for a line that encloses nothing (a mouth, a whisker)."""
    ink: float = 1.5
    """Width of the line around it, in units; 0 for none."""


Drawing = tuple[Piece, ...]
"""Pieces from back to front."""


def curve(pairs: Pairs | Points, *, closed: bool = True) -> Points:
    """A smooth curve through points (Catmull-Rom): (N, 2) to (about 8 N, 2)."""
    p = np.asarray(pairs, float)
    before, after = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    p = np.concatenate([before, p, after])
    a, b, c, d = (p[i : len(p) - 3 + i, None] for i in range(4))
    t = (np.arange(_STEPS) / _STEPS)[:, None]
    q = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    q = q.reshape(-1, 2)
    return q if closed else np.concatenate([q, p[-2:-1]])


def polygon(pairs: Pairs) -> Points:
    """Straight edges."""
    return np.asarray(pairs, float)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """A rectangle."""
    return polygon([(left, top), (right, top), (right, bottom), (left, bottom)])


def oval(x: float, y: float, rx: float, ry: float | None = None, *, turn: float = 0.0) -> Points:
    """An ellipse around (x, y); `turn` in degrees, clockwise."""
    t = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    around: Points = np.stack([rx * np.cos(t), (rx if ry is None else ry) * np.sin(t)], axis=1)
    return moved(around @ _rotation(turn).T, x, y)


def tube(pairs: Pairs, width: float, end_width: float | None = None) -> Points:
    """A limb: a curve with a width that changes from its first to its last point, and round ends."""
    spine = curve(pairs, closed=False)
    along = np.gradient(spine, axis=0)
    along /= np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    half = np.linspace(width, width if end_width is None else end_width, len(spine))[:, None] / 2
    across = along[:, ::-1] * (-1, 1)
    t = np.linspace(-np.pi / 2, np.pi / 2, 9)[1:-1, None]

    def cap(i: int, sign: float) -> Points:
        turned: Points = spine[i] + half[i] * sign * (np.cos(t) * along[i] + np.sin(t) * across[i])
        return turned

    return np.concatenate([spine - half * across, cap(-1, 1), (spine + half * across)[::-1], cap(0, -1)])


def moved(points: Points, x: float, y: float) -> Points:
    """Points shifted by (x, y)."""
    return np.asarray(points + np.array([x, y]), float)


def swing(x: float, y: float, length: float, degrees: float) -> tuple[float, float]:
    """The point `length` from (x, y); 0 degrees is straight down, positive turns to the right (forward)."""
    radians = np.deg2rad(degrees)
    return x + length * float(np.sin(radians)), y + length * float(np.cos(radians))


def placed(
    pieces: Iterable[Piece], x: float, y: float, *, scale: float = 1.0, mirrored: bool = False, turn: float = 0.0
) -> Drawing:
    """Pieces scaled, mirrored left to right, turned (degrees, clockwise) and moved to (x, y)."""
    matrix = _rotation(turn) @ np.diag([-scale if mirrored else scale, scale])
    return tuple(Piece(p.name, moved(p.points @ matrix.T, x, y), p.paint, p.ink) for p in pieces)


def named(owner: str, pieces: Iterable[Piece]) -> Drawing:
    """Pieces with `owner.` before their names."""
    return tuple(Piece(f"{owner}.{p.name}", p.points, p.paint, p.ink) for p in pieces)


def _rotation(degrees: float) -> Points:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s], [s, c]])
