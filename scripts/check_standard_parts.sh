#!/usr/bin/env bash
# Run the ROS tests with the standard parts of a ROS installation; none of them may be missing:
#
#   source /opt/ros/jazzy/setup.bash
#   bash scripts/check_standard_parts.sh               arguments go to pytest
#
# Builds the workspace on that installation first. Where scripts/test.sh skips a test, with a reason,
# for want of launch, message_filters, cv_bridge or tf2_ros, this fails. See docs/standard-parts.md.
set -eo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
if [ -z "${AMENT_PREFIX_PATH:-}" ]; then
  echo 'check_standard_parts.sh: expected a ROS installation, none is sourced; first:' \
    "source /opt/ros/${ROS_DISTRO:-jazzy}/setup.bash" >&2
  exit 2
fi
bash "$root/scripts/bootstrap.sh" --dev
# shellcheck source=scripts/env.sh
source "$root/scripts/env.sh"
cd "$root"
python3 - <<'PYTHON'
import importlib
import sys

import cv2
import numpy
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from catkin_pkg.package import parse_package

PARTS = {'launch': 'launch', 'launch_ros': 'launch_ros', 'ros2launch': 'ros2launch',
         'message_filters': 'message_filters', 'cv_bridge': 'cv_bridge', 'tf2_ros': 'tf2_ros_py'}
print(f'python {sys.version.split()[0]}, numpy {numpy.__version__}, opencv {cv2.__version__}')
missing = []
for module, package in PARTS.items():
    try:
        importlib.import_module(module)
        version = parse_package(get_package_share_directory(package)).version
        print(f'{module}: {package} {version}')
    except (ImportError, PackageNotFoundError) as error:
        print(f'{module}: {error}')
        missing.append(package)
if missing:
    names = ' '.join(f'ros-$ROS_DISTRO-{package.replace("_", "-")}' for package in missing)
    sys.exit(f'check_standard_parts.sh: missing parts; install them: sudo apt install {names}')
PYTHON
occpose models fetch || echo 'check_standard_parts.sh: tests that need the detector are skipped' >&2
export OCCPOSE_STANDARD_PARTS=required
[ $# -gt 0 ] || set -- test/ros test/test_launch_files.py
exec python3 -m pytest --timeout=300 "$@"
