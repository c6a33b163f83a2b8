"""People in 3D from one moving camera, also while they are hidden."""
from pkgutil import extend_path

# The source tree and the colcon overlay are one package.
__path__ = extend_path(__path__, __name__)
