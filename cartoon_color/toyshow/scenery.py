"""Things that stand in backgrounds: trees, houses, clouds, flowers; each standing on (x, base)."""

from __future__ import annotations

import numpy as np

from cartoon_color.toyshow.shapes import Drawing, Piece, Points, box, curve, oval, polygon, tube


def puff(x: float, y: float, rx: float, ry: float, bumps: int) -> Points:
    """A cloud-like outline: `bumps` round bumps around an ellipse."""
    t = np.linspace(0, 2 * np.pi, 12 * bumps, endpoint=False)
    r = 0.84 + 0.16 * np.abs(np.sin(bumps * t / 2))
    return np.stack([x + rx * r * np.cos(t), y + ry * r * np.sin(t)], axis=1)


def ridge(pairs: list[tuple[float, float]], bottom: float = 250.0) -> Points:
    """Land below a smooth skyline through points from left to right."""
    line = curve(pairs, closed=False)
    return np.concatenate([line, [[line[-1, 0], bottom], [line[0, 0], bottom]]])


def cloud(name: str, x: float, y: float, size: float, ink: float) -> Drawing:
    """One cloud."""
    return (Piece(name, puff(x, y, 26 * size, 11 * size, 7), "cloud", ink),)


def tree(name: str, x: float, base: float, size: float, ink: float, paint: str = "leaf") -> Drawing:
    """A round tree."""
    trunk = curve([(-7, 2), (-4, -16), (-4, -38), (4, -38), (4, -16), (8, 2)]) * size + (x, base)
    return (
        Piece(f"{name} trunk", trunk, "trunk", ink),
        Piece(f"{name} crown", puff(x, base - 62 * size, 34 * size, 36 * size, 9), paint, ink),
    )


def fir(name: str, x: float, base: float, size: float, ink: float, snowy: bool = False) -> Drawing:
    """A fir of three tiers, with snow on top if asked."""
    pieces = [Piece(f"{name} trunk", box(x - 4 * size, base - 14 * size, x + 4 * size, base), "trunk", ink)]
    for tier, (half, low, high) in enumerate([(28, 10, 46), (23, 34, 68), (16, 58, 92)]):
        outline = polygon([(-half, -low), (0, -high), (half, -low), (half * 0.4, -low + 4), (-half * 0.4, -low + 4)])
        pieces.append(Piece(f"{name} tier {tier}", outline * size + (x, base), "fir", ink))
    if snowy:
        top = polygon([(-8, -75), (0, -92), (8, -75), (3, -72), (0, -76), (-4, -71)])
        pieces.append(Piece(f"{name} snow", top * size + (x, base), "snow", ink))
    return tuple(pieces)


def house(name: str, x: float, base: float, width: float, height: float, wall: str, roof: str) -> Drawing:
    """A cottage with a door, two windows, a roof and a chimney; x is its left side."""
    right, top, eaves = x + width, base - height, 9.0
    peak = top - 0.55 * height
    pieces = [
        Piece(f"{name} chimney", box(right - 24, peak - 6, right - 12, top), "stone"),
        Piece(f"{name} wall", box(x, top, right, base), wall),
        Piece(
            f"{name} roof",
            polygon([(x - eaves, top + 3), (x + 14, peak), (right - 14, peak), (right + eaves, top + 3)]),
            roof,
        ),
        Piece(f"{name} door", box(x + 0.42 * width, base - 42, x + 0.42 * width + 22, base), "wood"),
        Piece(f"{name} knob", oval(x + 0.42 * width + 18, base - 20, 1.6), "brass", 0.8),
    ]
    for which, at in (("left", 0.1), ("right", 0.74)):
        left, sill = x + at * width, base - 0.36 * height
        pane = box(left, sill - 20, left + 18, sill)
        pieces += [
            Piece(f"{name} {which} frame", box(left - 3, sill - 23, left + 21, sill + 3), "wood dark", 1.2),
            Piece(f"{name} {which} pane", pane, "glass", 1.0),
            Piece("bars", polygon([(left + 9, sill - 20), (left + 9, sill)]), "", 1.2),
            Piece("bars", polygon([(left, sill - 10), (left + 18, sill - 10)]), "", 1.2),
        ]
    return tuple(pieces)


def fence(name: str, left: float, right: float, base: float) -> Drawing:
    """Pickets on two rails."""
    rails = [Piece(f"{name} rail", box(left, base - y - 4, right, base - y), "wood", 1.2) for y in (8, 20)]
    posts = [
        Piece(
            f"{name} picket",
            polygon([(x, base), (x, base - 26), (x + 3.5, base - 31), (x + 7, base - 26), (x + 7, base)]),
            "wood",
            1.2,
        )
        for x in np.arange(left + 3, right - 8, 15)
    ]
    return (*rails, *posts)


def flower(name: str, x: float, base: float, paint: str, ink: float) -> Drawing:
    """A flower of five petals."""
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    r = 3.4 + 1.5 * np.cos(5 * t)
    petals = np.stack([x + r * np.cos(t), base - 12 + r * np.sin(t)], axis=1)
    return (
        Piece("stem", tube([(x, base), (x + 1, base - 6), (x, base - 12)], 1.6), "leaf", 0),
        Piece(f"{name} petals", petals, paint, ink),
        Piece("heart", oval(x, base - 12, 1.5), "petal yellow" if paint != "petal yellow" else "sun", 0),
    )


def bush(name: str, x: float, base: float, size: float, ink: float, paint: str = "leaf") -> Drawing:
    """A low bush."""
    return (Piece(name, puff(x, base - 10 * size, 26 * size, 15 * size, 8), paint, ink),)
