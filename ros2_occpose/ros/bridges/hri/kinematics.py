"""The joints of the human_description URDF, and their angles from a 3D skeleton.

The table is the kinematic model that REP-155 names. Limbs hang along -z where all angles are 0;
x points forward, y to the left, z up. Each ball joint is a chain of three hinges, so that its
rotation is written in the Euler angles of the table's axes.

Angles are true, not clamped: the limits of the model exclude sitting (hip 0.7 rad), people do not.
Of the two triples of Euler angles that make a rotation, the one with less outside the limits
counts; of a body that was seen before, the one nearer to its last angles, unless that is much
farther outside.
"""
from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ....geometry import Floats, matrix_from_quat_wxyz
from ....skeleton import H36M17
from ....types import Bools, Ints

_STRAIGHT = np.sin(np.radians(1.0))     # a limb that bends less shows no twist
_LOYALTY = 2.5                          # outside the limits, to keep angles continuous [rad]
_SHORT_M = 0.03                         # a line that is shorter tells no direction
_X, _Z = np.eye(3)[[0, 2]]


@dataclass(frozen=True)
class Joint:
    """A hinge between two links, or a fixed joint."""

    name: str
    parent: str                               # link
    axis: tuple[int, int, int]                # (0, 0, 0): fixed
    limits: tuple[float, float]               # [rad]
    origin: tuple[float, float, float]        # in the parent link, in units of the body

    @property
    def child(self) -> str:
        """The link that it moves: named like the joint, but `l_shoulder` for `l_r_shoulder`."""
        side, _, rest = self.name.partition('_r_')
        return f'{side}_{rest}' if rest else self.name

    @property
    def sign(self) -> int:
        """Direction of the axis along x, y or z."""
        return sum(self.axis)


_FIXED, _AT = (0, 0, 0), (0.0, 0.0, 0.0)


def _sides() -> tuple[Joint, ...]:
    rows: list[Joint] = []
    for side, s in (('l', 1), ('r', -1)):
        shoulder, hip = f'{side}_{{}}_shoulder'.format, f'{side}_{{}}_hip'.format
        elbow, knee = f'{side}_elbow', f'{side}_knee'
        rows += [
            Joint(shoulder('y'), 'torso', (0, 0, -s), (-1.1, 1.9), (0, 0.8 * s, 0)),
            Joint(shoulder('p'), shoulder('y'), (s, 0, 0), (-0.4, 3.3), _AT),
            Joint(shoulder('r'), shoulder('p'), (0, 0, s), (-1.7, 1.5), _AT),
            Joint(elbow, f'{side}_shoulder', (0, -1, 0), (0.0, 2.5), (0, 0, -1.6)),
            Joint(f'{side}_wrist', elbow, _FIXED, (0, 0), (0, 0, -1.0)),
            Joint(hip('y'), 'body', (0, 0, -1), (-0.1, 0.6), (0, 0.6 * s, 0)),
            Joint(hip('p'), hip('y'), (s, 0, 0), (-0.4, 3.3), _AT),
            Joint(hip('r'), hip('p'), (0, -1, 0), (-0.4, 0.7), _AT),
            Joint(knee, f'{side}_hip', (0, -1, 0), (-2.5, 0.0), (0, 0, -1.5)),
            Joint(f'{side}_ankle', knee, _FIXED, (0, 0), (0, 0, -2.0))]
    return tuple(rows)


CHAIN = (
    Joint('waist', 'body', (0, 1, 0), (-0.2, 1.0), _AT),
    Joint('torso', 'waist', _FIXED, (0, 0), (0, 0, 2.75)),
    Joint('r_head', 'torso', (1, 0, 0), (-1.0, 1.0), (0, 0, 0.25)),
    Joint('y_head', 'r_head', (0, 0, 1), (-1.4, 1.4), _AT),
    Joint('p_head', 'y_head', (0, -1, 0), (-1.5, 1.5), _AT),
    Joint('head', 'p_head', _FIXED, (0, 0), (0.25, 0, 0.5)),
    *_sides())

UNITS_TALL = 7.5                        # origins are in heights of the person / 7.5
_BY_NAME = {joint.name: joint for joint in CHAIN}
# The order of the messages of hri_fullbody.
NAMES = ('waist', 'r_head', 'y_head', 'p_head', *(
    f'{side}_{joint}' for limb in (('y_shoulder', 'p_shoulder', 'r_shoulder', 'elbow'),
                                   ('y_hip', 'p_hip', 'r_hip', 'knee'))
    for side in 'lr' for joint in limb))
_HINGES = [_BY_NAME[name] for name in NAMES]
_SIGN = np.array([joint.sign for joint in _HINGES])                     # (20,)
_LOW, _HIGH = np.array([joint.limits for joint in _HINGES]).T           # (20,) each [rad]
_HEAD = np.array([[NAMES.index(f'{axis}_head') for axis in 'ryp']])     # (1, 3) places in NAMES


def _limbs(ball: str, hinge: str, *parts: str) -> tuple[Ints, Ints]:
    """Places in NAMES of the four angles of both limbs (2, 4), and their joints (2, 3)."""
    places = [[NAMES.index(f'{s}_{axis}_{ball}') for axis in 'ypr'] + [NAMES.index(f'{s}_{hinge}')]
              for s in 'lr']
    return np.array(places), np.array([H36M17.indices(*(f'{side}_{part}' for part in parts))
                                       for side in ('left', 'right')])


_ARMS = _limbs('shoulder', 'elbow', 'shoulder', 'elbow', 'wrist')
_LEGS = _limbs('hip', 'knee', 'hip', 'knee', 'ankle')
_TRUNK = _BY_NAME['torso'].origin[2]                                   # from hips to neck, units
_LEG = -sum(_BY_NAME[name].origin[2] for name in ('l_knee', 'l_ankle'))
_NECK = _BY_NAME['r_head'].origin[2] / _TRUNK


# --- skeleton -> angles -----------------------------------------------------------------------

def torso_rotations(joints: Floats, quat_wxyz: Floats) -> Floats:
    """Rotations (N, 3, 3) of chests: z from the hips to the neck, x as `quat_wxyz` says.

    Where hips and shoulders show too little, the quaternion is an older one; the trunk is not.
    """
    body = matrix_from_quat_wxyz(quat_wxyz)
    hip, thorax = H36M17.indices('hip', 'thorax')
    trunk = joints[:, thorax] - joints[:, hip]
    long = np.linalg.norm(trunk, axis=-1, keepdims=True) > _SHORT_M
    z = _unit(np.where(long, trunk, body[:, :, 2]), body[:, :, 2])
    return _frames(z, body[:, :, 0], body[:, :, 2], 1e-3)


def body_rotations(joints: Floats, torso: Floats) -> tuple[Floats, Floats]:
    """Rotations (N, 3, 3) of the frames `body`, and angles (N,) of the waist [rad].

    The chest gives `torso`. The pelvis is turned from it about the left axis until its z points
    along the lower spine, as far as the waist of the model allows.

    Args:
        joints: h36m17, (N, 17, 3) [m].
        torso: Rotations in the same frame, (N, 3, 3): x out of the chest, z from hips to neck.
    """
    hip, spine = H36M17.indices('hip', 'spine')
    lower = np.einsum('nji,nj->ni', torso, joints[:, spine] - joints[:, hip])     # in torso axes
    angle = np.where(np.linalg.norm(lower, axis=-1) > _SHORT_M,
                     -np.arctan2(lower[:, 0], np.maximum(lower[:, 2], 1e-9)), 0.0)
    waist = np.clip(angle, *_BY_NAME['waist'].limits)
    return torso @ Rotation.from_rotvec(-waist[:, None] * [0, 1, 0]).as_matrix(), waist


def heights(joints: Floats) -> Floats:
    """How tall the model has to be to have the trunk and legs of these people, (N,) [m]."""
    legs = [H36M17.indices(f'{side}_hip', f'{side}_knee', f'{side}_ankle')
            for side in ('left', 'right')]
    lengths = np.linalg.norm(np.diff(joints[:, legs], axis=2), axis=-1).sum(-1).mean(-1)
    hip, thorax = H36M17.indices('hip', 'thorax')
    lengths += np.linalg.norm(joints[:, thorax] - joints[:, hip], axis=-1)
    return lengths * UNITS_TALL / (_TRUNK + _LEG)


def head_rotations(joints: Floats, torso: Floats) -> Floats:
    """Rotations (N, 3, 3) of heads: z from the neck to the top, x towards the nose."""
    hip, thorax, nose, top = H36M17.indices('hip', 'thorax', 'nose', 'head')
    trunk = np.linalg.norm(joints[:, thorax] - joints[:, hip], axis=-1, keepdims=True)
    neck = joints[:, thorax] + _NECK * trunk * torso[:, :, 2]
    z = _unit(joints[:, top] - neck, torso[:, :, 2])
    return _frames(z, joints[:, nose] - neck, torso[:, :, 0], _SHORT_M)


def joint_angles(joints: Floats, torso: Floats, last: Floats | None = None) -> Floats:
    """Angles of all hinges in the order of NAMES, (N, 20) [rad].

    Args:
        joints: h36m17, (N, 17, 3) [m].
        torso: Rotations in the same frame, (N, 3, 3): x out of the chest, z from hips to neck.
        last: The last angles of the same people, (N, 20); NaN for new ones.
    """
    if last is None:
        last = np.full((len(joints), len(NAMES)), np.nan)
    body, waist = body_rotations(joints, torso)
    angles = np.zeros_like(last)
    angles[:, NAMES.index('waist')] = waist
    head = np.swapaxes(torso, 1, 2) @ head_rotations(joints, torso)
    angles[:, _HEAD] = _euler(head[:, None], 'XZY', _HEAD, last)
    for (places, ends), within, order, forward in (
            (_ARMS, torso, 'ZXZ', 1), (_LEGS, body, 'ZXY', -1)):
        segments = np.diff(joints[:, ends], axis=2)                       # (N, 2, 2, 3)
        segments = np.einsum('nji,nskj->nski', within, segments)
        frames, bend = _limb(segments[:, :, 0], segments[:, :, 1], forward)
        angles[:, places[:, :3]] = _euler(frames, order, places[:, :3], last)
        angles[:, places[:, 3]] = forward * bend
    return angles


def _limb(upper: Floats, lower: Floats, forward: int) -> tuple[Floats, Floats]:
    """Rotations (..., 3, 3) of upper limbs, and how much the hinge below bends, (...) [rad].

    The limb hangs along -z, and its hinge bends it towards x (forward 1) or against it (-1).
    """
    down = _unit(upper, -_Z)
    straight = _unit(lower, down)
    along = (straight * down).sum(-1, keepdims=True)
    aside = straight - along * down
    sine = np.linalg.norm(aside, axis=-1)
    bend = np.arctan2(sine, along[..., 0])
    # A straight limb is taken not to be twisted: its hinge would bend it straight ahead.
    return _frames(-down, forward * aside, _X, _STRAIGHT), np.where(sine > _STRAIGHT, bend, 0.0)


def _frames(z: Floats, x: Floats, otherwise: Floats, least: float) -> Floats:
    """Rotations (..., 3, 3) with this z, and x as near as possible; `otherwise` if x is short."""
    def level(v: Floats) -> Floats:
        return v - (v * z).sum(-1, keepdims=True) * z

    x, second = level(x), level(np.broadcast_to(otherwise, z.shape))
    third = level(np.eye(3)[np.abs(z).argmin(-1)])          # the axis farthest from z
    second = np.where(_short(second, 0.1), third, second)
    x = np.where(_short(x, least), second, x)
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], -1)


def _short(v: Floats, least: float) -> Bools:
    return np.asarray(np.linalg.norm(v, axis=-1, keepdims=True) <= least)


def _unit(v: Floats, otherwise: Floats) -> Floats:
    """Directions (..., 3); `otherwise` where there is none."""
    length = np.linalg.norm(v, axis=-1, keepdims=True)
    return np.where(length > 1e-6, v / np.maximum(length, 1e-6), otherwise)


def _euler(rotation: Floats, order: str, places: Ints, last: Floats) -> Floats:
    """Angles (N, S, 3) of S chains of three hinges with axes along x, y, z in this order.

    Args:
        rotation: What each chain has to make, (N, S, 3, 3).
        order: Axes from the parent outwards, e.g. 'ZXZ'.
        places: Of the hinges in NAMES, (S, 3).
        last: Angles in the order of NAMES, (N, 20); NaN where not known.
    """
    with warnings.catch_warnings():      # a locked triple still makes the rotation
        warnings.simplefilter('ignore', UserWarning)
        first = Rotation.from_matrix(rotation.reshape(-1, 3, 3)).as_euler(order)
    first = first.reshape(rotation.shape[:-1])
    a, b, c = np.moveaxis(first, -1, 0)
    twin = np.stack([a + np.pi, -b if order[0] == order[2] else np.pi - b, c + np.pi], -1)
    both = _wrap(_SIGN[places] * np.stack([first, twin]))                       # (2, N, S, 3)
    outside = np.maximum(_LOW[places] - both, 0) + np.maximum(both - _HIGH[places], 0)
    away = np.abs(_wrap(both - last[:, places])).sum(-1)                        # (2, N, S)
    cost = (outside + 1e-3 * np.abs(both)).sum(-1) + _LOYALTY * (away > away.min(0))
    return np.where((cost[0] <= cost[1])[..., None], both[0], both[1])


def _wrap(angle: Floats) -> Floats:
    return (angle + np.pi) % (2 * np.pi) - np.pi
