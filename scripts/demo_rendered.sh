#!/usr/bin/env bash
# A rendered recording through the live ROS 2 node: a robot drives through a room, and people walk
# behind a shelf before its camera. Called by: bash scripts/demo.sh --rendered [OPTIONS]
#
# Options:
#   --seconds S         length of the recording (default: 12)
#   --seed N            another room, other people and paths (default: 22)
#   --output DIR        where the results go (default: out/demo_rendered)
#   --mocap DIR         motion capture that people walk by (default: mocap in $OCCPOSE_DATA; see
#                       docs/datasets.md)
#
# It makes the workspace, renders the recording once into the cache (some minutes on two cores),
# replays it through the node with the pose of the robot from odometry, and leaves poses.mcap,
# poses.jsonl, overlay.mp4, scene.png and summary.json in the output folder; where motmetrics is
# installed (scripts/bootstrap.sh --dev) also, in eval/, how far the node is from the truth.
set -eo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${OCCPOSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/occpose}
seconds=12 seed=22 output=$root/out/demo_rendered mocap=${OCCPOSE_DATA:+$OCCPOSE_DATA/mocap}

say() { echo "demo: $*"; }
fail() { echo "demo: $*" >&2; exit 1; }
usage() { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --seconds | --seed | --output | --mocap)
      [ $# -ge 2 ] || fail "$1 needs a value."
      case $1 in
        --seconds) seconds=$2 ;;
        --seed) seed=$2 ;;
        --output) output=$2 ;;
        --mocap) mocap=$2 ;;
      esac
      shift 2 ;;
    *) usage >&2; exit 2 ;;
  esac
done
[ -n "$mocap" ] || fail "people walk by motion capture, which cannot be shipped: give its folder" \
  "with --mocap DIR, or set OCCPOSE_DATA (see docs/datasets.md)."
[ -d "$mocap" ] || fail "there is no folder $mocap."

begin=$SECONDS
bash "$root/scripts/bootstrap.sh"
# shellcheck source=scripts/env.sh
source "$root/scripts/env.sh"
export ROS_DOMAIN_ID=${ROS_DOMAIN_ID:-$((RANDOM % 100 + 1))} ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
occpose models fetch
python3 -c 'import moderngl' 2>/dev/null || {
  say "installing what draws"
  sed -n '/^moderngl==/s/ *#.*//p' "$root/scripts/requirements/dev.txt" |
    python3 -m pip install -qq --disable-pip-version-check --no-input -r /dev/stdin
}

bag=$cache/rendered/seed_${seed}_${seconds}s
if [ ! -d "$bag" ]; then
  say "rendering $seconds s (once; it is kept in $bag)"
  occpose synth --output "$bag" --mocap "$mocap" --people 2 --role walk --role walk \
    --seconds "$seconds" --seed "$seed" --camera robot --occluders 2 --fps 15 --compressed
fi
mkdir -p "$output"
output=$(cd "$output" && pwd -P)
rm -rf "$output"/{poses.mcap,poses.jsonl,overlay.mp4,scene.png,summary.json,eval}

say "replaying it through the node"
mount=$(python3 -c 'import sys
from rosbags.highlevel import AnyReader
from pathlib import Path
with AnyReader([Path(sys.argv[1])]) as bag:
    wanted = [c for c in bag.connections if c.topic == "/tf_static"]
    connection, _, data = next(bag.messages(wanted))
    [fixed] = bag.deserialize(data, connection.msgtype).transforms
at, turn = fixed.transform.translation, fixed.transform.rotation
print(at.x, at.y, at.z, turn.x, turn.y, turn.z, turn.w)' "$bag")
python3 -m ros2_occpose.ros.replay "$bag" --pose-topic /odom --camera-mount "$mount" \
  --output "$output"
say "drawing"
python3 "$root/scripts/demo_report.py" "$bag" "$output" --pose-topic /camera/pose \
  --camera-note 'rendered, on a robot whose odometry says where it is'
if python3 -c 'import motmetrics, matplotlib' 2>/dev/null; then
  occpose evaluate bag "$output/poses.jsonl" --reference "$bag/truth.npz" --max-shift 0 \
    --output "$output/eval" >/dev/null
fi
say "poses.mcap, poses.jsonl, overlay.mp4, scene.png and summary.json are in $output" \
  "($((SECONDS - begin)) s)"
