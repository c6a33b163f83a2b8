"""The kinematic table as URDF, for robot_state_publisher and viewers."""
from __future__ import annotations

from xml.etree import ElementTree

from .kinematics import CHAIN, UNITS_TALL

_EFFORT, _SPEED = '1000', '10'       # URDF asks for them; nobody uses them here
_RADIUS_M = 0.03


def urdf(body_id: str, height: float) -> str:
    """The model of a body: links and joints end in `_<body_id>`, limbs are thin cylinders.

    Args:
        body_id: As in `/humans/bodies/<body_id>`.
        height: Of the person [m]; proportions are those of the model.
    """
    unit = height / UNITS_TALL
    robot = ElementTree.Element('robot', name=f'human_{body_id}')
    links = dict.fromkeys(['body', *(joint.child for joint in CHAIN)])
    made = {link: ElementTree.SubElement(robot, 'link', name=f'{link}_{body_id}')
            for link in links}
    for joint in CHAIN:
        hinge = any(joint.axis)
        element = ElementTree.SubElement(robot, 'joint', name=f'{joint.name}_{body_id}',
                                         type='revolute' if hinge else 'fixed')
        ElementTree.SubElement(element, 'parent', link=f'{joint.parent}_{body_id}')
        ElementTree.SubElement(element, 'child', link=f'{joint.child}_{body_id}')
        at = [unit * number for number in joint.origin]
        ElementTree.SubElement(element, 'origin', xyz=_xyz(at), rpy='0 0 0')
        if hinge:
            low, high = joint.limits
            ElementTree.SubElement(element, 'axis', xyz=_xyz(joint.axis))
            ElementTree.SubElement(element, 'limit', lower=f'{low:g}', upper=f'{high:g}',
                                   effort=_EFFORT, velocity=_SPEED)
        if at[2]:
            _bar(made[joint.parent], at[2])
    return ElementTree.tostring(robot, encoding='unicode')


def _bar(link: ElementTree.Element, length: float) -> None:
    """A cylinder from the origin of a link along its z."""
    visual = ElementTree.SubElement(link, 'visual')
    ElementTree.SubElement(visual, 'origin', xyz=_xyz((0, 0, length / 2)), rpy='0 0 0')
    geometry = ElementTree.SubElement(visual, 'geometry')
    ElementTree.SubElement(geometry, 'cylinder', length=f'{abs(length):.4f}',
                           radius=f'{_RADIUS_M:g}')


def _xyz(numbers: tuple[float, ...] | list[float]) -> str:
    return ' '.join(f'{number:.6g}' for number in numbers)
