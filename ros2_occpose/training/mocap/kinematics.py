"""The kinematics of bodies, by the name under which motion capture has always used them."""
from ...body.kinematics import BODY, body_points, forward

__all__ = ['BODY', 'body_points', 'forward']
