"""Things that turn up in single episodes; each stands on (0, 0), `time` in seconds moves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from cartoon_color.toyshow.shapes import Drawing, Piece, Points, box, curve, moved, oval, placed, polygon, tube


def _sway(time: float, period: float) -> float:
    return float(np.sin(2 * np.pi * time / period))


def _wheel(name: str, x: float, y: float, radius: float, time: float) -> Drawing:
    spokes = []
    for turn in np.deg2rad(np.arange(0, 180, 45) + 90 * time):
        reach = (radius - 2) * np.array([np.cos(turn), np.sin(turn)])
        spokes.append(Piece("spokes", moved(np.stack([-reach, reach]), x, y), "", 1.6))
    return (
        Piece(f"{name} rim", oval(x, y, radius), "wheel"),
        Piece(f"{name} disk", oval(x, y, radius - 3.5), "wood", 1.0),
        *spokes,
        Piece(f"{name} hub", oval(x, y, 3), "wheel", 1.0),
    )


def _balloon(time: float) -> Drawing:
    x, y = 5 * _sway(time, 2.4), -112 + 3 * _sway(time, 1.7)
    string = curve([(0, -40), (x * 0.2 + 3, -60), (x * 0.7 - 2, -78), (x, y + 22)], closed=False)
    knot = polygon([(x - 3.5, y + 25), (x, y + 20), (x + 3.5, y + 25)])
    skin = curve([(0, -22), (17, -10), (13, 12), (0, 22), (-13, 12), (-17, -10)])
    return (
        Piece("string", string, "", 0.9),
        Piece("knot", knot, "balloon", 1.0),
        Piece("skin", moved(skin, x, y), "balloon"),
        Piece("shine", oval(x - 7, y - 9, 2.6, 5, turn=25), "eye white", 0),
    )


def _kite(time: float) -> Drawing:
    lean, x, y = 9 * _sway(time, 2.0), 26 + 6 * _sway(time, 2.6), -140 + 4 * _sway(time, 1.5)
    corners: list[tuple[float, float]] = [(0, -30), (21, -4), (0, 34), (-21, -4)]
    panes = [
        Piece(f"pane {n}", polygon([(0, -4), corners[n], corners[(n + 1) % 4]]), ("kite", "kite light")[n % 2])
        for n in range(4)
    ]
    tail = curve([(0, 34), (-8, 46), (3, 56), (-7, 68)], closed=False)
    bows = [
        Piece("bow", polygon([(a - 6, b - 3), (a + 6, b + 3), (a + 6, b - 3), (a - 6, b + 3)]), "ribbon", 1.0)
        for a, b in ((-6, 44), (1, 55))
    ]
    cord = curve([(-24, -6), (-12, -46), (x - 12, y + 40), (x, y)], closed=False)
    peg = polygon([(-27, -10), (-22, -10), (-24, 3)])
    return (
        Piece("peg", peg, "wood", 1.0),
        Piece("cord", cord, "", 0.9),
        *placed((Piece("tail", tail, "", 1.0), *bows, *panes), x, y, turn=12 + lean),
    )


def _cart(time: float) -> Drawing:
    hay = curve([(-40, -34), (-34, -52), (-14, -62), (8, -58), (28, -50), (38, -34)])
    straws = [
        Piece("straws", curve([(x, y), (x + 4, y - 5), (x + 3, y - 10)], closed=False), "", 0.9)
        for x, y in ((-26, -40), (-12, -46), (4, -42), (18, -40))
    ]
    return (
        Piece("shaft", tube([(36, -26), (58, -30), (72, -34)], 4.5), "wood"),
        Piece("hay", hay, "hay"),
        *straws,
        Piece("box", polygon([(-46, -40), (46, -40), (40, -18), (-40, -18)]), "wood"),
        Piece("planks", polygon([(-44, -29), (43, -29)]), "", 1.0),
        *_wheel("left wheel", -22, -15, 15, time),
        *_wheel("right wheel", 24, -15, 15, time),
    )


def _boat(time: float) -> Drawing:
    hull = curve([(-46, -18), (0, -14), (48, -19), (36, -2), (10, 3), (-30, 2), (-42, -6)])
    boat = (
        Piece("mast", box(-3, -92, 1, -14), "wood"),
        Piece("sail", curve([(4, -88), (22, -58), (38, -28), (20, -24), (4, -24), (6, -56)]), "sail"),
        Piece("jib", polygon([(-6, -80), (-6, -26), (-32, -26)]), "ribbon"),
        Piece("pennant", polygon([(-1, -92), (-18, -97), (-1, -102)]), "balloon", 1.2),
        Piece("hull", hull, "hull"),
        Piece("rail", tube([(-46, -18), (0, -14), (48, -19)], 4.5), "wood"),
    )
    return placed(boat, 0, 2 * _sway(time, 1.9), turn=2.5 * _sway(time, 2.7))


def _ball(time: float) -> Drawing:
    height, turn = 34 * abs(_sway(time, 1.3)), 120 * time
    stripe = np.concatenate([_arc(-20, 14), _arc(160, 194)])
    ball = (Piece("ball", oval(0, 0, 14), "ball"), Piece("stripe", stripe, "ribbon", 1.2))
    return placed(ball, 0, -14 - height, turn=turn)


def _arc(start: float, stop: float) -> Points:
    t = np.deg2rad(np.linspace(start, stop, 9))
    return 14 * np.stack([np.cos(t), np.sin(t)], axis=1)


def _basket(time: float) -> Drawing:
    apples = [
        Piece(f"apple {n}", oval(x, y, 6.2, 5.8), "apple", 1.2)
        for n, (x, y) in enumerate(((-11, -26), (10, -26), (-1, -30), (-6, -24), (5, -24)))
    ]
    weave = [Piece("weave", curve([(-17, y), (0, y + 2), (17, y)], closed=False), "", 0.9) for y in (-17, -10)]
    handle = curve([(-18, -24), (-14, -46), (0, -52), (14, -46), (18, -24)], closed=False)
    return (
        Piece("handle", tube(handle[::8].tolist(), 4), "wood", 1.2),
        *apples,
        Piece("basket", curve([(-20, -24), (0, -22), (20, -24), (15, -2), (0, 0), (-15, -2)]), "wood"),
        *weave,
    )


def _gift(time: float) -> Drawing:
    hop = 3 * max(0.0, _sway(time, 0.9))
    bow = curve([(0, -36), (-9, -45), (-14, -38), (0, -36), (14, -38), (9, -45)])
    return placed(
        (
            Piece("box", box(-19, -30, 19, 0), "gift"),
            Piece("lid", box(-22, -37, 22, -28), "gift"),
            Piece("band", box(-4, -37, 4, 0), "ribbon", 1.2),
            Piece("bow", bow, "ribbon", 1.2),
        ),
        0,
        -hop,
    )


def _umbrella(time: float) -> Drawing:
    top = polygon([(-2, -118), (2, -118), (2, 2), (-2, 2)])
    panes = []
    for n, (left, right) in enumerate(((-40, -15), (-15, 15), (15, 40))):
        middle = (left + right) / 2
        pane = np.concatenate(
            [
                curve([(left, -82), (0.6 * left, -103), (0, -114)], closed=False),
                curve([(0, -114), (0.6 * right, -103), (right, -82)], closed=False),
                curve([(right, -82), (middle, -87), (left, -82)], closed=False),
            ]
        )
        panes.append(Piece(f"pane {n}", pane, ("umbrella", "apron cream")[n % 2]))
    return placed((Piece("stick", top, "wood", 1.2), *panes), 0, 0, turn=5 * _sway(time, 2.2))


PROPS: Final[dict[str, Callable[[float], Drawing]]] = {
    "balloon": _balloon,
    "kite": _kite,
    "cart": _cart,
    "boat": _boat,
    "ball": _ball,
    "basket": _basket,
    "gift": _gift,
    "umbrella": _umbrella,
}
"""Everything, by name."""
