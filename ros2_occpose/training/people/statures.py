"""Bodies of other people: stature and the lengths of bones as they are spread among humans.

Statures: adults of the world's richer half, 1.755 m (std 0.070) for men and 1.625 m (0.064) for
women, as in NCD-RisC 2016 and the US Army's ANSUR II survey; and some who are still growing.
Lengths between joint centres as shares of the stature: de Leva 1996 (after Zatsiorsky), breadths
of shoulders and hips from ANSUR II less the flesh outside the joints. What remains between people
of one stature (`_STD`) is of the size that ANSUR II shows: legs against trunk 2 %, limbs 3 %,
breadths 5 to 6 %. Growing children have shorter legs and larger heads (Snyder 1977). The size of
the head is that of `kinematics.body_points`.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ...body.kinematics import BODY, body_points
from ...skeleton import SMPL24
from ...types import Floats
from .crowd import SIDES

_STATURE_M = {'women': (1.625, 0.064), 'men': (1.755, 0.070)}
_GROWING = 0.1                     # share of children and youths
_GROWING_M = (1.15, 1.60)
_JOINTS = len(SMPL24.joints)
_HEAD_M = float(body_points(np.zeros((_JOINTS, 3)), np.tile(np.eye(3), (_JOINTS, 1, 1)))[
    BODY.index('head'), 1])        # from the joint of the head to its top
_ANKLE = 0.045                     # height of the ankle above the sole, share of the stature
# Mean share of the stature of women and men, standard deviation of what remains (relative)
_STD = {'leg': 0.02, 'thigh': 0.015, 'trunk': 0.02, 'shoulders': 0.05, 'hips': 0.06, 'arm': 0.025,
        'upper_arm': 0.02, 'foot': 0.04}
_SHARE = {'leg': (0.527, 0.531), 'shoulders': (0.197, 0.206), 'hips': (0.103, 0.097),
          'arm': (0.312, 0.317)}
_TRUNK = 0.622                     # of what is above the hips: up to the shoulders
_THIGH, _UPPER_ARM, _FOOT = 0.494, 0.512, 0.079   # shares of leg and arm; ankle to toes of stature


@dataclass(frozen=True)
class People:
    """Measures of B people [m]."""

    stature: Floats     # (B,)
    ankle: Floats       # (B,) height above the floor
    thigh: Floats       # (B,)
    shin: Floats        # (B,)
    trunk: Floats       # (B,) from the line of the hips up to that of the shoulders
    shoulders: Floats   # (B,) between the joints
    hips: Floats        # (B,) between the joints
    upper_arm: Floats   # (B,)
    forearm: Floats     # (B,)
    foot: Floats        # (B,) from the ankle to the toes


def draw_people(rng: Generator, batch: int) -> People:
    """Women, men and children as one meets them."""
    man = (rng.random(batch) < 0.5).astype(int)
    mean, std = np.array([_STATURE_M['women'], _STATURE_M['men']]).T
    stature = mean[man] + std[man] * np.clip(rng.normal(size=batch), -2.8, 2.8)
    growing = rng.random(batch) < _GROWING
    stature = np.where(growing, rng.uniform(*_GROWING_M, batch), stature)
    young = np.where(growing, (1.65 - stature) / 0.6, 0.0)                 # 1: about six years

    def varied(name: str, mean: Floats) -> Floats:
        return np.asarray(mean * np.exp(_STD[name] * np.clip(rng.normal(size=batch), -2.5, 2.5)))

    share = {name: np.array(shares)[man] for name, shares in _SHARE.items()}
    ankle = _ANKLE * stature
    hip_height = varied('leg', share['leg'] * (1 - 0.075 * young)) * stature
    leg = hip_height - ankle
    thigh = varied('thigh', _THIGH * leg)
    arm = varied('arm', share['arm'] * (1 - 0.03 * young)) * stature
    upper_arm = varied('upper_arm', _UPPER_ARM * arm)
    return People(
        stature=stature, ankle=ankle, thigh=thigh, shin=leg - thigh,
        trunk=varied('trunk', (_TRUNK - 0.045 * young) * (stature - hip_height)),
        shoulders=varied('shoulders', share['shoulders'] * stature),
        hips=varied('hips', share['hips'] * stature),
        upper_arm=upper_arm, forearm=arm - upper_arm, foot=varied('foot', _FOOT * stature))


def fitted(offsets: Floats, people: People) -> Floats:
    """Offsets (3, 24, B) [m] of the people's size, each in the direction that it had."""
    out = np.array(offsets, np.float32)
    at = {joint: index for index, joint in enumerate(SMPL24.joints)}

    def lengthen(joint: str, wanted: Floats) -> None:
        bone = out[:, at[joint]]
        out[:, at[joint]] = bone * (wanted / np.sqrt((bone ** 2).sum(0)))

    def broaden(joints: tuple[str, ...], wanted: Floats) -> None:
        left, right = (sum(out[0, at[f'{side}_{joint}']] for joint in joints) for side in SIDES)
        for side in SIDES:
            for joint in joints:
                out[0, at[f'{side}_{joint}']] *= wanted / (left - right)

    for side in SIDES:
        for joint, wanted in (('knee', people.thigh), ('ankle', people.shin),
                              ('elbow', people.upper_arm), ('wrist', people.forearm),
                              ('foot', people.foot)):
            lengthen(f'{side}_{joint}', wanted)
        out[:, at[f'{side}_hand']] *= people.stature / 1.75
    broaden(('hip',), people.hips)
    broaden(('collar', 'shoulder'), people.shoulders)
    spine = [at[joint] for joint in ('spine1', 'spine2', 'spine3')]
    hips, shoulders = (np.mean([sum(out[1, at[f'{side}_{joint}']] for joint in joints)
                                for side in SIDES], 0)
                       for joints in (('hip',), ('collar', 'shoulder')))
    parts = [*spine, *(at[f'{side}_{joint}'] for side in SIDES
                       for joint in ('hip', 'collar', 'shoulder'))]
    factor = people.trunk / (out[1, spine].sum(0) + shoulders - hips)
    out[1, parts] *= factor
    above = people.stature - people.ankle - people.thigh - people.shin - people.trunk
    neck = [at['neck'], at['head']]
    wanted = shoulders * factor + above - _HEAD_M                          # above spine3
    out[:, neck] *= np.clip(wanted / out[1, neck].sum(0), 0.4, 1.6)
    return out
