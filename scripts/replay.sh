#!/usr/bin/env bash
# A bag through the live ROS 2 node without ros2 launch, from a bare clone:
#
#   bash scripts/replay.sh BAG --pose-topic /odom --output out/replay
#   bash scripts/replay.sh --help
#
# It makes the workspace if need be, and fetches the detector. The options are the arguments of
# launch/replay.launch.py. Ctrl-C stops everything.
set -eo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
for word in "$@"; do
  case $word in
    -h | --help) cd "$root" && exec python3 -m ros2_occpose.ros.replay_arguments ;;
  esac
done
bash "$root/scripts/bootstrap.sh"
# shellcheck source=scripts/env.sh
source "$root/scripts/env.sh"
occpose models fetch
exec python3 -m ros2_occpose.ros.replay "$@"
