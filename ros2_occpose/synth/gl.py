"""OpenGL without a screen, through moderngl: a graphics card where there is one, else Mesa."""
from __future__ import annotations

from typing import Any

from ..errors import ConfigError

_MISSING = ('Rendering needs moderngl: pip install "ros2_occpose[synth]" '
            '(or: pip install "moderngl>=5.10").')
_NO_DRIVER = ('Rendering needs OpenGL 3.3 through EGL, which works without a screen and without '
              'a graphics card: apt install libegl1 libgl1 libgl1-mesa-dri. It said: ')


def open_context() -> Any:
    """A context of its own.

    Raises:
        ConfigError: moderngl or the driver is missing; says what to install.
    """
    try:
        import moderngl
    except ImportError:
        raise ConfigError(_MISSING) from None
    try:
        settings: dict[str, Any] = {'backend': 'egl', 'libgl': 'libGL.so.1',
                                    'libegl': 'libEGL.so.1'}
        return moderngl.create_context(standalone=True, require=330, **settings)
    except Exception as error:         # moderngl raises bare Exceptions, ctypes OSError
        raise ConfigError(_NO_DRIVER + str(error)) from None


def renderer_name() -> str:
    """What draws: the name of the card or of the software, as the driver gives it.

    Raises:
        ConfigError: As in `open_context`.
    """
    context = open_context()
    try:
        return str(context.info['GL_RENDERER'])
    finally:
        context.release()
