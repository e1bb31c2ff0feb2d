"""The animals of the show: Bruno the dog, Mitzi the cat, and a blue bird; facing right, standing on (0, 0)."""

from __future__ import annotations

import numpy as np

from cartoon_color.toyshow.people import Pose
from cartoon_color.toyshow.shapes import Drawing, Piece, curve, moved, oval, placed, swing, tube


def _legs(pose: Pose, paint: str, at: tuple[float, float], top: float, width: float) -> tuple[Drawing, Drawing]:
    """Far and near legs under the hind and the front of a body."""
    pairs = []
    for which, sign in (("far", -1.0), ("near", 1.0)):
        legs = []
        for end, x, phase in (("hind", at[0], 1.0), ("front", at[1], -1.0)):
            foot = swing(x + 2 * sign, top, -top - 2, 24 * pose.stride * sign * phase)
            paw = oval(foot[0] + 1.5, min(foot[1], -2.5), width * 0.72, width * 0.45)
            limb = tube([(x + 2 * sign, top), foot], width, width * 0.8)
            legs += [Piece(f"{which} {end} leg", limb, paint), Piece(f"{which} {end} paw", paw, paint)]
        pairs.append(tuple(legs))
    return pairs[0], pairs[1]


def _eyes(pose: Pose, xs: tuple[float, float], y: float, size: float) -> Drawing:
    pieces: list[Piece] = []
    for which, x in zip(("far", "near"), xs, strict=True):
        if pose.blink:
            pieces.append(Piece("lid", curve([(x - size, y), (x, y + 1.2), (x + size, y)], closed=False), "", 1.2))
        else:
            pieces.append(Piece(f"{which} eye", oval(x, y, size, size * 1.3), "eye white", 1.0))
            pieces.append(Piece("pupil", oval(x + 0.8, y + 0.4, size * 0.5, size * 0.7), "ink", 0))
    return tuple(pieces)


def bruno(pose: Pose) -> Drawing:
    """A tan dog with brown ears, a patch and a red collar."""
    wag = 0.0 if pose.wave is None else float(np.sin(2 * np.pi * pose.wave))
    lift = -pose.bob
    far, near = _legs(pose, "dog tan", (-16, 13), -18, 8)
    tail = tube([(-22, -27 + lift), (-30, -32), (-33 + 7 * wag, -42)], 7, 5)
    body = moved(
        curve([(-23, -30), (-6, -33), (14, -34), (22, -26), (18, -15), (0, -13), (-18, -14), (-25, -21)]), 0, lift
    )
    patch = moved(curve([(-14, -31), (-2, -32), (2, -24), (-6, -20), (-15, -23)]), 0, lift)
    collar = tube([(12, -36 + lift), (19, -31 + lift), (25, -32 + lift)], 5)
    head = curve([(-9, -9), (2, -13), (10, -9), (13, -3), (22, -1), (24, 5), (16, 10), (2, 10), (-8, 6), (-12, -1)])
    ear = curve([(-7, -10), (-1, -8), (-2, 4), (-6, 13), (-12, 11), (-13, 0)])
    face = [Piece("head", head, "dog tan")]
    if pose.talk:
        face.append(Piece("tongue", curve([(12, 8), (18, 7), (19, 15), (15, 18), (12, 14)]), "tongue", 1.0))
    face += [
        Piece("muzzle line", curve([(8, 6), (14, 7), (21, 5)], closed=False), "", 1.2),
        Piece("nose", oval(23, -1, 3.4, 2.8), "ink", 0),
        *_eyes(pose, (10, 3.5), -4, 2.5),
        Piece("ear", ear, "dog brown"),
    ]
    return (
        *far,
        Piece("tail", tail, "dog tan"),
        *near,
        Piece("body", body, "dog tan"),
        Piece("patch", patch, "dog brown", 1.2),
        *placed(face, 22, -44 + lift, turn=3 * wag),
        Piece("collar", collar, "cap red", 1.2),
    )


def mitzi(pose: Pose) -> Drawing:
    """An orange cat with a cream belly and a long tail."""
    wag = 0.0 if pose.wave is None else float(np.sin(2 * np.pi * pose.wave))
    lift = -pose.bob * 0.6
    far, near = _legs(pose, "cat orange", (-11, 9), -13, 5.5)
    tail = tube([(-16, -20 + lift), (-25, -24), (-27, -36), (-22 + 6 * wag, -46)], 5, 4.5)
    tip = tube([(-24.5 + 3 * wag, -41), (-22 + 6 * wag, -46)], 4.8, 4.2)
    body = moved(
        curve([(-17, -20), (-4, -24), (9, -24), (15, -18), (12, -10), (0, -9), (-13, -9), (-19, -14)]), 0, lift
    )
    belly = moved(curve([(-9, -12), (2, -13), (9, -12), (6, -9.6), (-6, -9.4)]), 0, lift)
    stripes = [
        Piece("stripe", moved(curve([(x, -23), (x + 1.5, -19), (x, -16)], closed=False), 0, lift), "", 1.6)
        for x in (-11, -6, -1)
    ]
    head = curve([(-10, -3), (-8, -9), (0, -10), (8, -9), (11, -2), (8, 6), (0, 9), (-7, 6)])
    ears = [
        Piece(f"{side} ear", curve([(x - 4, -7), (x + lean, -18), (x + 4, -7)]), "cat orange")
        for side, x, lean in (("far", 6.0, 3.0), ("near", -5.0, -2.0))
    ]
    whiskers = [
        Piece("whisker", curve([(7, 3 + dy), (12, 2.5 + 1.6 * dy), (17, 2 + 2.4 * dy)], closed=False), "", 0.7)
        for dy in (-0.6, 0.8)
    ]
    face = (
        *ears,
        Piece("head", head, "cat orange"),
        Piece("muzzle", oval(4.5, 4, 5, 3.6), "cat cream", 0.8),
        Piece("nose", oval(6, 1.8, 1.5, 1.1), "tongue", 0.6),
        *_eyes(pose, (7, 0.5), -2.4, 2.1),
        *whiskers,
    )
    return (
        *far,
        Piece("tail", tail, "cat orange"),
        Piece("tail tip", tip, "cat cream", 1.0),
        *near,
        Piece("body", body, "cat orange"),
        Piece("belly", belly, "cat cream", 0),
        *stripes,
        *placed(face, 15, -28 + lift),
    )


def bird(pose: Pose) -> Drawing:
    """A small blue bird; it flaps as it walks."""
    flap = 0.3 if pose.walk is None else float(np.sin(2 * np.pi * pose.walk))
    wing = curve([(-5, -1), (4, -1), (0, -12 * flap - 3), (-8, -17 * flap)])
    return (
        Piece("tail", curve([(-9, -1), (-19, -5), (-18, 1), (-9, 3)]), "bird blue", 1.2),
        Piece("body", curve([(-11, 0), (-2, -6), (8, -7), (12, -2), (8, 4), (-3, 6)]), "bird blue", 1.2),
        Piece("belly", curve([(-5, 3), (3, 1), (9, 1), (7, 4), (-2, 5.6)]), "apron cream", 0),
        Piece("beak", curve([(11, -4), (18, -1), (11, 0)]), "beak", 1.0),
        *_eyes(pose, (8.5, 5.5), -3, 1.4)[-2:],
        Piece("wing", wing, "bird blue", 1.2),
    )
