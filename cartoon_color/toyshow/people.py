"""The people of the show, each a fixed set of parts and paints: Pip, Mila, Forester Kolb and Grandma Olga.

Everyone is drawn facing right, standing on (0, 0), up being negative y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from cartoon_color.toyshow.shapes import Drawing, Pairs, Piece, box, curve, oval, placed, polygon, swing, tube


@dataclass(frozen=True, slots=True)
class Pose:
    """What a character does in one drawing."""

    walk: float | None = None
    """Where in the walk cycle, 0..1; None stands."""
    wave: float | None = None
    """Where in the wave of a raised arm (a wagged tail), 0..1; None lets it hang."""
    blink: bool = False
    talk: bool = False
    """Whether the mouth is open."""

    @property
    def stride(self) -> float:
        """-1..1: how far the near leg is ahead."""
        return 0.0 if self.walk is None else float(np.sin(2 * np.pi * self.walk))

    @property
    def bob(self) -> float:
        """Units by which the body rises as the legs pass."""
        return 0.0 if self.walk is None else 2.0 * float(np.cos(2 * np.pi * self.walk)) ** 2


@dataclass(frozen=True, slots=True)
class Look:
    """How a person is built and painted."""

    leg: float
    """Length of the legs, in units."""
    body: float
    """Length from hip to shoulder."""
    girth: float
    """Half the width at the hip."""
    coat: str
    """Paint of jacket or dress, and of its sleeves."""
    trousers: str
    shoes: str
    skirt: bool
    """Whether the coat is a dress."""
    head: Callable[[], tuple[Drawing, Drawing]]
    """Hair behind the head, and hair, beard and hat before it, around (0, 0) = the middle of the head."""
    front: Callable[[float, float], Drawing] = lambda hip, shoulder: ()
    """What lies on the coat (belt, apron), from the heights of hip and shoulder."""


def person(look: Look, pose: Pose) -> Drawing:
    """One drawing of a person."""
    hip, shoulder = -look.leg - pose.bob, -look.leg - look.body - pose.bob
    reach = 26.0 * pose.stride
    back, before = look.head()
    far = _leg("far", -3, hip, look, -reach) + _arm("far", -look.girth * 0.45, shoulder + 6, look, reach)
    near = _leg("near", 4, hip, look, reach)
    arm = (
        _arm("near", look.girth * 0.2, shoulder + 7, look, -reach)
        if pose.wave is None
        else _raised_arm(look.girth * 0.35, shoulder + 7, look, pose.wave)
    )
    head = placed(back + _face(pose) + before, 2, shoulder - 12, turn=2 * pose.stride)
    return far + near + _coat(look, hip, shoulder) + look.front(hip, shoulder) + arm + head


def _coat(look: Look, hip: float, shoulder: float) -> Drawing:
    top, low = look.girth * 0.62, look.girth
    hem = hip + (look.leg * 0.62 if look.skirt else 5)
    spread = 1.35 if look.skirt else 1.04
    side: Pairs = [(top, shoulder + 3), (low * 0.9, hip - 6), (low * spread, hem)]
    left = [(-x, y) for x, y in reversed(side)]
    return (Piece("coat", curve([(-4, shoulder - 2), (6, shoulder - 2), *side, (0, hem + 2.5), *left]), look.coat),)


def _leg(which: str, x: float, hip: float, look: Look, degrees: float) -> Drawing:
    length = look.leg - 4
    bend = 0.35 * abs(degrees) * (1 if degrees < 0 else 0.3)
    knee = swing(x, hip, length / 2, degrees)
    ankle = swing(*knee, length / 2, degrees - bend)
    ankle = (ankle[0], min(ankle[1], -4.0))
    foot = curve([(-5, -5), (2, -5.5), (9, -2), (10, 2.5), (-5.5, 2.5)])
    shoe = placed((Piece(f"{which} shoe", foot, look.shoes),), *ankle, turn=min(0.0, -degrees * 0.5))
    return (Piece(f"{which} leg", tube([(x, hip), knee, ankle], 9.5, 7.5), look.trousers), *shoe)


def _arm(which: str, x: float, y: float, look: Look, degrees: float) -> Drawing:
    length = look.body * 0.48
    elbow = swing(x, y, length, degrees)
    wrist = swing(*elbow, length, degrees + 14)
    return _sleeve(which, [(x, y), elbow, wrist], look)


def _raised_arm(x: float, y: float, look: Look, wave: float) -> Drawing:
    length = look.body * 0.62
    elbow = swing(x, y, length, 84)
    wrist = swing(*elbow, length, 156 + 20 * float(np.sin(2 * np.pi * wave)))
    return _sleeve("near", [(x, y), elbow, wrist], look)


def _sleeve(which: str, bones: Pairs, look: Look) -> Drawing:
    (ax, ay), (bx, by) = bones[-2:]
    reach = float(np.hypot(bx - ax, by - ay))
    hand = oval(bx + 3 * (bx - ax) / reach, by + 3 * (by - ay) / reach, 4.2, 4.6)
    return (Piece(f"{which} hand", hand, "skin"), Piece(f"{which} sleeve", tube(bones, 9, 8), look.coat))


def _face(pose: Pose) -> Drawing:
    head = curve([(0, -16), (11, -12), (15, -2), (13, 8), (5, 15), (-6, 14), (-13, 6), (-14, -5), (-9, -13)])
    pieces = [Piece("head", head, "skin"), Piece("blush", oval(5, 5, 3.6, 2.6), "blush", 0)]
    for side, x in (("far", 11.0), ("near", 4.0)):
        if pose.blink:
            pieces.append(Piece("lid", curve([(x - 3, -2), (x, -0.5), (x + 3, -2)], closed=False), "", 1.2))
        else:
            pieces.append(Piece(f"{side} eye", oval(x, -3, 2.9, 4.0), "eye white", 1.0))
            pieces.append(Piece("pupil", oval(x + 1, -2.4, 1.3, 1.8), "ink", 0))
    pieces.append(Piece("nose", oval(16, 2.2, 4.2, 3.4), "skin", 1.2))
    if pose.talk:
        pieces.append(Piece("mouth", oval(9, 9.6, 4, 2.8), "mouth", 1.0))
    else:
        pieces.append(Piece("smile", curve([(4.5, 8.5), (9, 10.5), (13, 8)], closed=False), "", 1.2))
    return tuple(pieces)


def _pip() -> tuple[Drawing, Drawing]:
    hair = curve([(-15, -10), (-3, -12), (13, -11), (6, -7), (1, -9), (-6, -4), (-9, 3), (-13, 6), (-17, 0)])
    cap = curve([(-17, -9), (-2, -13), (16, -10), (12, -22), (2, -33), (-12, -38), (-24, -32), (-13, -29), (-15, -18)])
    band = tube([(-17, -9), (0, -12), (16, -10)], 5.5)
    bobble = oval(-25, -30, 4.6)
    return (), (
        Piece("hair", hair, "straw hair"),
        Piece("cap", cap, "cap red"),
        Piece("cap band", band, "apron cream"),
        Piece("bobble", bobble, "apron cream"),
    )


def _mila() -> tuple[Drawing, Drawing]:
    braid = tube([(-12, 0), (-19, 9), (-18, 22)], 9, 6)
    bow = curve([(-22, 20), (-18, 22), (-14, 19), (-14, 26), (-18, 23), (-23, 27)])
    fringe = curve([(-15, -9), (0, -14), (15, -10), (12, -6), (4, -8), (-4, -6), (-10, 0), (-14, 4), (-17, -2)])
    brim = oval(0, -11, 25, 5.2, turn=-4)
    crown = curve([(-13, -12), (-11, -22), (-3, -27), (7, -26), (13, -20), (14, -13)])
    ribbon = tube([(-12, -13.5), (1, -15.5), (13.5, -14.5)], 4)
    back = (Piece("braid", braid, "auburn hair"), Piece("bow", bow, "petal"))
    return back, (
        Piece("fringe", fringe, "auburn hair"),
        Piece("brim", brim, "straw"),
        Piece("crown", crown, "straw"),
        Piece("hat ribbon", ribbon, "petal"),
    )


def _kolb() -> tuple[Drawing, Drawing]:
    beard = curve([(-13, -4), (-8, 5), (0, 6), (6, 11), (14, 7), (15, 14), (9, 23), (0, 25), (-9, 19), (-15, 7)])
    mustache = curve([(2, 8), (9, 5), (17, 7), (19, 11), (12, 10), (8, 12), (1, 12)])
    hat = curve([(-14, -12), (-14, -22), (-7, -29), (4, -30), (12, -24), (14, -12)])
    brim = oval(1, -12, 21, 4.0)
    feather = curve([(-6, -18), (-14, -28), (-16, -40), (-9, -34), (-3, -22)])
    return (), (
        Piece("beard", beard, "brown hair"),
        Piece("mustache", mustache, "brown hair", 1.2),
        Piece("feather", feather, "eye white", 1.2),
        Piece("hat", hat, "hunter green"),
        Piece("hat brim", brim, "hunter green"),
    )


def _olga() -> tuple[Drawing, Drawing]:
    hair = curve([(-6, -11), (6, -13), (14, -9), (13, -5), (6, -8), (-3, -6)])
    scarf = curve(
        [(-2, -19), (9, -16), (14, -10), (4, -11), (-5, -7), (-8, 4), (-5, 15), (-13, 13), (-18, 0), (-13, -14)]
    )
    knot = curve([(-6, 14), (-1, 18), (-3, 25), (-8, 20), (-13, 23), (-12, 16)])
    glass = [Piece("glasses", np.concatenate([oval(x, -3, 4.6), oval(x, -3, 4.6)[:1]]), "", 1.0) for x in (3.6, 12.4)]
    return (), (
        Piece("hair", hair, "gray hair"),
        Piece("scarf", scarf, "mustard"),
        Piece("scarf knot", knot, "mustard"),
        *glass,
    )


def _belt(hip: float, shoulder: float) -> Drawing:
    buckle = box(2, hip - 7, 8, hip - 1)
    return (
        Piece("belt", tube([(-13, hip - 5), (0, hip - 3.5), (13, hip - 5)], 5), "belt", 1.2),
        Piece("buckle", buckle, "brass", 1.0),
    )


def _apron(hip: float, shoulder: float) -> Drawing:
    bib = polygon([(-4, shoulder + 10), (9, shoulder + 10), (10, hip - 9), (-5, hip - 9)])
    cloth = curve([(-8, hip - 9), (3, hip - 10), (13, hip - 9), (16, hip + 12), (4, hip + 16), (-10, hip + 12)])
    return (Piece("bib", bib, "apron cream"), Piece("apron", cloth, "apron cream"))


def _collar(hip: float, shoulder: float) -> Drawing:
    return (
        Piece(
            "collar",
            curve([(-7, shoulder), (10, shoulder), (7, shoulder + 8), (1, shoulder + 5), (-5, shoulder + 8)]),
            "eye white",
            1.2,
        ),
    )


_PIP: Final = Look(26, 30, 12, "mustard", "trouser blue", "boot brown", skirt=False, head=_pip, front=_collar)
_MILA: Final = Look(27, 28, 12, "teal", "stocking", "cap red", skirt=True, head=_mila, front=_collar)
_KOLB: Final = Look(38, 40, 16, "hunter green", "breeches", "boot brown", skirt=False, head=_kolb, front=_belt)
_OLGA: Final = Look(30, 34, 16, "plum", "stocking", "belt", skirt=True, head=_olga, front=_apron)

PEOPLE: Final[dict[str, Look]] = {"pip": _PIP, "mila": _MILA, "kolb": _KOLB, "olga": _OLGA}
"""Everyone, by name."""
