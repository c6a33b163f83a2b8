# Source this file in bash: ROS 2, the built workspace, the Python environment and the DDS profile.
#
#   source scripts/env.sh                              # Jazzy, or what ROS_DISTRO says
#   export ROS_DISTRO=kilted; source scripts/env.sh    # another one made by scripts/bootstrap.sh
#
# shellcheck shell=bash
_occpose_source() {
  local root distro suffix=''
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P) || return 1
  distro=${ROS_DISTRO:-jazzy}
  [ "$distro" = jazzy ] || suffix=-$distro
  if [ ! -f "$root/install$suffix/setup.bash" ] || [ ! -f "$root/.venv$suffix/bin/activate" ]; then
    echo "env.sh: no workspace for ROS 2 $distro here; make it with:" \
      "ROS_DISTRO=$distro bash $root/scripts/bootstrap.sh" >&2
    return 1
  fi
  case ":${AMENT_PREFIX_PATH:-}" in
    *":$root/install$suffix/"*) ;;   # sourced before: harmless
    *":$root/install"*)
      echo "env.sh: another distribution of this clone is active; open a new shell." >&2
      return 1 ;;
  esac
  # The environment last: its Python comes first in PATH.
  # shellcheck source=/dev/null
  source "$root/install$suffix/setup.bash" && source "$root/.venv$suffix/bin/activate" || return 1
  # Without the profile Fast DDS loses images. Jazzy reads the first name, Kilted the second.
  export FASTRTPS_DEFAULT_PROFILES_FILE=${FASTRTPS_DEFAULT_PROFILES_FILE:-$root/config/fastdds.xml}
  export FASTDDS_DEFAULT_PROFILES_FILE=${FASTDDS_DEFAULT_PROFILES_FILE:-$root/config/fastdds.xml}
}
case $- in
  *u*)   # the setup files of ROS do not work under `set -u`
    set +u
    if _occpose_source; then set -u; else set -u; false; fi ;;
  *) _occpose_source ;;
esac
