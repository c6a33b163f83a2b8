"""What tests of the rendered world share: whether there is a renderer, and where to look from."""
from functools import cache

import numpy as np
import pytest

from ros2_occpose.errors import ConfigError
from ros2_occpose.synth.gl import renderer_name


@cache
def why_not() -> str:
    """Why nothing can be rendered here; empty where it can."""
    try:
        renderer_name()
    except ConfigError as error:
        return str(error)
    return ''


needs_renderer = pytest.mark.skipif(bool(why_not()), reason=why_not() or 'there is a renderer')


def looking(eye, target):
    """world_from_camera (4, 4) of an upright camera at `eye` that looks at `target`."""
    z = np.subtract(target, eye).astype(float)
    z /= np.linalg.norm(z)
    x = np.cross(z, (0, 0, 1.0))
    x /= np.linalg.norm(x)
    out = np.eye(4)
    out[:3, :3] = np.stack([x, np.cross(z, x), z], 1)
    out[:3, 3] = eye
    return out
